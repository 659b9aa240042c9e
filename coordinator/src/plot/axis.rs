//! Axes fitted to their values: range and ticks. A log axis is a linear one of log10, so that charts have one
//! type.

use std::ops::Range;

use plotters::coord::ranged1d::{
    KeyPointHint, KeyPointWeight, NoDefaultFormatting, Ranged, ValueFormatter,
};

use super::label::{even_label, power_label};

/// How an axis maps values to places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Evenly.
    Linear,
    /// By logarithm; values up to zero have no place.
    Log,
}

impl Scale {
    /// A value's place; `None` if it has none.
    pub fn place(self, value: f64) -> Option<f64> {
        match self {
            Self::Linear => Some(value),
            Self::Log => (value > 0.0).then(|| value.log10()),
        }
        .filter(|place| place.is_finite())
    }

    fn value(self, place: f64) -> f64 {
        match self {
            Self::Linear => place,
            Self::Log => 10f64.powf(place),
        }
    }
}

/// An axis that knows its range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fitted {
    scale: Scale,
    /// First place.
    pub lo: f64,
    /// Last place; more than the first.
    pub hi: f64,
    /// Places of the ticks, ascending.
    pub ticks: Vec<f64>,
}

/// Room beyond the outermost values, as a share of the range.
const MARGIN: f64 = 0.07;
/// Ticks of an axis, at most.
const MOST_TICKS: usize = 6;
/// The least range of a log axis, in decades: a flat line should look flat.
const LEAST_DECADES: f64 = 0.3;

impl Fitted {
    /// An axis for these values, with round ticks.
    pub fn round(scale: Scale, values: impl IntoIterator<Item = f64>) -> Self {
        let (lo, hi) = range(scale, values);
        let ticks = match scale {
            Scale::Linear => even_ticks(lo, hi),
            Scale::Log => log_ticks(lo, hi),
        };
        Self {
            scale,
            lo,
            hi,
            ticks,
        }
    }

    /// An axis whose ticks are the values themselves, if they are few and apart; for the points of a grid.
    pub fn grid(scale: Scale, values: &[f64]) -> Self {
        let mut fitted = Self::round(scale, values.iter().copied());
        let mut places: Vec<f64> = values.iter().filter_map(|&v| scale.place(v)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let apart = 0.14 * (fitted.hi - fitted.lo);
        if places.windows(2).all(|pair| pair[1] - pair[0] >= apart) {
            fitted.ticks = places;
        }
        fitted
    }

    /// A value's place.
    pub fn place(&self, value: f64) -> Option<f64> {
        self.scale.place(value)
    }

    /// A value's place, moved to the nearer end of the axis if it is beyond; and whether it was.
    pub fn clamped(&self, value: f64) -> (f64, bool) {
        let place = self.place(value).unwrap_or(self.lo);
        (
            place.clamp(self.lo, self.hi),
            place <= self.lo || place >= self.hi,
        )
    }

    /// The label at a place.
    fn label(&self, place: f64) -> String {
        match self.scale {
            Scale::Log => power_label(self.scale.value(place)),
            Scale::Linear => even_label(place, &self.ticks),
        }
    }
}

impl Ranged for Fitted {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (place - self.lo) / (self.hi - self.lo);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight() {
            KeyPointWeight::Bold => self.ticks.clone(),
            KeyPointWeight::Any => Vec::new(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.lo..self.hi
    }
}

impl ValueFormatter<f64> for Fitted {
    fn format(place: &f64) -> String {
        place.to_string()
    }

    fn format_ext(&self, place: &f64) -> String {
        self.label(*place)
    }
}

fn range(scale: Scale, values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (lo, hi) = values
        .into_iter()
        .filter_map(|value| scale.place(value))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), place| {
            (lo.min(place), hi.max(place))
        });
    if lo > hi {
        return (0.0, 1.0);
    }
    let least = match scale {
        Scale::Log => LEAST_DECADES,
        // Nothing but zeros: any range will do, and a round one looks it.
        Scale::Linear if lo == 0.0 && hi == 0.0 => 2.0,
        Scale::Linear if lo == hi => lo.abs().max(1e-290) * 0.2,
        Scale::Linear => 0.0,
    };
    let widen = ((least - (hi - lo)) / 2.0).max(0.0) + MARGIN * (hi - lo).max(least);
    (lo - widen, hi + widen)
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn even_ticks(lo: f64, hi: f64) -> Vec<f64> {
    let rough = (hi - lo) / MOST_TICKS as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|&step| step >= rough)
        .unwrap_or(10.0 * power);
    let first = (lo / step).ceil() as i64;
    (0..=MOST_TICKS as i64)
        .map(|n| (first + n) as f64 * step)
        .take_while(|&tick| tick <= hi)
        .collect()
}

/// Powers of ten where there are enough of them, else finer multiples.
fn log_ticks(lo: f64, hi: f64) -> Vec<f64> {
    let (first, last) = (lo.floor() as i32, hi.ceil() as i32);
    let inside = |mantissas: &[f64]| -> Vec<f64> {
        (first..=last)
            .flat_map(|power| mantissas.iter().map(move |m| f64::from(power) + m.log10()))
            .filter(|place| (lo..=hi).contains(place))
            .collect()
    };
    let decades = inside(&[1.0]);
    if decades.len() >= 3 {
        let every = decades.len().div_ceil(MOST_TICKS);
        return decades.into_iter().step_by(every).collect();
    }
    let all: Vec<f64> = (10..100).map(|n| f64::from(n) / 10.0).collect();
    [
        &[1.0, 3.0][..],
        &[1.0, 2.0, 5.0],
        &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0],
        &all,
    ]
    .into_iter()
    .map(inside)
    .find(|ticks| ticks.len() >= 3)
    .map(|ticks| {
        let every = ticks.len().div_ceil(MOST_TICKS);
        ticks.into_iter().step_by(every).collect()
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(fitted: &Fitted) -> Vec<String> {
        fitted
            .ticks
            .iter()
            .map(|&tick| fitted.label(tick))
            .collect()
    }

    #[test]
    fn log_axes_have_powers_or_finer_ticks() {
        let wide = Fitted::round(Scale::Log, [1e-6, 1e-2]);
        assert_eq!(labels(&wide), ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "0.01"]);
        let narrow = Fitted::round(Scale::Log, [0.011, 0.019]);
        assert!((3..=6).contains(&narrow.ticks.len()), "{narrow:?}");
        let flat = Fitted::round(Scale::Log, [3e-9]);
        assert!(
            flat.ticks.len() >= 2 && labels(&flat)[0].contains("·10⁻⁹"),
            "{:?}",
            labels(&flat)
        );
        let huge = Fitted::round(Scale::Log, [1e-300, 1e300]);
        assert!(huge.ticks.len() <= 6);
    }

    #[test]
    fn even_axes_have_round_ticks() {
        assert_eq!(
            labels(&Fitted::round(Scale::Linear, [-0.02, 0.08])),
            ["−0.02", "0", "0.02", "0.04", "0.06", "0.08"]
        );
        let small = labels(&Fitted::round(Scale::Linear, [0.0, 2.4e-4]));
        assert_eq!(small[..3], ["0", "0.5·10⁻⁴", "1.0·10⁻⁴"]);
        assert_eq!(
            labels(&Fitted::round(Scale::Linear, [0.0, 0.0])),
            ["−1.0", "−0.5", "0", "0.5", "1.0"]
        );
    }

    #[test]
    fn nothing_to_fit_is_still_an_axis() {
        for scale in [Scale::Linear, Scale::Log] {
            let fitted = Fitted::round(scale, [f64::NAN]);
            assert!(fitted.lo < fitted.hi);
        }
        assert_eq!(Scale::Log.place(0.0), None);
        assert_eq!(Scale::Log.place(-1.0), None);
    }

    #[test]
    fn a_grid_is_labelled_by_its_own_values() {
        let grid = Fitted::grid(Scale::Log, &[500.0, 1000.0, 2000.0]);
        assert_eq!(labels(&grid), ["500", "1000", "2000"]);
        let crowded: Vec<f64> = (0..50).map(|n| 1000.0 + f64::from(n)).collect();
        assert!(Fitted::grid(Scale::Linear, &crowded).ticks.len() <= 7);
    }
}
