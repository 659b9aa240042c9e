//! One thing that is wrong with a document: what, where, and what would be right.

use std::fmt;

use miette::{Diagnostic, LabeledSpan};

use super::tree::{Node, Span};

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub message: String,
    pub labels: Vec<(Span, String)>,
    pub help: Option<String>,
}

/// What reading a part of a document gives.
pub(super) type Read<T> = Result<T, Mistake>;

impl Mistake {
    /// A mistake that has no place of its own yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            labels: Vec::new(),
            help: None,
        }
    }

    /// A value of the wrong kind, or out of its range.
    pub fn value(key: &str, node: &Node, expected: impl fmt::Display) -> Self {
        Self::new(format!("{key} = {}: expected {expected}", node.quoted()))
            .at(&node.span, format!("this is {}", node.kind()))
    }

    /// Points at a place, with a few words about it.
    pub fn at(mut self, span: &Span, label: impl Into<String>) -> Self {
        self.labels.push((span.clone(), label.into()));
        self
    }

    /// As [`Mistake::at`], where the place is known.
    pub fn at_maybe(self, span: Option<&Span>, label: impl Into<String>) -> Self {
        match span {
            Some(span) => self.at(span, label),
            None => self,
        }
    }

    /// Says what would be right.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// As [`Mistake::help`], unless something better is known already.
    pub fn help_or(mut self, help: &str) -> Self {
        self.help.get_or_insert_with(|| help.to_owned());
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self
            .labels
            .iter()
            .map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), span.clone()));
        Some(Box::new(labels))
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}
