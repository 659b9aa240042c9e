//! Everything that is wrong with a document, as people read it.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

use super::{Source, mistake::Mistake, tree::Span};

/// Lines longer than this are not shown: a document may be a single line.
const SHOWN_LINE_BYTES: usize = 400;
/// More mistakes than this are counted, not shown.
const SHOWN_MISTAKES: usize = 20;

/// What is wrong with a sweep document: each mistake with its place and with what would be right.
///
/// As a [`Diagnostic`] it can be shown by any of miette's handlers; [`DocumentError::render`] is the plain form for a
/// log or a remote client.
#[derive(Debug)]
pub struct DocumentError(Box<Contents>);

#[derive(Debug)]
struct Contents {
    source: NamedSource<String>,
    /// Not empty.
    mistakes: Vec<Mistake>,
}

impl DocumentError {
    /// Joins mistakes (at least one) with the document they are in.
    pub(super) fn new(source: &Source, mistakes: Vec<Mistake>) -> Self {
        let mut mistakes: Vec<_> = mistakes
            .into_iter()
            .map(|mistake| showable(mistake, source))
            .collect();
        let more = mistakes.len().saturating_sub(SHOWN_MISTAKES);
        if more > 0 {
            mistakes.truncate(SHOWN_MISTAKES);
            mistakes.push(Mistake::new(format!("and {more} more")));
        }
        let source = NamedSource::new(source.name, source.text.to_owned());
        Self(Box::new(Contents { source, mistakes }))
    }

    /// The error as plain text, without colours: file, line, the span, what was expected and what would be right.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let rendered = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_links(false)
            .with_wrap_lines(false)
            .render_report(&mut text, self);
        match rendered {
            Ok(()) => text,
            // Only a span outside the document could get here, and `showable` leaves none.
            Err(fmt::Error) => self.to_string(),
        }
    }

    fn single(&self) -> Option<&Mistake> {
        match self.0.mistakes.as_slice() {
            [mistake] => Some(mistake),
            _ => None,
        }
    }
}

/// Keeps labels inside the document. Where there is nothing to show, because the mistake has no place or its line is
/// too long, the message itself names the file (and line and column).
fn showable(mut mistake: Mistake, source: &Source) -> Mistake {
    for (span, _) in &mut mistake.labels {
        *span = first_line(source.text, span);
    }
    let shown = |span: &Span| can_be_shown(source.text, span.start);
    match mistake.labels.first() {
        None => mistake.message = format!("{}: {}", source.name, mistake.message),
        Some(_) if mistake.labels.iter().all(|(span, _)| shown(span)) => {}
        Some((span, _)) => {
            let (line, column) = position(source.text, span.start);
            mistake.message = format!("{}:{line}:{column}: {}", source.name, mistake.message);
            mistake.labels.clear();
        }
    }
    mistake
}

/// The part of `span` on its first line, which is enough to find a long table.
fn first_line(text: &str, span: &Span) -> Span {
    let start = floor_char_boundary(text, span.start);
    let line_end = start + text[start..].find('\n').unwrap_or(text.len() - start);
    let end = floor_char_boundary(text, span.end.min(line_end));
    start..end.max(start)
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Whether the line at `offset` and the lines before and after it, which are shown with it, are short enough.
fn can_be_shown(text: &str, offset: usize) -> bool {
    let (before, after) = text.split_at(offset);
    let mut before = before.rsplit('\n').map(str::len);
    let mut after = after.split('\n').map(str::len);
    let line = before.next().unwrap_or(0) + after.next().unwrap_or(0);
    [Some(line), before.next(), after.next()]
        .into_iter()
        .flatten()
        .all(|bytes| bytes <= SHOWN_LINE_BYTES)
}

/// Line and column, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(mistake) => mistake.fmt(f),
            None => write!(f, "{} is not a sweep that can run", self.0.source.name()),
        }
    }
}

impl std::error::Error for DocumentError {}

impl Diagnostic for DocumentError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.0.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.single().and_then(Diagnostic::labels)
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.single().and_then(Diagnostic::help)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self.single() {
            Some(_) => None,
            None => Some(Box::new(
                self.0.mistakes.iter().map(|m| m as &dyn Diagnostic),
            )),
        }
    }
}
