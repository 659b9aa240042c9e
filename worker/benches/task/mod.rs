//! The reference task: 784-256-10, ELU, batch 8, bundled MNIST.
#![allow(dead_code, reason = "each bench uses a part")]

use bistable_common::{
    ids::Replicate,
    spec::{Precision, ProblemSpec, ReweightingSpec, presets},
    sweep::{Cell, Facts, Indices, SCHEME},
};
use bistable_worker::{
    data::Dataset,
    kernel::{Rows, Simd, SimdMode},
    problem::Reweighting,
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
        indices: Indices::All,
        cells: vec![Cell {
            m1: 500,
            m2: 2000,
            ks: ks.to_vec(),
            solver: preset.solver(inner_steps),
        }],
    }
}

/// TSGD on the reference task.
pub fn facts(inner_steps: u32, ks: &[u64]) -> Facts {
    facts_with(&[256], inner_steps, ks)
}

/// The network's problem.
pub fn network(facts: &Facts, simd: Simd) -> Reweighting<f32> {
    let ProblemSpec::Reweighting(spec) = &facts.problem else {
        unreachable!("built above")
    };
    let data = Dataset::bundled();
    Reweighting::new(simd, spec, facts, &facts.cells[0], Replicate(0), &data).expect("fits")
}

/// The first samples of the data, in no particular order.
pub fn rows(facts: &Facts) -> Rows<f32> {
    let data = Dataset::bundled();
    let samples = (0..facts.cells[0].m2).map(|sample| data.image(sample));
    Rows::from_bytes(data.features() as usize, samples)
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
