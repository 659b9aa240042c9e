use bistable_common::{
    ids::{CellId, Replicate},
    spec::{Solver, presets::PRESETS},
    sweep::{Facts, Format, Reading, SolverName, Source, parse},
};
use bistable_worker::{
    kernel::Simd,
    problem::{LinearReplicas, Plain, Problem},
    setting::{Mode, Setting},
};

use std::path::Path;

use super::*;
use crate::cli::catalog::LocalCatalog;

fn example(text: &str) -> (Sweep, Option<Shape>) {
    let source = Source {
        name: "example",
        text,
        format: Format::Toml,
    };
    let wanted = bistable_common::sweep::data_source(&source).expect("a document");
    let catalog = LocalCatalog::load(wanted.as_ref(), Path::new("../deploy/examples"))
        .expect("data of a sample");
    let shape = catalog.dataset().map(|data| Shape::from(&**data));
    (parse(&source, &catalog).expect("a sweep"), shape)
}

fn model<'a>(sweep: &'a Sweep, shape: Option<Shape>) -> Model<'a> {
    Model {
        facts: sweep.facts(),
        shape: shape.unwrap_or_default(),
    }
}

/// What is told before there is a problem is what the problem tells, cell by cell.
fn assert_footprint<P: Problem>(
    sweep: &Sweep,
    shape_of_data: Option<Shape>,
    make: impl Fn(Setting<'_>) -> P,
) {
    let model = model(sweep, shape_of_data);
    for (cell, index) in sweep.facts().cells.iter().zip(0..) {
        let problem = make(Setting {
            facts: sweep.facts(),
            cell: CellId(index),
            replicate: Replicate(0),
            mode: Mode::Forked,
            simd: Simd::any(),
        });
        let bytes = |dims: Dims| (dims.all() * size_of::<P::Real>()) as u64;
        let told = Footprint {
            state: bytes(problem.dims()),
            replicas: P::REPLICAS,
            group: bytes(problem.group_dims()),
            scratch: problem.scratch_bytes(shape(cell)),
        };
        assert_eq!(model.problem_footprint(cell), told);
        // Of groups, dimensions are those of one replica without padding.
        if !cell.solver.is_fused() {
            let words = Words::new(&cell.solver, problem.dims());
            assert_eq!(model.words(cell, &told), words);
        }
    }
}

fn quadratic(setting: Setting<'_>) -> Quadratic {
    match &setting.facts.problem {
        ProblemSpec::Quadratic(spec) => Quadratic::new(setting, spec),
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_is_counted_as_the_worker_allocates_it() {
    let quickstart = include_str!("../../../../deploy/examples/quickstart.toml");
    let linear = quickstart.replace(
        "kind = \"reweighting\"",
        "kind = \"reweighting\"\nhidden = []",
    );
    for text in [quickstart, &linear] {
        let (sweep, shape) = example(text);
        let spec = sweep.facts().problem.classifier().expect("a classifier");
        let data = Dataset::bundled();
        let make =
            |setting: Setting<'_>| Reweighting::<f32>::new(setting, &spec, &data).expect("it fits");
        if spec.hidden.is_empty() {
            assert_footprint(&sweep, shape, |setting| LinearReplicas::new(make(setting)));
        } else {
            assert_footprint(&sweep, shape, make);
        }
    }
    let (sweep, shape) = example(include_str!("../../../../deploy/examples/quadratic.toml"));
    assert_footprint(&sweep, shape, |setting| {
        QuadraticReplicas::new(quadratic(setting), setting.simd)
    });
}

/// Every preset that fits, with one K.
fn of_every_preset(mut facts: Facts) -> Sweep {
    let cell = facts.cells[0].clone();
    let fits = |solver: &Solver| solver.fits(&facts.problem, &cell.ks).is_ok();
    let solvers = PRESETS.map(|preset| preset.solver(preset.inner_steps.count()));
    let general = solvers.into_iter().filter(|solver| !solver.is_fused());
    facts.cells = general
        .filter(fits)
        .map(|solver| Cell {
            solver,
            ..cell.clone()
        })
        .collect();
    assert!(facts.cells.len() > 10, "most presets");
    let names = facts.cells.iter().map(|_| SolverName {
        label: "any".to_owned(),
        preset: "custom".to_owned(),
    });
    Sweep::new("all".to_owned(), 0.95, names.collect(), facts).expect("a sweep")
}

#[test]
fn memory_of_general_solvers_is_counted_as_the_worker_allocates_it() {
    let (sweep, data) = example(include_str!("../../../../deploy/examples/quickstart.toml"));
    let hidden = Vec::new();
    let facts = Facts {
        problem: ProblemSpec::Reweighting(ReweightingSpec {
            hidden,
            ..ReweightingSpec::default()
        }),
        ..sweep.facts().clone()
    };
    let sweep = of_every_preset(facts);
    let spec = sweep.facts().problem.classifier().expect("a classifier");
    let images = Dataset::bundled();
    assert_footprint(&sweep, data, |setting| {
        Reweighting::<f32>::new(setting, &spec, &images).expect("it fits")
    });
    let (sweep, data) = example(include_str!("../../../../deploy/examples/quadratic.toml"));
    let sweep = of_every_preset(sweep.facts().clone());
    assert_footprint(&sweep, data, |setting| Plain(quadratic(setting)));
}

#[test]
fn memory_of_logistic_regression_is_counted_as_the_worker_allocates_it() {
    let rows = Path::new("../deploy/examples/a8a-1000.libsvm.gz");
    let rows = Dataset::open(rows, &Reading::default()).expect("a data set");
    let (sweep, data) = example(include_str!("../../../../deploy/examples/logistic.toml"));
    let sweep = of_every_preset(sweep.facts().clone());
    let ProblemSpec::Logistic(spec) = &sweep.facts().problem else {
        panic!("another problem");
    };
    assert_footprint(&sweep, data, |setting| {
        Plain(Logistic::<f64>::new(setting, spec, &rows).expect("it fits"))
    });
    let (sweep, data) = example(include_str!(
        "../../../../deploy/examples/binary-logistic.toml"
    ));
    let ProblemSpec::BinaryLogistic(spec) = &sweep.facts().problem else {
        panic!("another problem");
    };
    assert_footprint(&sweep, data, |setting| {
        Plain(BinaryLogistic::<f64>::new(setting, spec, &rows).expect("it fits"))
    });
}

#[test]
fn memory_of_a_nonconvex_quadratic_is_that_of_replicas_alone() {
    let text = include_str!("../../../../deploy/examples/quadratic.toml");
    let text = text.replace("mu_f = 1.0", "family = \"nc-nc\"\nmu_f = -0.25");
    let (sweep, data) = example(&text.replace("mu_g = 1.0", "mu_g = -0.25"));
    assert_footprint(&sweep, data, |setting| Plain(quadratic(setting)));
}

#[test]
fn memory_of_networks_at_the_outer_level_is_counted_as_the_worker_allocates_it() {
    let images = Dataset::bundled();
    let (sweep, data) = example(include_str!(
        "../../../../deploy/examples/hyper-representation.toml"
    ));
    let ProblemSpec::HyperRepresentation(spec) = &sweep.facts().problem else {
        panic!("another problem");
    };
    assert_footprint(&sweep, data, |setting| {
        Plain(HyperRepresentation::<f32>::new(setting, spec, &images).expect("it fits"))
    });
    let (sweep, data) = example(include_str!(
        "../../../../deploy/examples/distillation.toml"
    ));
    let ProblemSpec::Distillation(spec) = &sweep.facts().problem else {
        panic!("another problem");
    };
    assert_footprint(&sweep, data, |setting| {
        Plain(Distillation::<f32>::new(setting, spec, &images).expect("it fits"))
    });
}

#[test]
fn memory_of_minimax_problems_is_counted_as_the_worker_allocates_it() {
    let robust = include_str!("../../../../deploy/examples/minimax.toml");
    let (sweep, data) = example(robust);
    let images = Dataset::bundled();
    let ProblemSpec::RobustReweighting(spec) = &sweep.facts().problem else {
        panic!("another problem");
    };
    assert_footprint(&sweep, data, |setting| {
        Plain(RobustReweighting::<f32>::new(setting, spec, &images).expect("it fits"))
    });
    let lines = "kind = \"robust_reweighting\"\nl2 = 0.001\nl2_x = 0.1\nrho = 1.0\nnoise = 0.4\n";
    let (sweep, data) = example(&robust.replace(lines, "kind = \"auc\"\n"));
    let ProblemSpec::Auc(spec) = &sweep.facts().problem else {
        panic!("another problem");
    };
    assert_footprint(&sweep, data, |setting| {
        Plain(Auc::<f32>::new(setting, spec, &images).expect("it fits"))
    });
}

#[test]
fn the_reference_task_takes_what_was_measured() {
    let (sweep, shape) = example(include_str!("../../../../deploy/examples/quickstart.toml"));
    let model = model(&sweep, shape);
    let mut cell = sweep.facts().cells[0].clone();
    let mut at = |steps| {
        cell.solver.schedule.inner_steps = steps;
        iteration(&cell, &model.times(&cell, 1.0)) * 1e6
    };
    assert!((40.0..60.0).contains(&at(1)), "{}", at(1));
    assert!((300.0..400.0).contains(&at(8)), "{}", at(8));
    assert!((1200.0..1600.0).contains(&at(32)), "{}", at(32));
}

#[test]
fn the_largest_sweep_has_a_cost() {
    let (sweep, _) = example(
        "name = \"huge\"\nreplicates = 10\nindices = \"all\"\n[problem]\nkind = \"quadratic\"\n\
         dim_x = 1024\ndim_y = 1024\n[grid]\nm1 = 40000\nm2 = 40000\nK = 1099511627776\nT = 65536\n\
         [[solvers]]\npreset = \"tsgd\"\nbatch_x = 65536\n",
    );
    let cost = Cost::of(&sweep, None);
    assert!(cost.seconds > 1e9 && cost.bytes_per_thread > 1e9);
}
