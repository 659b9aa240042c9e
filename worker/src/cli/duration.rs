//! Durations as people write them: `90s`, `30m`, `3h50m`.

use std::time::Duration;

/// Units by their letters, largest first, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write hours, minutes and seconds, such as 3h50m, 30m or 90s")]
pub struct InvalidDuration(String);

/// Reads a duration: whole numbers, each followed by `d`, `h`, `m` or `s`, every unit at most once and larger ones first.
///
/// # Errors
/// If the text is anything else.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    seconds(text)
        .map(Duration::from_secs)
        .ok_or_else(|| InvalidDuration(text.to_owned()))
}

fn seconds(text: &str) -> Option<u64> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let letter = rest[end..].chars().next()?;
        // What is left of the units is smaller than what was read.
        let (_, length) = units.find(|(unit, _)| *unit == letter)?;
        let count: u64 = rest[..end].parse().ok()?;
        total = total.checked_add(count.checked_mul(*length)?)?;
        rest = &rest[end + letter.len_utf8()..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_units() {
        let read = |text| parse(text).map(|span| span.as_secs());
        assert_eq!(read("90s"), Ok(90));
        assert_eq!(read("30m"), Ok(1_800));
        assert_eq!(read("3h50m"), Ok(13_800));
        assert_eq!(read("1d2h3m4s"), Ok(93_784));
        assert_eq!(read("0s"), Ok(0));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "90",
            "m",
            "1m2h",
            "1m1m",
            "1.5h",
            "-1s",
            "1x",
            "1é",
            "99999999999999999999s",
        ] {
            let refused = parse(text).expect_err(text);
            assert!(refused.to_string().contains("3h50m"), "{refused}");
        }
        assert!(parse("9999999999999999999d").is_err());
    }
}
