//! Every preset on every problem that it fits: the laws of coupling, and digests that show a change of behaviour.

use std::{collections::BTreeSet, sync::Arc};

use bistable_common::spec::{
    Activation, AucSpec, Batch, Direction, DistillationSpec, Family, FewShotSpec, Head,
    HyperCleaningSpec, HyperRepresentationSpec, Precision, ProblemSpec, Replaced,
    RobustReweightingSpec, Solver,
    presets::{InnerSteps, PRESETS, Preset},
};
use bistable_common::sweep::{Facts, Indices, Replace};

use super::{digest, equal_data, equal_rows, units, work};
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
fn problems() -> Vec<(&'static str, Facts)> {
    let network = testing::facts_with(24, 30);
    let mut cleaning = network.clone();
    cleaning.problem = ProblemSpec::HyperCleaning(HyperCleaningSpec {
        l2: 0.01,
        noise: 0.4,
    });
    cleaning.precision = Precision::F64;
    let mut quadratic = testing::quadratic_facts(24, 30);
    quadratic.cells[0].solver.eta_x.scale = 0.1;
    let mut robust = network.clone();
    robust.problem = ProblemSpec::RobustReweighting(RobustReweightingSpec::default());
    let mut auc = robust.clone();
    auc.problem = ProblemSpec::Auc(AucSpec::default());
    auc.precision = Precision::F64;
    let mut logistic = testing::logistic_facts(24, 30);
    let mut in_f32 = logistic.clone();
    in_f32.precision = Precision::F32;
    in_f32.data = Some(Dataset::bundled().hash());
    for facts in [&mut logistic, &mut in_f32] {
        facts.indices = Indices::Count(6);
    }
    let of_family = |family: Family, mu: f64, coupling: Option<f64>| {
        let mut facts = testing::quadratic_facts(24, 30);
        if let ProblemSpec::Quadratic(spec) = &mut facts.problem {
            (spec.family, spec.coupling) = (family, coupling);
            (spec.mu_f, spec.mu_g) = (mu, mu);
        }
        facts
    };
    small_scale(vec![
        ("reweighting", network),
        ("hyper_cleaning", cleaning),
        ("quadratic", quadratic),
        ("robust_reweighting", robust),
        ("auc", auc),
        ("quadratic-c-c", of_family(Family::CC, 0.0, None)),
        ("quadratic-nc-nc", of_family(Family::NcNc, -0.3, Some(0.5))),
        ("logistic", logistic),
        ("logistic-f32", in_f32),
        ("binary_logistic", testing::binary_facts(24)),
        (
            "hyper_representation",
            embedding(Head::Softmax, Precision::F32),
        ),
        (
            "hyper_representation ridge",
            embedding(Head::Ridge, Precision::F64),
        ),
        ("distillation", distillation()),
        ("few_shot", few_shot(Replaced::Task, Precision::F32)),
        ("few_shot query", few_shot(Replaced::Query, Precision::F64)),
    ])
}

fn embedding(head: Head, precision: Precision) -> Facts {
    let mut facts = testing::facts_with(24, 30);
    facts.problem = ProblemSpec::HyperRepresentation(HyperRepresentationSpec {
        hidden: vec![16, 9],
        activation: Activation::Tanh,
        head,
        l2: 0.01,
    });
    facts.precision = precision;
    facts
}

fn few_shot(replaced: Replaced, precision: Precision) -> Facts {
    let mut facts = testing::facts_with(24, 1);
    facts.problem = ProblemSpec::FewShot(FewShotSpec {
        ways: 3,
        shots: 2,
        queries: 2,
        hidden: vec![16],
        activation: Activation::Elu,
        replaced,
    });
    facts.precision = precision;
    facts
}

fn distillation() -> Facts {
    let mut facts = testing::facts_with(24, 30);
    facts.problem = ProblemSpec::Distillation(DistillationSpec {
        per_class: 3,
        hidden: vec![9],
        activation: Activation::Elu,
        l2: 0.01,
    });
    facts
}

fn small_scale(mut all: Vec<(&'static str, Facts)>) -> Vec<(&'static str, Facts)> {
    for (_, facts) in &mut all {
        facts.test = 20;
        facts.cells[0].ks = vec![1, 3, 5];
    }
    all
}

/// Those on which training samples are replaced, too; on the others it would take long, or nothing is new.
const BOTH: [&str; 5] = [
    "hyper_cleaning",
    "quadratic",
    "robust_reweighting",
    "auc",
    "logistic",
];

/// The small sweeps of every preset with every problem that it fits.
fn table() -> Vec<(String, Facts)> {
    let mut table = Vec::new();
    for preset in &PRESETS {
        for (problem, facts) in problems() {
            let Some(facts) = fitting(preset, facts) else {
                continue;
            };
            let name = format!("{} {problem}", preset.name);
            if BOTH.contains(&problem) && facts.cells[0].solver.schedule.inner_steps > 0 {
                let replace = Replace::Training;
                let facts = facts.clone();
                table.push((format!("{name} training"), Facts { replace, ..facts }));
            }
            table.push((name, facts));
        }
    }
    table
}

/// The preset on that problem, if it fits.
fn fitting(preset: &Preset, mut facts: Facts) -> Option<Facts> {
    let mut solver = small(preset);
    if let ProblemSpec::Quadratic(_) | ProblemSpec::HyperRepresentation(_) = facts.problem {
        solver.eta_x.scale = solver.eta_x.scale.min(0.1);
    }
    facts.cells[0].solver = solver;
    let cell = &facts.cells[0];
    let fits = cell.solver.fits(&facts.problem, &cell.ks).is_ok();
    fits.then_some(facts)
}

#[test]
fn every_preset_fits_a_problem() {
    let table = table();
    for preset in &PRESETS {
        assert!(
            table
                .iter()
                .any(|(name, _)| name.starts_with(&format!("{} ", preset.name))),
            "{}",
            preset.name
        );
    }
}

#[test]
fn every_single_level_preset_reduces_its_loss() {
    let mut facts = testing::binary_facts(300);
    facts.test = 300;
    facts.indices = Indices::Count(0);
    let problem = facts.problem.clone();
    let fits = |preset: &&Preset| preset.solver(0).fits(&problem, &[2]).is_ok();
    let presets: Vec<_> = PRESETS.iter().filter(fits).collect();
    let names: Vec<_> = presets.iter().map(|preset| preset.name).collect();
    assert_eq!(names, ["sgd", "sps-max", "dec-sps", "spsb", "slsb"]);
    for preset in presets {
        facts.cells[0].solver = preset.solver(0);
        facts.cells[0].ks = vec![300];
        let units = units(&work(&facts, &testing::sparse_data(), Mode::Forked));
        let last = units[0].curve.last().expect("a curve");
        // The loss of no weights at all is that of a coin.
        let start = 2.0f64.ln();
        let (loss, error) = (last.test_loss, last.test_error.expect("two classes"));
        assert!(
            loss < 0.8 * start && error < 0.3,
            "{}: {last:?}",
            preset.name
        );
    }
}

#[test]
fn forked_and_naive_runs_of_every_preset_agree_bit_for_bit() {
    for (name, facts) in table() {
        let data = testing::data_of(&facts);
        let of = |mode| units(&work(&facts, &data, mode));
        let forked = of(Mode::Forked);
        assert_eq!(forked, of(Mode::Naive), "{name}");
        let experiments = forked.iter().flat_map(|unit| &unit.experiments);
        let moved = experiments.filter(|e| e.records.last().is_some_and(|r| r.dx2 > 0.0));
        assert!(moved.count() > 0, "{name}: some experiments must differ");
        let records = forked.iter().flat_map(|unit| &unit.experiments);
        let ascended = records.filter_map(|e| e.records.last()?.dz2);
        let ascended = ascended.filter(|&dz2| dz2 > 0.0).count() > 0;
        assert_eq!(ascended, facts.problem.traits().is_minimax, "{name}");
    }
}

/// One image, which is in every class.
fn equal_classes() -> Arc<Dataset> {
    let image = Dataset::bundled().image(0).expect("an image").to_vec();
    let labels: Vec<u32> = (0..200).map(|sample| sample % 10).collect();
    let all = Dataset::of_images(&[28, 28], &image.repeat(200), &labels);
    Arc::new(all.expect("a data set"))
}

#[test]
fn equal_data_give_distance_exactly_zero_with_every_preset() {
    let (images, rows, classes) = (equal_data(), equal_rows(), equal_classes());
    for (name, mut facts) in table() {
        let data = match facts.problem {
            ProblemSpec::BinaryLogistic(_) => &rows,
            ProblemSpec::FewShot(_) => &classes,
            _ => &images,
        };
        match &mut facts.problem {
            ProblemSpec::Quadratic(spec) => spec.noise = 0.0,
            ProblemSpec::HyperCleaning(spec) => {
                spec.noise = 0.0;
                facts.data = Some(data.hash());
            }
            ProblemSpec::RobustReweighting(spec) => {
                spec.noise = 0.0;
                facts.data = Some(data.hash());
            }
            ProblemSpec::Distillation(spec) => {
                facts.data = Some(data.hash());
                spec.per_class = facts.cells[0].m2 / data.classes();
            }
            _ => facts.data = Some(data.hash()),
        }
        let units = units(&work(&facts, data, Mode::Naive));
        let experiments = units.iter().flat_map(|unit| &unit.experiments);
        let records: Vec<_> = experiments.flat_map(|e| &e.records).collect();
        assert!(!records.is_empty(), "{name}");
        for record in records {
            let dz2 = facts.problem.traits().is_minimax.then_some(0.0);
            let distances = (record.dx2, record.dy2, record.dz2);
            assert_eq!(distances, (0.0, 0.0, dz2), "{name}");
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
            format!("{name} {}", &digest[..16])
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
