//! Which figures an answer has points for, and what is in them.

mod family;
mod grid;
mod notes;
mod quantity;

use bistable_common::wire::v1::{Estimate, Interval, QueryEstimatesResponse};

use self::{
    family::{Family, families},
    grid::{Dimension, K, M1, T, split, values},
    notes::notes,
    quantity::{ERRORS, LOSSES, Quantity, STABILITY},
};
use super::{
    axis::Scale,
    figure::{Axis, Figure, Mark, Panel, Series},
};

/// Every figure of an answer.
pub(super) fn figures(response: &QueryEstimatesResponse) -> Vec<Figure> {
    families(response)
        .iter()
        .flat_map(|family| {
            [
                stability(family, M1, K),
                stability(family, K, M1),
                risk_by_t(family),
                risk_by_m1(family),
            ]
        })
        .flatten()
        .collect()
}

/// Panels of one row, where rows are wrapped.
const WRAP: usize = 3;
/// Spread of K beyond which its axis is logarithmic.
const WIDE: f64 = 20.0;

/// Which axis is where.
struct Plan {
    x: Dimension,
    x_scale: Scale,
    y_scale: Scale,
    series: Dimension,
    panel: Dimension,
}

/// Both norms against `x` on log axes, with `series` told apart in a panel for each T; or the other way round where
/// there is only one of them.
fn stability(family: &Family, x: Dimension, series: Dimension) -> Option<Figure> {
    let lone = values(&family.estimates, series).len() < 2;
    let (series, panel) = if lone { (T, series) } else { (series, T) };
    let plan = Plan {
        x,
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        series,
        panel,
    };
    let by_quantity = STABILITY.map(|quantity| -> Vec<Panel> {
        split(&family.estimates, panel)
            .iter()
            .filter_map(|(value, estimates)| plan.panel(family, &quantity, *value, estimates))
            .collect()
    });
    let rows = if by_quantity.iter().all(|panels| panels.len() == 1) {
        vec![by_quantity.into_iter().flatten().collect()]
    } else {
        let wrapped = by_quantity.iter().flat_map(|panels| panels.chunks(WRAP));
        wrapped.map(<[Panel]>::to_vec).collect()
    };
    let what = format!("stability against {}", x.symbol);
    plan.figure(family, &format!("beta-vs-{}", x.slug), &what, rows)
}

/// SBO's figure 1: against K for each T, a row for each m1.
fn risk_by_t(family: &Family) -> Option<Figure> {
    let count = |dimension| values(&family.estimates, dimension).len();
    // With a single T and several m1 the other figure says it all.
    if count(T) < 2 && count(M1) > 1 {
        return None;
    }
    risk(family, T, M1)
}

/// SBO's figure 2: against K for each m1, a row for each T.
fn risk_by_m1(family: &Family) -> Option<Figure> {
    if values(&family.estimates, M1).len() < 2 {
        return None;
    }
    risk(family, M1, T)
}

fn risk(family: &Family, series: Dimension, panel: Dimension) -> Option<Figure> {
    let ks = values(&family.estimates, K);
    let spread = *ks.last()? as f64 / *ks.first()? as f64;
    let plan = Plan {
        x: K,
        x_scale: if spread < WIDE {
            Scale::Linear
        } else {
            Scale::Log
        },
        y_scale: Scale::Linear,
        series,
        panel,
    };
    let classification = family.estimates.iter().any(|e| e.val_error.is_some());
    let (what, quantities) = if classification {
        ("error", ERRORS)
    } else {
        ("loss", LOSSES)
    };
    let row = |(value, estimates): (&Option<u64>, &Vec<&Estimate>)| -> Vec<Panel> {
        quantities
            .iter()
            .filter_map(|quantity| plan.panel(family, quantity, *value, estimates))
            .collect()
    };
    let rows = split(&family.estimates, panel).iter().map(row).collect();
    plan.figure(
        family,
        &format!("{what}-vs-k-by-{}", series.slug),
        &format!("{what} and generalization gap against K"),
        rows,
    )
}

impl Plan {
    /// The figure of these panels, unless there are none or its horizontal axis has a single point.
    fn figure(
        &self,
        family: &Family,
        kind: &str,
        what: &str,
        mut rows: Vec<Vec<Panel>>,
    ) -> Option<Figure> {
        rows.retain(|row| !row.is_empty());
        if values(&family.estimates, self.x).len() < 2 || rows.is_empty() {
            return None;
        }
        let legend = values(&family.estimates, self.series);
        Some(Figure {
            name: format!("{}-{kind}", family.name),
            title: format!("{}: {what}", family.title),
            subtitle: family.fixed.clone(),
            notes: notes(family, &rows),
            rows,
            legend_title: self.series.symbol,
            legend: legend.iter().map(u64::to_string).collect(),
        })
    }

    /// A quantity at one value of the panel axis; `None` if it has no points there.
    fn panel(
        &self,
        family: &Family,
        quantity: &Quantity,
        value: Option<u64>,
        estimates: &[&Estimate],
    ) -> Option<Panel> {
        let title = value.map(|value| format!("{} = {value}", self.panel.symbol));
        let series = self.series(family, quantity, estimates);
        let points = series.iter().any(|series| !series.marks.is_empty());
        points.then(|| Panel {
            title: title.unwrap_or_default(),
            x: Axis {
                title: self.x.title.to_owned(),
                scale: self.x_scale,
            },
            y: Axis {
                title: quantity.title.to_owned(),
                scale: self.y_scale,
            },
            shared: quantity.risk,
            series,
        })
    }

    fn series(&self, family: &Family, quantity: &Quantity, estimates: &[&Estimate]) -> Vec<Series> {
        let legend = values(&family.estimates, self.series);
        let mark = |e: &&Estimate| {
            let Interval { mean, lo, hi } = (quantity.get)(e)?;
            let x = (self.x.get)(e)? as f64;
            let ends = lo.zip(hi);
            mean.is_finite().then_some(Mark { x, mean, ends })
        };
        let series = |(value, estimates): (Option<u64>, Vec<&Estimate>)| {
            let mut marks: Vec<Mark> = estimates.iter().filter_map(mark).collect();
            marks.sort_by(|a, b| a.x.total_cmp(&b.x));
            let place = legend.iter().position(|known| Some(*known) == value);
            Series {
                style: place.unwrap_or(0),
                marks,
            }
        };
        split(estimates, self.series)
            .into_iter()
            .map(series)
            .collect()
    }
}
