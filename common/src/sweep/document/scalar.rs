//! Single values: integers and numbers in their ranges, texts, and words out of a list.

use std::{fmt::Display, ops::RangeInclusive};

pub(super) use crate::spec::numbers::*;

use super::{
    keys::nearest,
    mistake::{Mistake, Read},
    tree::{Node, Value, quote},
};

/// An integer in `range`.
pub(super) fn integer<T>(key: &str, node: &Node, range: &RangeInclusive<T>) -> Read<T>
where
    T: TryFrom<i128> + PartialOrd + Display,
{
    let value = match node.value {
        Value::Integer(value) => T::try_from(value).ok(),
        _ => None,
    };
    value.filter(|value| range.contains(value)).ok_or_else(|| {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        Mistake::value(key, node, expected)
    })
}

/// A number in `range`, with or without a fraction.
pub(super) fn number(key: &str, node: &Node, range: Numbers) -> Read<f64> {
    let value = match node.value {
        Value::Integer(value) => Some(value as f64),
        Value::Float(value) => Some(value),
        _ => None,
    };
    value
        .filter(|&value| (range.contains)(value))
        .ok_or_else(|| Mistake::value(key, node, range.expected))
}

/// A text of 1 to `max` characters, without control characters.
pub(super) fn text<'n>(key: &str, node: &'n Node, max: usize) -> Read<&'n str> {
    let expected = format!("a string of 1 to {max} characters on one line");
    match &node.value {
        Value::Text(text)
            if !text.is_empty()
                && text.chars().count() <= max
                && !text.contains(char::is_control) =>
        {
            Ok(text)
        }
        _ => Err(Mistake::value(key, node, expected)),
    }
}

/// One of `words`, for what it stands for.
pub(super) fn word<T: Copy>(key: &str, node: &Node, words: &[(&str, T)]) -> Read<T> {
    let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
    let Value::Text(written) = &node.value else {
        return Err(Mistake::value(key, node, one_of(&names)));
    };
    if let Some((_, value)) = words.iter().find(|(name, _)| name == written) {
        return Ok(*value);
    }
    let message = format!("{key} = {}: expected {}", quote(written), one_of(&names));
    let mistake = Mistake::new(message).at(&node.span, "not one of them");
    Err(match nearest(written, names) {
        Some(near) => mistake.help(format!("did you mean \"{near}\"?")),
        None => mistake,
    })
}

/// `"a"`, `"b"` or `"c"`.
pub(super) fn one_of(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
