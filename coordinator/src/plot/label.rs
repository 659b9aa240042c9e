//! Labels of ticks: short, and in powers of ten where numbers are not.

fn superscript(number: i32) -> String {
    number
        .to_string()
        .chars()
        .map(|digit| match digit {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => digit
                .to_digit(10)
                .and_then(|n| char::from_u32('⁰' as u32 + n))
                .unwrap_or(digit),
        })
        .collect()
}

/// `0.002`, `50`, `10⁻⁵`, `3·10⁻⁵`.
pub(super) fn power_label(value: f64) -> String {
    let exponent = (value.log10() + 1e-9).floor() as i32;
    if (-2..=4).contains(&exponent) {
        let decimals = (1 - exponent).max(0) as usize;
        return plain(value, decimals);
    }
    let mantissa = plain(value / 10f64.powi(exponent), 1);
    match &mantissa[..] {
        "1" => format!("10{}", superscript(exponent)),
        mantissa => format!("{mantissa}·10{}", superscript(exponent)),
    }
}

/// A tick of an even axis: all of its labels share decimals and power.
pub(super) fn even_label(value: f64, ticks: &[f64]) -> String {
    let step = ticks
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(f64::INFINITY, f64::min);
    let largest = ticks
        .iter()
        .fold(0.0, |most: f64, tick| most.max(tick.abs()));
    if !step.is_finite() || largest == 0.0 {
        return plain(value, 6);
    }
    let power = (largest.log10() + 1e-9).floor() as i32;
    let shift = if (-2..=4).contains(&power) { 0 } else { power };
    let decimals = (shift - (step.log10() + 1e-9).floor() as i32).max(0) as usize;
    let number = minus(format!("{:.decimals$}", value / 10f64.powi(shift)));
    match shift {
        _ if value.abs() < step * 1e-6 => "0".to_owned(),
        0 => number,
        _ => format!("{number}·10{}", superscript(shift)),
    }
}

/// At most these decimals, without trailing zeros.
fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        minus(text.trim_end_matches('0').trim_end_matches('.').to_owned())
    } else {
        minus(text)
    }
}

fn minus(text: String) -> String {
    text.replace('-', "−")
}
