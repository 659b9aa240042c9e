//! `[problem]`: which bilevel problem, with its parameters.

use crate::{
    spec::{
        Activation, HyperCleaningSpec, LabelNoise, ProblemSpec, QuadraticSpec, ReweightingSpec,
    },
    sweep::facts::MAX_WIDTH,
};

use super::{
    keys::{HYPER_CLEANING, QUADRATIC, REWEIGHTING},
    mistake::{Mistake, Read},
    scalar::{FINITE, NOT_NEGATIVE, Numbers, POSITIVE, PROBABILITY, integer, number, word},
    table::Table,
    tree::{Node, Value},
};

const ACTIVATIONS: [(&str, Activation); 2] = [("elu", Activation::Elu), ("tanh", Activation::Tanh)];
const MAX_LAYERS: usize = 16;
/// Matrices are dense, so dimensions are smaller than widths.
const MAX_DIM: u32 = 1024;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Reweighting,
    HyperCleaning,
    Quadratic,
}

const KINDS: [(&str, Kind); 3] = [
    ("reweighting", Kind::Reweighting),
    ("hyper_cleaning", Kind::HyperCleaning),
    ("quadratic", Kind::Quadratic),
];

/// Reads `[problem]`.
pub(super) fn read(node: &Node) -> Read<ProblemSpec> {
    match kind(node)? {
        Kind::Reweighting => reweighting(node).map(ProblemSpec::Reweighting),
        Kind::HyperCleaning => hyper_cleaning(node).map(ProblemSpec::HyperCleaning),
        Kind::Quadratic => quadratic(node).map(ProblemSpec::Quadratic),
    }
}

fn kind(node: &Node) -> Read<Kind> {
    let table = Table::unchecked(node, &REWEIGHTING)?;
    match table.get("kind") {
        Some(kind) => word("kind", kind, &KINDS),
        None => Err(Mistake::new("[problem] lacks the key `kind`")
            .at(&node.span, "`kind` is missing here")
            .help("kind = \"reweighting\", \"hyper_cleaning\" or \"quadratic\"")),
    }
}

fn reweighting(node: &Node) -> Read<ReweightingSpec> {
    let table = Table::new(node, &REWEIGHTING)?;
    let hidden = table.get("hidden").map(widths).transpose()?;
    let activation = table.get("activation");
    let activation = activation.map(|node| word("activation", node, &ACTIVATIONS));
    let default = ReweightingSpec::default();
    Ok(ReweightingSpec {
        hidden: hidden.unwrap_or(default.hidden),
        activation: activation.transpose()?.unwrap_or(default.activation),
        l2: real(&table, "l2", NOT_NEGATIVE, default.l2)?,
        noise: match table.get("noise") {
            Some(node) => noise(node)?,
            None => default.noise,
        },
    })
}

fn noise(node: &Node) -> Read<LabelNoise> {
    match &node.value {
        Value::Text(text) if text == "half" => Ok(LabelNoise::Half),
        Value::Integer(_) | Value::Float(_) => {
            number("noise", node, PROBABILITY).map(LabelNoise::Share)
        }
        _ => Err(Mistake::value(
            "noise",
            node,
            "\"half\", or a probability from 0 to 1",
        )),
    }
}

fn hyper_cleaning(node: &Node) -> Read<HyperCleaningSpec> {
    let table = Table::new(node, &HYPER_CLEANING)?;
    let default = HyperCleaningSpec::default();
    Ok(HyperCleaningSpec {
        l2: real(&table, "l2", POSITIVE, default.l2)?,
        noise: real(&table, "noise", PROBABILITY, default.noise)?,
    })
}

fn real(table: &Table, key: &str, range: Numbers, default: f64) -> Read<f64> {
    match table.get(key) {
        Some(node) => number(key, node, range),
        None => Ok(default),
    }
}

/// Unlike an axis of the grid, a list of widths may repeat itself.
fn widths(node: &Node) -> Read<Vec<u32>> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if nodes.len() > MAX_LAYERS {
        let expected = format!("the widths of at most {MAX_LAYERS} hidden layers");
        return Err(Mistake::value("hidden", node, expected));
    }
    let width = |node| integer("hidden", node, &(1..=MAX_WIDTH));
    nodes.iter().map(width).collect()
}

fn quadratic(node: &Node) -> Read<QuadraticSpec> {
    let table = Table::new(node, &QUADRATIC)?;
    let default = QuadraticSpec::default();
    let dim = |key, default| match table.get(key) {
        Some(node) => integer(key, node, &(1..=MAX_DIM)),
        None => Ok(default),
    };
    let real = |key, range, default| real(&table, key, range, default);
    let seed = match table.get("seed") {
        Some(node) => integer("seed", node, &(0..=u64::MAX))?,
        None => default.seed,
    };
    let spec = QuadraticSpec {
        dim_x: dim("dim_x", default.dim_x)?,
        dim_y: dim("dim_y", default.dim_y)?,
        mu_f: real("mu_f", POSITIVE, default.mu_f)?,
        l_f: real("l_f", POSITIVE, default.l_f)?,
        mu_g: real("mu_g", POSITIVE, default.mu_g)?,
        l_g: real("l_g", POSITIVE, default.l_g)?,
        mean: real("mean", FINITE, default.mean)?,
        noise: real("noise", NOT_NEGATIVE, default.noise)?,
        seed,
    };
    ordered(&table, ("mu_f", spec.mu_f), ("l_f", spec.l_f))?;
    ordered(&table, ("mu_g", spec.mu_g), ("l_g", spec.l_g))?;
    Ok(spec)
}

/// Strong convexity cannot exceed smoothness.
fn ordered(table: &Table, mu: (&str, f64), l: (&str, f64)) -> Read<()> {
    if mu.1 <= l.1 {
        return Ok(());
    }
    let message = format!("{} = {} is above {} = {}", mu.0, mu.1, l.0, l.1);
    let span = |key| table.get(key).map(|node| &node.span);
    Err(Mistake::new(message)
        .at_maybe(span(mu.0), "smallest eigenvalue")
        .at_maybe(span(l.0), "largest eigenvalue")
        .help(format!("expected 0 < {} <= {}", mu.0, l.0)))
}
