//! A figure as data: what is drawn, before anyone decides where the pixels go.

use super::axis::Scale;

/// A file's worth of panels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// The files' name without extension.
    pub name: String,
    /// The headline.
    pub title: String,
    /// What all panels share, in a line.
    pub subtitle: String,
    /// What a reader should know, in lines below the panels.
    pub notes: Vec<String>,
    /// Panels, row by row.
    pub rows: Vec<Vec<Panel>>,
    /// What the series are values of.
    pub legend_title: &'static str,
    /// One value a series; [`Series::style`] points here.
    pub legend: Vec<String>,
}

/// A pair of axes with its series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    /// The headline; may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Whether the vertical axis has the range of all such panels in the row.
    pub shared: bool,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// An axis before it is fitted to its values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// Its title.
    pub title: String,
    /// Its scale.
    pub scale: Scale,
}

/// Points that a line joins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// Place in the legend, which decides colour, dash and marker in all panels alike.
    pub style: usize,
    /// Ascending in x.
    pub marks: Vec<Mark>,
}

/// A measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    /// Where.
    pub x: f64,
    /// The mean.
    pub mean: f64,
    /// The ends of its confidence interval.
    pub ends: Option<(f64, f64)>,
}
