//! A figure as SVG with text. Lengths are pixels of the PNG; the backend knows whole pixels only, so everything is drawn
//! at twice the size of a page.

use std::iter::once;

use plotters::{
    coord::{Shift, cartesian::Cartesian2d},
    element::{DashedPathElement, EmptyElement, PathElement, Polygon},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    axis::{Fitted, Scale},
    figure::{Figure, Mark, Panel, Series},
    outline::FONT_FAMILY,
    palette::{Look, look},
};

const PANEL_WIDTH: u32 = 720;
const PANEL_HEIGHT: u32 = 540;
const HEAD: u32 = 110;
const NOTE: u32 = 34;
const FOOT: u32 = 24;
const LEGEND_WIDTH: u32 = 200;
const LEGEND_STEP: i32 = 42;
const LEAST_WIDTH: u32 = 1300;

const TITLE: u32 = 40;
const HEADING: u32 = 32;
const TEXT: u32 = 28;

const INK: RGBColor = RGBColor(34, 34, 34);
const GREY: RGBColor = RGBColor(110, 110, 110);
const GRID: RGBColor = RGBColor(225, 225, 225);

const LINE: u32 = 4;
const BAR: u32 = 2;
const RADIUS: f64 = 8.0;

/// How far, as a factor, a log axis follows the ends of intervals beyond the means.
const REACH: f64 = 3.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Fitted, Fitted>>;

/// The figure's drawing; an error is the backend's own words.
pub(super) fn svg(figure: &Figure) -> Result<String, String> {
    let mut drawing = String::new();
    paint(figure, &mut drawing).map_err(|error| error.to_string())?;
    Ok(drawing)
}

type Painted = Result<(), Box<dyn std::error::Error>>;

fn paint(figure: &Figure, drawing: &mut String) -> Painted {
    let columns = figure.rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let rows = figure.rows.len() as u32;
    let legend_height = 40 + LEGEND_STEP as u32 * (figure.legend.len() as u32 + 1);
    let body = (rows * PANEL_HEIGHT).max(legend_height);
    let notes = NOTE * figure.notes.len() as u32;
    let width = (columns * PANEL_WIDTH + LEGEND_WIDTH).max(LEAST_WIDTH);
    let size = (width, HEAD + body + notes + FOOT);
    let root = SVGBackend::with_string(drawing, size).into_drawing_area();
    root.fill(&WHITE)?;
    headline(&root, figure)?;
    for (row, panels) in figure.rows.iter().enumerate() {
        let shared: Vec<f64> = panels
            .iter()
            .filter(|panel| panel.shared)
            .flat_map(extent)
            .collect();
        for (column, panel) in panels.iter().enumerate() {
            let x = (column as u32 * PANEL_WIDTH) as i32;
            let y = (HEAD + row as u32 * PANEL_HEIGHT) as i32;
            let (right, bottom) = (x + PANEL_WIDTH as i32, y + PANEL_HEIGHT as i32);
            let area = root.clone().shrink((x, y), (right - x, bottom - y));
            let extent = match panel.shared {
                true => shared.clone(),
                false => extent(panel),
            };
            let y = Fitted::round(panel.y.scale, extent);
            draw_panel(&root, &area, panel, &y, figure.legend.len())?;
        }
    }
    draw_legend(&root, figure, (columns * PANEL_WIDTH) as i32 + 12)?;
    for (at, note) in figure.notes.iter().enumerate() {
        let y = HEAD + body + NOTE * at as u32;
        root.draw(&Text::new(note.clone(), (30, y as i32), font(TEXT, GREY)))?;
    }
    root.present()?;
    Ok(())
}

fn font(size: u32, colour: RGBColor) -> TextStyle<'static> {
    (FONT_FAMILY, f64::from(size)).into_font().color(&colour)
}

fn headline(root: &Area, figure: &Figure) -> Painted {
    root.draw(&Text::new(figure.title.clone(), (30, 20), font(TITLE, INK)))?;
    let subtitle = figure.subtitle.clone();
    root.draw(&Text::new(subtitle, (30, 66), font(TEXT, GREY)))?;
    Ok(())
}

fn draw_panel(root: &Area, area: &Area, panel: &Panel, y: &Fitted, styles: usize) -> Painted {
    let marks = || panel.series.iter().flat_map(|series| &series.marks);
    let xs: Vec<f64> = marks().map(|mark| mark.x).collect();
    let x = Fitted::grid(panel.x.scale, &xs);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_top(52)
        .margin_right(28)
        .x_label_area_size(78)
        .y_label_area_size(180)
        .build_cartesian_2d(x.clone(), y.clone())?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(GREY.stroke_width(2))
        .label_style(font(TEXT, INK))
        .axis_desc_style(font(TEXT, INK))
        .x_desc(panel.x.title.clone())
        .y_desc(panel.y.title.clone())
        .draw()?;
    let (across, down) = chart.plotting_area().get_pixel_range();
    let middle = (i32::midpoint(across.start, across.end), down.start - 12);
    let centred = font(HEADING, INK).pos(Pos::new(HPos::Center, VPos::Bottom));
    root.draw(&Text::new(panel.title.clone(), middle, centred))?;
    if panel.y.scale == Scale::Linear && y.lo < 0.0 && y.hi > 0.0 {
        let zero = PathElement::new(vec![(x.lo, 0.0), (x.hi, 0.0)], GREY.stroke_width(2));
        chart.draw_series(once(zero))?;
    }
    for series in &panel.series {
        draw_series(&mut chart, series, &x, y, styles)?;
    }
    Ok(())
}

/// The values that the vertical axis must show: means, and the ends of their intervals; on a log axis these up to
/// [`REACH`] beyond the means, since an end near zero is as good as at infinity.
fn extent(panel: &Panel) -> Vec<f64> {
    let marks = || panel.series.iter().flat_map(|series| &series.marks);
    let places = || marks().filter(|mark| panel.y.scale.place(mark.mean).is_some());
    let means = places().map(|mark| mark.mean);
    let (least, most) = means.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), mean| {
        (lo.min(mean), hi.max(mean))
    });
    let far = |end: f64| match panel.y.scale {
        Scale::Linear => end,
        Scale::Log => end.clamp(least / REACH, most * REACH),
    };
    places()
        .flat_map(|mark| {
            let ends = mark.ends.map(|(lo, hi)| [far(lo), far(hi)]);
            once(mark.mean).chain(ends.into_iter().flatten())
        })
        .collect()
}

fn draw_series(
    chart: &mut Chart,
    series: &Series,
    x: &Fitted,
    y: &Fitted,
    styles: usize,
) -> Painted {
    let look = look(series.style);
    let span = x.hi - x.lo;
    // Side by side, or else the bars of different series would hide each other.
    let aside = 0.009 * span * (series.style as f64 - (styles.max(1) - 1) as f64 / 2.0);
    let places: Vec<(f64, f64, &Mark)> = series
        .marks
        .iter()
        .filter_map(|mark| Some((x.place(mark.x)? + aside, y.place(mark.mean)?, mark)))
        .collect();
    for &(at, _, mark) in &places {
        if let Some(ends) = mark.ends {
            draw_bar(chart, at, ends, y, 0.009 * span, look)?;
        }
    }
    let path: Vec<(f64, f64)> = places.iter().map(|&(x, y, _)| (x, y)).collect();
    let stroke = look.colour.stroke_width(LINE);
    match look.dash {
        None => chart.draw_series(once(PathElement::new(path.clone(), stroke)))?,
        Some((dash, gap)) => chart.draw_series(once(DashedPathElement::new(
            path.clone(),
            dash,
            gap,
            stroke,
        )))?,
    };
    chart.draw_series(path.into_iter().map(|place| {
        EmptyElement::at(place) + Polygon::new(look.marker(RADIUS), look.colour.filled())
    }))?;
    Ok(())
}

/// An interval with caps; without a cap where it goes on beyond the frame.
fn draw_bar(
    chart: &mut Chart,
    at: f64,
    (lo, hi): (f64, f64),
    y: &Fitted,
    cap: f64,
    look: Look,
) -> Painted {
    let stroke = look.colour.stroke_width(BAR);
    let ends = [y.clamped(lo), y.clamped(hi)];
    let bar = ends.iter().map(|&(place, _)| (at, place)).collect();
    let caps = ends
        .iter()
        .filter(|(_, beyond)| !beyond)
        .map(|&(place, _)| vec![(at - cap, place), (at + cap, place)]);
    let paths: Vec<Vec<(f64, f64)>> = once(bar).chain(caps).collect();
    let paths = paths.into_iter().map(|path| PathElement::new(path, stroke));
    chart.draw_series(paths)?;
    Ok(())
}

fn draw_legend(root: &Area, figure: &Figure, left: i32) -> Painted {
    if figure.legend.is_empty() {
        return Ok(());
    }
    let middle = Pos::new(HPos::Left, VPos::Center);
    let top = HEAD as i32 + 40;
    let title = font(HEADING, INK).pos(middle);
    root.draw(&Text::new(figure.legend_title, (left, top), title))?;
    for (at, value) in figure.legend.iter().enumerate() {
        let y = top + LEGEND_STEP * (at as i32 + 1);
        let look = look(at);
        let stroke = look.colour.stroke_width(LINE);
        let line = [(left, y), (left + 66, y)];
        match look.dash {
            None => root.draw(&PathElement::new(line.to_vec(), stroke))?,
            Some((dash, gap)) => {
                root.draw(&DashedPathElement::new(line, dash, gap, stroke))?;
            }
        }
        let marker = Polygon::new(look.marker(RADIUS), look.colour.filled());
        root.draw(&(EmptyElement::at((left + 33, y)) + marker))?;
        let text = font(TEXT, INK).pos(middle);
        root.draw(&Text::new(value.clone(), (left + 80, y), text))?;
    }
    Ok(())
}
