//! `[grid]`: the axes that all solvers share.

use std::ops::RangeInclusive;

use crate::spec::Batch;
use crate::{
    spec::MAX_BATCH,
    sweep::facts::{MAX_K, MAX_SAMPLES, MAX_T},
};

use super::{
    axis::Axis,
    keys::GRID,
    mistake::{Mistake, Read},
    scalar::{POSITIVE, integer, number},
    table::Table,
    tree::{Node, Value},
};

pub(super) const SAMPLES: RangeInclusive<u32> = 1..=MAX_SAMPLES;
pub(super) const INNER_STEPS: RangeInclusive<u32> = 0..=MAX_T;
pub(super) const BATCH: RangeInclusive<u32> = 1..=MAX_BATCH;

const DEFAULT_M2: u32 = 2000;

/// The axes that all solvers share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    pub m1: Axis<u32>,
    pub m2: Axis<u32>,
    /// Ascending.
    pub ks: Axis<u64>,
    pub ts: Option<Axis<u32>>,
    pub eta_x: Option<Axis<f64>>,
    pub eta_y: Option<Axis<f64>>,
    pub batch_x: Option<Axis<Batch>>,
    pub batch_y: Option<Axis<Batch>>,
}

impl Grid {
    /// Whether the optional axis `key` is written.
    pub fn has(&self, key: &str) -> bool {
        match key {
            "eta_x" => self.eta_x.is_some(),
            "eta_y" => self.eta_y.is_some(),
            "batch_x" => self.batch_x.is_some(),
            "batch_y" => self.batch_y.is_some(),
            _ => false,
        }
    }
}

/// Reads `[grid]`.
pub(super) fn read(node: &Node) -> Read<Grid> {
    let table = Table::new(node, &GRID)?;
    let steps = |node: &Node| integer("K", node, &(1..=MAX_K));
    let m2 = integers(&table, "m2", &SAMPLES)?;
    let ts = integers(&table, "T", &INNER_STEPS)?;
    let m1 = table.require("m1", "m1 = [200, 500]")?;
    let ks = table.require("K", "K = [100, 200]")?;
    Ok(Grid {
        m1: Axis::read("m1", m1, |node| integer("m1", node, &SAMPLES))?,
        m2: m2.unwrap_or_else(|| Axis::default(DEFAULT_M2)),
        ks: Axis::read("K", ks, steps)?.sorted(),
        ts,
        eta_x: step_sizes(&table, "eta_x")?,
        eta_y: step_sizes(&table, "eta_y")?,
        batch_x: batches(&table, "batch_x")?,
        batch_y: batches(&table, "batch_y")?,
    })
}

fn integers(table: &Table, key: &str, range: &RangeInclusive<u32>) -> Read<Option<Axis<u32>>> {
    let read = |node| Axis::read(key, node, |node| integer(key, node, range));
    table.get(key).map(read).transpose()
}

fn step_sizes(table: &Table, key: &str) -> Read<Option<Axis<f64>>> {
    let read = |node| Axis::read(key, node, |node| number(key, node, POSITIVE));
    table.get(key).map(read).transpose()
}

fn batches(table: &Table, key: &str) -> Read<Option<Axis<Batch>>> {
    let read = |node| Axis::read(key, node, |node| batch(key, node));
    table.get(key).map(read).transpose()
}

/// A number of samples, or `"all"`.
pub(super) fn batch(key: &str, node: &Node) -> Read<Batch> {
    match &node.value {
        Value::Text(text) if text == "all" => Ok(Batch::ALL),
        _ => match integer(key, node, &BATCH) {
            Ok(size) => Ok(Batch::Of(size)),
            Err(_) => {
                let expected = format!(
                    "an integer from {} to {}, or \"all\"",
                    BATCH.start(),
                    BATCH.end()
                );
                Err(Mistake::value(key, node, expected))
            }
        },
    }
}
