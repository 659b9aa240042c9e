//! An axis of the grid: a list of values, none of them twice, each with its place.

use std::fmt::Display;

use super::{
    mistake::{Mistake, Read},
    tree::{Node, Span, Value},
};

/// The longest axis: solvers multiply it, before the grid's points can be counted.
const MAX_VALUES: usize = 1024;

/// The values of an axis, as written; not empty, none of them twice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis<T>(Vec<Point<T>>);

/// A value of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point<T> {
    pub value: T,
    /// `None` for a default, which is written nowhere.
    pub span: Option<Span>,
}

impl<T: Copy + PartialOrd + Display> Axis<T> {
    /// The axis that is not written: a single value.
    pub fn default(value: T) -> Self {
        Self(vec![Point { value, span: None }])
    }

    /// Reads a list, or a single value for a list of one, with `value` for each.
    pub fn read(key: &str, node: &Node, value: impl Fn(&Node) -> Read<T>) -> Read<Self> {
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        if nodes.is_empty() {
            let mistake = Mistake::new(format!("{key} = []: expected at least one value"));
            return Err(mistake.at(&node.span, "an empty list"));
        }
        if nodes.len() > MAX_VALUES {
            let message = format!(
                "{key} has {} values: expected at most {MAX_VALUES}",
                nodes.len()
            );
            return Err(Mistake::new(message).at(&node.span, "too long"));
        }
        let points = nodes.iter().map(|node| {
            Ok(Point {
                value: value(node)?,
                span: Some(node.span.clone()),
            })
        });
        let axis = Self(points.collect::<Read<_>>()?);
        axis.refuse_repeated(key)?;
        Ok(axis)
    }

    /// The axis in ascending order.
    pub fn sorted(mut self) -> Self {
        self.0.sort_by(|a, b| {
            // Values are finite: `scalar` lets no others through.
            a.value
                .partial_cmp(&b.value)
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        self
    }

    /// The points, in order.
    pub fn points(&self) -> &[Point<T>] {
        &self.0
    }

    /// The values, in order.
    pub fn values(&self) -> Vec<T> {
        self.0.iter().map(|point| point.value).collect()
    }

    fn refuse_repeated(&self, key: &str) -> Read<()> {
        let sorted = self.clone().sorted();
        let pair = sorted
            .0
            .windows(2)
            .find(|pair| pair[0].value == pair[1].value);
        match pair {
            Some(pair) => Err(
                Mistake::new(format!("{key} has {} more than once", pair[0].value))
                    .at_maybe(pair[0].span.as_ref(), "first here")
                    .at_maybe(pair[1].span.as_ref(), "and again here"),
            ),
            None => Ok(()),
        }
    }
}
