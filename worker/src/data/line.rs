//! What text formats have in common: lines with numbers, and labels that become classes.

use std::{fmt, str::Utf8Error};

use super::{LineError, MAX_CLASSES};

/// What is read of a line.
pub(super) type Read<T> = Result<T, String>;

/// Lines, from 1.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = text.split(|&byte| byte == b'\n');
    (1..).zip(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)))
}

/// A line as text.
pub(super) fn text(line: &[u8]) -> Read<&str> {
    str::from_utf8(line).map_err(|error: Utf8Error| format!("not UTF-8: {error}"))
}

/// Says where it is.
pub(super) fn at<T>(line: u64, read: Read<T>) -> Result<T, LineError> {
    read.map_err(|reason| LineError { line, reason })
}

/// A value.
pub(super) fn value(text: &str) -> Read<f32> {
    let value = text.parse().ok().filter(|value: &f32| value.is_finite());
    value.ok_or_else(|| format!("{} is not a finite number", quoted(text)))
}

/// An integer, which may be written with a fraction of zero.
pub(super) fn integer(text: &str) -> Option<i64> {
    const EXACT: f64 = (1u64 << 53) as f64;
    let value: f64 = text.parse().ok()?;
    (value.trunc() == value && value.abs() <= EXACT).then_some(value as i64)
}

/// What is quoted of a file.
pub(super) fn quoted(text: &str) -> impl fmt::Display {
    let mut head: String = text.chars().take(40).collect();
    if head.len() < text.len() {
        head.push_str("..");
    }
    format!("{head:?}")
}

/// Classes in ascending order of what the labels say.
pub(super) fn classes<T: Ord + Clone>(labels: &[T]) -> Result<Vec<u32>, String> {
    let mut distinct = labels.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() > MAX_CLASSES as usize {
        return Err(format!(
            "{} different labels: at most {MAX_CLASSES} are read",
            distinct.len()
        ));
    }
    let class = |label: &T| distinct.partition_point(|other| other < label) as u32;
    Ok(labels.iter().map(class).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_ascending_order_of_labels() {
        assert_eq!(classes(&[1, -1, 1, 7]), Ok(vec![1, 0, 1, 2]));
        assert_eq!(classes(&["b", "a"]), Ok(vec![1, 0]));
        assert!(classes(&(0..70000).collect::<Vec<_>>()).is_err());
    }

    #[test]
    fn integers_may_have_a_fraction_of_zero() {
        let read = [
            "+1", "-1", "3.000", "1e2", "0.5", "1,2", "x", "nan", "1e300",
        ]
        .map(integer);
        let some = [Some(1), Some(-1), Some(3), Some(100)];
        assert_eq!(read[..4], some);
        assert!(read[4..].iter().all(Option::is_none));
    }
}
