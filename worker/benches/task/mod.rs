//! The reference task: 784-256-10, ELU, batch 8, bundled MNIST.
#![allow(dead_code, reason = "each bench uses a part")]

use bistable_common::{
    ids::{CellId, Replicate},
    spec::{HyperCleaningSpec, Precision, ProblemSpec, ReweightingSpec, presets},
    sweep::{Cell, Facts, Indices, Replace, SCHEME},
};
use bistable_worker::{
    data::Dataset,
    kernel::{Rows, Simd, SimdMode},
    problem::Reweighting,
    setting::{Mode, Setting},
};
use clap::ValueEnum;

/// TSGD on the reference task, or on another network.
pub fn facts_with(hidden: &[u32], inner_steps: u32, ks: &[u64]) -> Facts {
    let preset = presets::find("tsgd").expect("a preset");
    Facts {
        scheme: SCHEME,
        problem: ProblemSpec::Reweighting(ReweightingSpec {
            hidden: hidden.to_vec(),
            ..ReweightingSpec::default()
        }),
        data: Some(Dataset::bundled().hash()),
        test: 1000,
        precision: Precision::F32,
        seed: 1,
        replicates: 1,
        replace: Replace::Validation,
        indices: Indices::All,
        cells: vec![Cell {
            m1: 500,
            m2: 2000,
            ks: ks.to_vec(),
            solver: preset.solver(inner_steps),
        }],
    }
}

const CLEANING: ProblemSpec = ProblemSpec::HyperCleaning(HyperCleaningSpec {
    l2: 0.001,
    noise: 0.4,
});

/// Whether a preset solves data hyper-cleaning.
pub fn fits_cleaning(preset: &str) -> bool {
    let preset = presets::find(preset).expect("a preset");
    let solver = preset.solver(preset.inner_steps.count());
    solver.fits(&CLEANING, &[1000]).is_ok()
}

/// A preset on data hyper-cleaning, as it is.
pub fn cleaning(preset: &str) -> Facts {
    let preset = presets::find(preset).expect("a preset");
    let mut facts = facts_with(&[], 1, &[1000]);
    facts.problem = CLEANING;
    facts.test = 100;
    let cell = &mut facts.cells[0];
    cell.m1 = 1000;
    cell.solver = preset.solver(preset.inner_steps.count());
    facts
}

/// TSGD on the reference task.
pub fn facts(inner_steps: u32, ks: &[u64]) -> Facts {
    facts_with(&[256], inner_steps, ks)
}

/// The first cell's first replicate.
pub fn setting(facts: &Facts, simd: Simd) -> Setting<'_> {
    Setting {
        facts,
        cell: CellId(0),
        replicate: Replicate(0),
        mode: Mode::Forked,
        simd,
    }
}

/// The network's problem.
pub fn network(facts: &Facts, simd: Simd) -> Reweighting<f32> {
    classifier(facts, simd)
}

/// The problem of a classifier.
pub fn classifier(facts: &Facts, simd: Simd) -> Reweighting<f32> {
    let spec = facts.problem.classifier().expect("built above");
    let data = Dataset::bundled();
    Reweighting::new(setting(facts, simd), &spec, &data).expect("fits")
}

/// The first samples of the data, in no particular order.
pub fn rows(facts: &Facts) -> Rows<f32> {
    let data = Dataset::bundled();
    let samples = (0..facts.cells[0].m2).map(|sample| data.sparse(sample));
    Rows::new(data.features() as usize, samples)
}

/// The instructions that `--simd` asks for, or the widest.
pub fn simd_of_arguments() -> Simd {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--simd");
    let mode = match arguments.nth(1) {
        Some(name) => SimdMode::from_str(&name, false).expect("a mode of --simd"),
        None => SimdMode::Auto,
    };
    Simd::new(mode).expect("this machine has them")
}
