//! A mean over replicates and how far to trust it.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean over replicates with its confidence interval (no ends with fewer than two replicates).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Lower end.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
}

impl Interval {
    /// The mean of one value a replicate, with Student's t interval on r - 1 degrees of freedom. Replicates are i.i.d.
    /// and indices within one are not, so the variance is the one between replicates alone; it already contains the
    /// variance of measuring only some indices, and nothing is to be added for that.
    pub(super) fn over_replicates(values: &[f64], confidence: f64) -> Option<Self> {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        if !mean.is_finite() {
            return None;
        }
        let half = half_width(values, mean, confidence);
        Some(Self {
            mean,
            lo: half.map(|half| mean - half),
            hi: half.map(|half| mean + half),
        })
    }

    /// Upper end less lower end.
    pub(super) fn width(&self) -> Option<f64> {
        Some(self.hi? - self.lo?)
    }
}

fn half_width(values: &[f64], mean: f64, confidence: f64) -> Option<f64> {
    let count = values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    let half = student_quantile(count - 1.0, confidence)? * error;
    half.is_finite().then_some(half)
}

/// The quantile t with `P(|X| <= t) = confidence`; `None` without degrees of freedom or outside (0, 1).
fn student_quantile(freedom: f64, confidence: f64) -> Option<f64> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(student.inverse_cdf((1.0 + confidence) / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_agree_with_the_tables() {
        // Two-sided quantiles from the closed forms for 1 and 2 degrees of freedom and from printed tables.
        for (freedom, confidence, expected) in [
            (1.0, 0.95, 12.706_204_736),
            (2.0, 0.95, 4.302_652_730),
            (4.0, 0.95, 2.776_445_105),
            (9.0, 0.99, 3.249_835_542),
            (29.0, 0.90, 1.699_127_027),
            (999.0, 0.95, 1.962_341_461),
        ] {
            let t = student_quantile(freedom, confidence).expect("a quantile");
            assert!((t / expected - 1.0).abs() < 1e-8, "{freedom}: {t}");
        }
    }

    #[test]
    fn an_interval_by_hand() {
        // Mean 2, variance 1, standard error 1/sqrt(3), t = 4.30265...
        let interval = Interval::over_replicates(&[1.0, 2.0, 3.0], 0.95).expect("an interval");
        let half = 4.302_652_730 / 3f64.sqrt();
        assert_eq!(interval.mean, 2.0);
        assert!((interval.lo.expect("lo") - (2.0 - half)).abs() < 1e-8);
        assert!((interval.hi.expect("hi") - (2.0 + half)).abs() < 1e-8);
        assert!((interval.width().expect("width") - 2.0 * half).abs() < 1e-8);
    }

    #[test]
    fn no_ends_without_a_variance_or_a_level() {
        let bare = |mean| {
            Some(Interval {
                mean,
                lo: None,
                hi: None,
            })
        };
        assert_eq!(Interval::over_replicates(&[5.0], 0.95), bare(5.0));
        assert_eq!(Interval::over_replicates(&[5.0, 7.0], 1.0), bare(6.0));
        assert_eq!(Interval::over_replicates(&[5.0, 7.0], f64::NAN), bare(6.0));
        assert_eq!(Interval::over_replicates(&[], 0.95), None);
        assert_eq!(Interval::over_replicates(&[f64::MAX; 3], 0.95), None);
    }

    #[test]
    fn equal_replicates_have_an_interval_without_width() {
        let interval = Interval::over_replicates(&[0.25; 4], 0.95).expect("an interval");
        assert_eq!((interval.lo, interval.hi), (Some(0.25), Some(0.25)));
    }
}
