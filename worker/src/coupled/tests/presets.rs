//! Every preset on every problem that it fits: the laws of coupling, and digests that show a change of behaviour.

use std::collections::BTreeSet;

use bistable_common::spec::{
    Activation, Batch, Direction, DistillationSpec, Head, HyperCleaningSpec,
    HyperRepresentationSpec, Precision, ProblemSpec, Solver,
    presets::{InnerSteps, PRESETS, Preset},
};
use bistable_common::sweep::{Facts, Indices};

use super::{digest, equal_data, units, work};
use crate::{data::Dataset, kernel::Simd, testing, unit::Mode};

/// A preset on a small scale.
fn small(preset: &Preset) -> Solver {
    let steps = match preset.inner_steps {
        InnerSteps::Fixed(steps) => steps,
        InnerSteps::Default(_) => 3,
    };
    let mut solver = preset.solver(steps);
    let few = |batch: Batch| match batch {
        Batch::Of(size) => Batch::Of(size.min(4)),
        Batch::Full(_) => batch,
    };
    (solver.batch_x, solver.batch_y) = (few(solver.batch_x), few(solver.batch_y));
    if let Direction::Implicit(implicit) = &mut solver.direction {
        implicit.batch_v = few(implicit.batch_v);
    }
    solver
}

/// Every problem on a small scale, with step sizes that none of them diverges with.
fn problems() -> Vec<Facts> {
    let network = testing::facts_with(24, 30);
    let mut cleaning = network.clone();
    cleaning.problem = ProblemSpec::HyperCleaning(HyperCleaningSpec {
        l2: 0.01,
        noise: 0.4,
    });
    cleaning.precision = Precision::F64;
    let mut quadratic = testing::quadratic_facts(24, 30);
    quadratic.cells[0].solver.eta_x.scale = 0.1;
    let embedding = |head, precision| {
        let mut facts = network.clone();
        facts.problem = ProblemSpec::HyperRepresentation(HyperRepresentationSpec {
            hidden: vec![16, 9],
            activation: Activation::Tanh,
            head,
            l2: 0.01,
        });
        facts.precision = precision;
        facts
    };
    let (softmax, ridge) = (
        embedding(Head::Softmax, Precision::F32),
        embedding(Head::Ridge, Precision::F64),
    );
    let mut distillation = network.clone();
    distillation.problem = ProblemSpec::Distillation(DistillationSpec {
        per_class: 3,
        hidden: vec![9],
        activation: Activation::Elu,
        l2: 0.01,
    });
    let mut all = vec![network, cleaning, quadratic, softmax, ridge, distillation];
    for facts in &mut all {
        facts.test = 20;
        facts.cells[0].ks = vec![1, 3, 5];
    }
    all
}

/// The small sweeps of every preset with every problem that it fits.
fn table() -> Vec<(&'static str, Facts)> {
    let pairs = |preset: &'static Preset| {
        problems().into_iter().filter_map(move |mut facts| {
            let mut solver = small(preset);
            if facts.problem.traits().outer_depends_on_x {
                solver.eta_x.scale = solver.eta_x.scale.min(0.1);
            }
            facts.cells[0].solver = solver;
            let cell = &facts.cells[0];
            let fits = cell.solver.fits(&facts.problem, &cell.ks).is_ok();
            fits.then_some((preset.name, facts))
        })
    };
    PRESETS.iter().flat_map(pairs).collect()
}

/// What the problem is called among the others.
fn variant(problem: &ProblemSpec) -> String {
    match problem {
        ProblemSpec::HyperRepresentation(spec) if spec.head == Head::Ridge => {
            format!("{} ridge", problem.name())
        }
        _ => problem.name().to_owned(),
    }
}

#[test]
fn every_preset_fits_a_problem() {
    let table = table();
    for preset in &PRESETS {
        assert!(
            table.iter().any(|(name, _)| *name == preset.name),
            "{}",
            preset.name
        );
    }
}

#[test]
fn forked_and_naive_runs_of_every_preset_agree_bit_for_bit() {
    let data = Dataset::bundled();
    for (name, facts) in table() {
        let of = |mode| units(&work(&facts, &data, mode));
        let forked = of(Mode::Forked);
        assert_eq!(forked, of(Mode::Naive), "{name}");
        let experiments = forked.iter().flat_map(|unit| &unit.experiments);
        let moved = experiments.filter(|e| e.records.last().is_some_and(|r| r.dx2 > 0.0));
        assert!(moved.count() > 0, "{name}: some experiments must differ");
    }
}

#[test]
fn equal_data_give_distance_exactly_zero_with_every_preset() {
    let data = equal_data();
    for (name, mut facts) in table() {
        match &mut facts.problem {
            ProblemSpec::Quadratic(spec) => spec.noise = 0.0,
            ProblemSpec::Distillation(spec) => {
                facts.data = Some(data.hash());
                spec.per_class = facts.cells[0].m2 / data.classes();
            }
            _ => facts.data = Some(data.hash()),
        }
        let units = units(&work(&facts, &data, Mode::Naive));
        let experiments = units.iter().flat_map(|unit| &unit.experiments);
        let records: Vec<_> = experiments.flat_map(|e| &e.records).collect();
        assert!(!records.is_empty(), "{name}");
        for record in records {
            assert_eq!((record.dx2, record.dy2), (0.0, 0.0), "{name}");
        }
    }
}

#[test]
fn every_presets_digest_is_the_same_for_every_instruction_set() {
    for (name, mut facts) in table() {
        facts.indices = Indices::Count(3);
        let mut digests: Vec<_> = (Simd::all().into_iter())
            .map(|simd| digest(simd, &facts))
            .collect();
        digests.dedup();
        assert_eq!(digests.len(), 1, "{name}");
    }
}

#[test]
fn every_presets_digest_is_as_it_was() {
    let found: BTreeSet<_> = (table().iter())
        .map(|(name, facts)| {
            let digest = digest(Simd::any(), facts);
            format!("{name} {} {}", variant(&facts.problem), &digest[..16])
        })
        .collect();
    let pinned = include_str!("digests.txt").lines().map(str::to_owned);
    let pinned: BTreeSet<_> = pinned.collect();
    let news: Vec<_> = found.difference(&pinned).cloned().collect();
    let gone: Vec<_> = pinned.difference(&found).collect();
    assert!(
        news.is_empty(),
        "gone: {gone:#?}, new:\n{}",
        news.join("\n")
    );
    assert!(gone.is_empty(), "{gone:#?}");
}
