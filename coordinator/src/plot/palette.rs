//! What tells series apart: colour, dash and marker together, so that none is needed alone.

use plotters::style::RGBColor;

/// Okabe and Ito's colours for all kinds of colour vision, without the yellow that white paper swallows.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// Length of dash and gap in pixels; `None` for a solid line.
const DASHES: [Option<(i32, i32)>; 4] = [None, Some((18, 8)), Some((7, 7)), Some((30, 10))];

/// Corners of a marker, in units of its radius.
type Outline = &'static [(f64, f64)];

const CIRCLE: Outline = &[
    (1.0, 0.0),
    (0.924, 0.383),
    (0.707, 0.707),
    (0.383, 0.924),
    (0.0, 1.0),
    (-0.383, 0.924),
    (-0.707, 0.707),
    (-0.924, 0.383),
    (-1.0, 0.0),
    (-0.924, -0.383),
    (-0.707, -0.707),
    (-0.383, -0.924),
    (0.0, -1.0),
    (0.383, -0.924),
    (0.707, -0.707),
    (0.924, -0.383),
];
const SQUARE: Outline = &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)];
const UP: Outline = &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)];
const DIAMOND: Outline = &[(0.0, -1.3), (1.1, 0.0), (0.0, 1.3), (-1.1, 0.0)];
const DOWN: Outline = &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)];
const MARKERS: [Outline; 5] = [CIRCLE, SQUARE, UP, DIAMOND, DOWN];

/// The look of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Of line, marker and error bars.
    pub colour: RGBColor,
    /// Of the line.
    pub dash: Option<(i32, i32)>,
    marker: Outline,
}

/// The look of the series at `place` in the legend. The lists' lengths have no common factor, so that looks repeat
/// only after all 140 combinations.
pub(super) fn look(place: usize) -> Look {
    Look {
        colour: COLOURS[place % COLOURS.len()],
        dash: DASHES[place % DASHES.len()],
        marker: MARKERS[place % MARKERS.len()],
    }
}

impl Look {
    /// The marker's corners around (0, 0), in pixels.
    pub fn marker(&self, radius: f64) -> Vec<(i32, i32)> {
        let pixel = |value: f64| (value * radius).round() as i32;
        self.marker
            .iter()
            .map(|&(x, y)| (pixel(x), pixel(y)))
            .collect()
    }
}
