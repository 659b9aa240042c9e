//! Measured numbers for people: as many digits as the interval supports.

use bistable_common::wire::v1::Interval;

/// Digits of a value whose uncertainty is unknown.
const BARE_DIGITS: i32 = 4;
/// Digits beyond which nobody reads, however small the uncertainty.
const MOST_DIGITS: i32 = 6;

/// `1.274 ± 0.012`, `(2.9 ± 0.3)e-4`; a lone mean without its interval; `0` where nothing is uncertain about it.
pub(super) fn measured(interval: &Interval) -> String {
    let Interval { mean, lo, hi } = *interval;
    let half = lo.zip(hi).map(|(lo, hi)| (hi - lo) / 2.0);
    if mean == 0.0 && half.is_none_or(|half| half == 0.0) {
        return "0".to_owned();
    }
    let size = exponent(mean.abs().max(half.unwrap_or(0.0)));
    let shift = if (-3..=3).contains(&size) { 0 } else { size };
    let most = shift - size + MOST_DIGITS - 1;
    let wanted = match half {
        Some(half) if half > 0.0 => shift - last_digit(half),
        _ => shift - size + BARE_DIGITS - 1,
    };
    let decimals = wanted.min(most).max(0) as usize;
    let print = |value: f64| scaled(value, shift, decimals);
    let Some(half) = half else {
        return print(mean) + &power(shift);
    };
    match (half, is_zero(&print(half))) {
        (0.0, _) => format!("{}{} ± 0", print(mean), power(shift)),
        // Its digits are beyond those that are printed.
        (_, true) => format!("{}{} ± {half:.0e}", print(mean), power(shift)),
        _ if shift == 0 => format!("{} ± {}", print(mean), print(half)),
        _ => format!("({} ± {}){}", print(mean), print(half), power(shift)),
    }
}

/// A ratio such as `1.2`, `340` or `3.1e7`.
pub(super) fn ratio(value: f64) -> String {
    let size = exponent(value);
    if !(-4..=4).contains(&size) {
        return format!("{value:.1e}");
    }
    let decimals = (1 - size).clamp(0, 4) as usize;
    format!("{value:.decimals$}")
}

/// An axis's value as a person would have written it.
pub(super) fn size(value: f64) -> String {
    let plain = format!("{value}");
    if plain.len() <= 8 {
        plain
    } else {
        format!("{value:e}")
    }
}

/// A value in units of a power of ten; what rounds to zero has no sign.
fn scaled(value: f64, shift: i32, decimals: usize) -> String {
    // Powers of ten beyond f64's are two factors.
    let (near, far) = (shift.clamp(-300, 300), shift - shift.clamp(-300, 300));
    let scaled = value / 10f64.powi(near) / 10f64.powi(far);
    let text = format!("{scaled:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if is_zero(rest) => rest.to_owned(),
        _ => text,
    }
}

fn is_zero(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '0' | '.'))
}

fn power(shift: i32) -> String {
    match shift {
        0 => String::new(),
        shift => format!("e{shift}"),
    }
}

/// Decimal exponent of the leading digit; 0 for zero.
fn exponent(value: f64) -> i32 {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    value.abs().log10().floor() as i32
}

/// Decimal exponent of the last digit worth printing: the first of the uncertainty, or the second if the first is
/// below 3 and rounding to it would change much.
fn last_digit(half: f64) -> i32 {
    let first = exponent(half);
    if half / 10f64.powi(first) < 2.95 {
        first - 1
    } else {
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(mean: f64, half: f64) -> String {
        measured(&Interval {
            mean,
            lo: Some(mean - half),
            hi: Some(mean + half),
        })
    }

    #[test]
    fn digits_follow_the_interval() {
        assert_eq!(show(0.0159, 0.0009), "0.0159 ± 0.0009");
        assert_eq!(show(0.0159, 0.0012), "0.0159 ± 0.0012");
        assert_eq!(show(1.2741, 0.0123), "1.274 ± 0.012");
        assert_eq!(show(-0.012, 0.05), "-0.01 ± 0.05");
        assert_eq!(show(-0.012, 0.02), "-0.012 ± 0.020");
        assert_eq!(show(2.9e-4, 0.3e-4), "(2.9 ± 0.3)e-4");
        assert_eq!(show(12_345.6, 400.0), "(1.23 ± 0.04)e4");
        assert_eq!(show(250.0, 30.0), "250 ± 30");
        assert_eq!(show(0.5, 1e-12), "0.500000 ± 1e-12");
    }

    #[test]
    fn zeros_are_plain() {
        assert_eq!(show(0.0, 0.0), "0");
        assert_eq!(show(0.5, 0.0), "0.5000 ± 0");
        assert_eq!(show(1e-310, 0.0), "1.000e-310 ± 0");
        assert_eq!(show(-2e-4, 2e-2), "0.000 ± 0.020");
        assert_eq!(show(-1e-9, 4e-7), "(0 ± 4)e-7");
        let lone = Interval {
            mean: 0.0,
            lo: None,
            hi: None,
        };
        assert_eq!(measured(&lone), "0");
    }

    #[test]
    fn a_lone_mean_claims_nothing() {
        let interval = Interval {
            mean: 0.015_912_3,
            lo: None,
            hi: None,
        };
        assert_eq!(measured(&interval), "0.01591");
    }

    #[test]
    fn ratios_and_axes() {
        assert_eq!(
            [ratio(341.7), ratio(1.234), ratio(0.05), ratio(31_010_371.0)],
            ["342", "1.2", "0.050", "3.1e7"]
        );
        assert_eq!(
            [size(5.0), size(0.01), size(1.25e-9)],
            ["5", "0.01", "1.25e-9"]
        );
    }
}
