//! The laws of coupling, on the network: forks change no bit, equal data no distance, lease sizes nothing.

mod bilevel;
mod minimax;
mod networks;
mod presets;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use bistable_common::{
    draw::first_draws_while,
    ids::{Block, CellId, Replicate},
    plan::Plan,
    spec::{
        Batch, Direction, Order, Precision, ProblemSpec, ReweightingSpec, Sampling, Solver, Start,
    },
    sweep::{Facts, Indices, Sweep},
    trajectory::{Digest, Stop, Trajectory},
};

use crate::{
    coupled,
    data::Dataset,
    kernel::{Real, Simd},
    problem::{
        Dims, Iterate, LinearReplicas, Metrics, Oracle, Plain, Problem, Quadratic,
        QuadraticReplicas, Reweighting, Table,
    },
    solver::Fused,
    testing,
    unit::{Mode, RunError, Work, run},
};

fn work(facts: &Facts, data: &Arc<Dataset>, mode: Mode) -> Work {
    let sweep = Sweep::new(
        "test".to_owned(),
        0.95,
        testing::names(facts),
        facts.clone(),
    );
    Work {
        sweep: Arc::new(sweep.expect("valid")),
        data: Some(data.clone()),
        cell: CellId(0),
        replicate: Replicate(0),
        blocks: 0..Plan::new(facts).blocks(CellId(0)),
        mode,
    }
}

fn units(work: &Work) -> Vec<Trajectory> {
    units_with(Simd::any(), work)
}

fn units_with(simd: Simd, work: &Work) -> Vec<Trajectory> {
    let mut units = Vec::new();
    run(work, simd, &AtomicBool::new(false), &mut |_, unit| {
        units.push(unit);
    })
    .expect("runs");
    units
}

/// The digest of a sweep's first replicate.
fn digest(simd: Simd, facts: &Facts) -> String {
    let mut one = facts.clone();
    one.replicates = 1;
    let units = units_with(simd, &work(&one, &testing::data_of(&one), Mode::Forked));
    let mut digest = Digest::new(&one);
    digest
        .run(CellId(0), Replicate(0), &one.cells[0].ks, &units)
        .expect("consistent");
    digest.finish().to_string()
}

fn facts(solver: Solver) -> Facts {
    let mut facts = testing::facts_with(40, 60);
    facts.test = 20;
    facts.cells[0].solver = solver;
    facts.cells[0].ks = vec![1, 4, 6];
    facts
}

fn solvers() -> Vec<Solver> {
    let mut epoch = testing::tsgd(3);
    epoch.sampling = Sampling::Epoch;
    epoch.batch_x = Batch::Of(7);
    let mut ud = testing::tsgd(2);
    ud.schedule.start = Start::Reinit;
    vec![testing::tsgd(1), testing::tsgd(3), epoch, ud]
}

#[test]
fn forked_and_naive_runs_agree_bit_for_bit() {
    let data = Dataset::bundled();
    for solver in solvers() {
        let facts = facts(solver);
        let forked = units(&work(&facts, &data, Mode::Forked));
        assert_eq!(forked, units(&work(&facts, &data, Mode::Naive)));
        let experiments: Vec<_> = forked.iter().flat_map(|unit| &unit.experiments).collect();
        assert_eq!(experiments.len(), 40);
        let moved = experiments
            .iter()
            .filter(|e| e.records.last().is_some_and(|r| r.dx2 > 0.0));
        assert!(moved.count() > 5, "some experiments must differ");
    }
}

/// The same cell by a problem of one's choice.
fn units_of<P: Problem>(problem: &P, work: &Work) -> Vec<Trajectory> {
    let mut units = Vec::new();
    coupled::run(
        problem,
        work.setting(Simd::any()),
        Fused::new,
        work.blocks.clone(),
        &AtomicBool::new(false),
        &mut |_, unit| units.push(unit),
    )
    .expect("runs");
    units
}

/// Linear classifiers in groups of sixteen against one after the other.
fn groups_are_the_replicas_alone<R: Real>(facts: &Facts) {
    let data = Dataset::bundled();
    let ProblemSpec::Reweighting(spec) = &facts.problem else {
        panic!("another problem");
    };
    let problem = || Reweighting::<R>::new(testing::setting(facts), spec, &data).expect("fits");
    for mode in [Mode::Forked, Mode::Naive] {
        let work = work(facts, &data, mode);
        let grouped = units_of(&LinearReplicas::new(problem()), &work);
        assert_eq!(grouped, units_of(&problem(), &work));
        let records = grouped.iter().flat_map(|unit| &unit.experiments);
        let moved = records.filter(|e| e.records.last().is_some_and(|r| r.dx2 > 0.0));
        assert!(moved.count() > 5, "some experiments must differ");
    }
}

#[test]
fn a_replicas_bits_do_not_depend_on_its_company() {
    for mut solver in solvers() {
        // So large a batch has samples twice, and more of them than lanes.
        for batch in [4, 18] {
            solver.batch_x = Batch::Of(batch);
            let mut facts = facts(solver.clone());
            facts.problem = ProblemSpec::Reweighting(ReweightingSpec {
                hidden: Vec::new(),
                ..ReweightingSpec::default()
            });
            groups_are_the_replicas_alone::<f32>(&facts);
            solver.batch_y = Batch::Of(batch);
            groups_are_the_replicas_alone::<f64>(&facts);
        }
    }
}

#[test]
fn quadratics_in_groups_are_the_replicas_alone() {
    for (order, direction, steps) in [
        (Order::Simultaneous, Direction::Partial, 1),
        (Order::OuterFirst, Direction::Partial, 2),
        (Order::InnerFirst, Direction::Unrolled, 1),
        (Order::InnerFirst, Direction::Unrolled, 3),
    ] {
        let mut facts = testing::quadratic_facts(40, 20);
        let solver = &mut facts.cells[0].solver;
        (solver.schedule.order, solver.schedule.inner_steps) = (order, steps);
        (solver.direction, solver.batch_x) = (direction, Batch::Of(5));
        let ProblemSpec::Quadratic(spec) = &facts.problem else {
            panic!("another problem");
        };
        let problem = Quadratic::new(testing::setting(&facts), spec);
        for mode in [Mode::Forked, Mode::Naive] {
            let work = work(&facts, &Dataset::bundled(), mode);
            let grouped = QuadraticReplicas::new(problem.clone(), Simd::any());
            let alone = units_of(&Plain(problem.clone()), &work);
            assert_eq!(units_of(&grouped, &work), alone);
            let moved = alone.iter().flat_map(|unit| &unit.experiments);
            let moved = moved.filter(|e| e.records.last().is_some_and(|r| r.dx2 > 0.0));
            assert!(moved.count() > 5, "some experiments must differ");
        }
    }
}

#[test]
fn a_group_diverges_replica_by_replica() {
    let data = Dataset::bundled();
    let mut stops = BTreeSet::new();
    // Somewhere between steps that nobody survives and steps that everybody does.
    for scale in [4e37, 5e37, 6e37, 7e37, 8e37, 1e38, 1.5e38, 2e38, 3e38] {
        let mut facts = facts(testing::tsgd(1));
        let spec = ReweightingSpec {
            hidden: Vec::new(),
            ..ReweightingSpec::default()
        };
        facts.problem = ProblemSpec::Reweighting(spec.clone());
        let solver = &mut facts.cells[0].solver;
        solver.eta_y.scale = 1.0;
        solver.eta_x.scale = scale;
        facts.cells[0].ks = vec![2, 40];
        let work = work(&facts, &data, Mode::Forked);
        let setting = testing::setting(&facts);
        let problem = || Reweighting::<f32>::new(setting, &spec, &data).expect("fits");
        let grouped = units_of(&LinearReplicas::new(problem()), &work);
        assert_eq!(grouped, units_of(&problem(), &work));
        let experiments = grouped.iter().flat_map(|unit| &unit.experiments);
        stops.extend(experiments.map(|experiment| format!("{scale} {:?}", experiment.stop)));
    }
    assert!(stops.len() > 8, "not all at once: {stops:#?}");
}

#[test]
fn a_base_run_whose_loss_overflows_has_diverged() {
    // Each step multiplies x by some 1e10: after 20 its square is no number, and x is.
    let mut facts = testing::quadratic_facts(40, 20);
    facts.cells[0].solver.eta_x.scale = 1e10;
    facts.cells[0].ks = vec![2, 20, 25];
    let whole = work(&facts, &Dataset::bundled(), Mode::Forked);
    let mut all = units(&whole);
    assert_eq!(all.len(), 3);
    for unit in &all {
        assert_eq!(unit.base_stop, Stop::Diverged { at: 20 });
        assert_eq!(unit.base_states.len(), 1);
        for experiment in &unit.experiments {
            let end = (experiment.stop, experiment.records.len());
            assert_eq!(end, (Stop::Diverged { at: 20 }, 1));
        }
    }
    // A unit that has no curve says the same of the base run when it is computed alone.
    let alone = units(&Work {
        blocks: 2..3,
        ..whole.clone()
    });
    assert_eq!(alone, all.split_off(2));
    let naive = units(&work(&facts, &Dataset::bundled(), Mode::Naive));
    assert_eq!(units(&whole), naive);
}

#[test]
fn an_index_that_is_never_drawn_is_exactly_zero() {
    let facts = facts(testing::tsgd(2));
    let units = units(&work(&facts, &Dataset::bundled(), Mode::Naive));
    let never: Vec<_> = units
        .iter()
        .flat_map(|u| &u.experiments)
        .filter(|e| e.first_drawn.is_none())
        .collect();
    assert!(!never.is_empty());
    for experiment in never {
        assert_eq!(experiment.records.len(), 3);
        for record in &experiment.records {
            assert_eq!((record.dx2, record.dy2), (0.0, 0.0));
            assert_eq!(
                record.loss.perturbed_at_original,
                record.loss.base_at_original
            );
        }
    }
    assert!(
        units[0]
            .curve
            .last()
            .is_some_and(|point| point.drawn < 40 && point.k == 6)
    );
}

/// 200 copies of one image with one label: every replacement is what it replaces.
fn equal_data() -> Arc<Dataset> {
    let mut content = vec![0, 0, 8, 3, 0, 0, 0, 200, 0, 0, 0, 28, 0, 0, 0, 28];
    let bundled = Dataset::bundled();
    let image = bundled.image(0).expect("bytes");
    (0..200).for_each(|_| content.extend(image));
    content.extend([0, 0, 8, 1, 0, 0, 0, 200]);
    content.extend([5; 200]);
    Arc::new(Dataset::from_content(content).expect("valid"))
}

/// 200 copies of one sparse row of the second of two classes.
fn equal_rows() -> Arc<Dataset> {
    let row = || [(3, 0.5), (7, -2.0)].into_iter();
    let rows = (0..200).map(|_| (1, row()));
    Arc::new(Dataset::of_sparse(9, rows).expect("valid"))
}

#[test]
fn equal_data_give_distance_exactly_zero() {
    let data = equal_data();
    for solver in solvers() {
        let mut facts = facts(solver);
        facts.data = Some(data.hash());
        let experiments = units(&work(&facts, &data, Mode::Forked))
            .into_iter()
            .flat_map(|u| u.experiments);
        let drawn: Vec<_> = experiments.filter(|e| e.first_drawn.is_some()).collect();
        assert!(drawn.len() > 5);
        let records = drawn.iter().flat_map(|e| &e.records);
        assert!(records.into_iter().all(|r| r.dx2 == 0.0 && r.dy2 == 0.0));
    }
}

#[test]
fn lease_sizes_change_nothing() {
    let facts = facts(testing::tsgd(2));
    let data = Dataset::bundled();
    let whole = work(&facts, &data, Mode::Forked);
    let together = units(&whole);
    let apart = (0..together.len() as u32).flat_map(|block| {
        let blocks = block..block + 1;
        units(&Work {
            blocks,
            ..whole.clone()
        })
    });
    assert!(apart.eq(together));
}

#[test]
fn a_larger_k_only_adds_records() {
    let (short, mut long) = (facts(testing::tsgd(2)), facts(testing::tsgd(2)));
    long.cells[0].ks = vec![1, 4, 6, 9];
    let data = Dataset::bundled();
    let (short, long) = (
        units(&work(&short, &data, Mode::Forked)),
        units(&work(&long, &data, Mode::Forked)),
    );
    for (short, long) in short.iter().zip(&long) {
        assert_eq!(short.base_states, long.base_states[..3]);
        for (short, long) in short.experiments.iter().zip(&long.experiments) {
            assert_eq!(
                (short.index, short.records.as_slice()),
                (long.index, &long.records[..3])
            );
        }
    }
}

#[test]
fn a_number_of_indices_takes_only_drawn_ones_in_the_same_order() {
    let all = facts(testing::tsgd(1));
    let mut some = all.clone();
    some.indices = Indices::Count(10);
    let data = Dataset::bundled();
    let experiments = |facts| -> Vec<_> {
        units(&work(facts, &data, Mode::Forked))
            .into_iter()
            .flat_map(|u| u.experiments)
            .collect()
    };
    let expected = experiments(&all)
        .into_iter()
        .filter(|e| e.first_drawn.is_some())
        .take(10);
    assert!(expected.eq(experiments(&some)));
    some.indices = Indices::Count(0);
    let base_only = units(&work(&some, &data, Mode::Forked));
    assert_eq!((base_only.len(), base_only[0].experiments.len()), (1, 0));
    assert_eq!(base_only[0].curve.len(), 6);
}

#[test]
fn a_stop_is_heard() {
    let facts = facts(testing::tsgd(1));
    let work = work(&facts, &Dataset::bundled(), Mode::Forked);
    let outcome = run(
        &work,
        Simd::any(),
        &AtomicBool::new(true),
        &mut |_: Block, _| panic!("nothing is finished"),
    );
    assert_eq!(outcome, Err(RunError::Stopped));
}

/// A quadratic that is told to stop in the middle of an inner loop.
struct Interrupted<'a> {
    problem: Quadratic,
    stop: &'a AtomicBool,
    steps: AtomicU32,
}

impl Oracle for Interrupted<'_> {
    type Real = f64;

    fn dims(&self) -> Dims {
        self.problem.dims()
    }

    fn start(&self) -> Iterate<f64> {
        self.problem.start()
    }

    fn work_words(&self) -> usize {
        self.problem.work_words()
    }

    fn inner_grad(&self, at: &Iterate<f64>, batch: &[u32], out: &mut [f64], work: &mut [f64]) {
        if self.steps.fetch_add(1, Ordering::Relaxed) == 9 {
            self.stop.store(true, Ordering::Relaxed);
        }
        self.problem.inner_grad(at, batch, out, work);
    }

    fn outer_grads(
        &self,
        _: &Iterate<f64>,
        _: &[u32],
        _: &mut [f64],
        _: &mut [f64],
        _: &mut [f64],
    ) {
        panic!("an outer step follows an inner loop that was not finished");
    }

    fn inner_hvp(&self, _: &Iterate<f64>, _: &[u32], _: &[f64], _: &mut [f64], _: &mut [f64]) {
        panic!("nothing is unrolled");
    }

    fn cross_vp(&self, _: &Iterate<f64>, _: &[u32], _: &[f64], _: &mut [f64], _: &mut [f64]) {
        panic!("nothing is unrolled");
    }

    fn inner_value(&self, at: &Iterate<f64>, batch: &[u32]) -> f64 {
        self.problem.inner_value(at, batch)
    }

    fn metrics(&self, _: &Iterate<f64>, _: Table, _: &[u32]) -> Metrics {
        panic!("nothing is evaluated");
    }
}

#[test]
fn a_stop_is_heard_between_inner_steps() {
    let mut facts = testing::quadratic_facts(20, 20);
    let schedule = &mut facts.cells[0].solver.schedule;
    (schedule.order, schedule.inner_steps) = (Order::InnerFirst, 1_000_000);
    let ProblemSpec::Quadratic(spec) = &facts.problem else {
        panic!("another problem");
    };
    let stop = AtomicBool::new(false);
    let problem = Interrupted {
        problem: Quadratic::new(testing::setting(&facts), spec),
        stop: &stop,
        steps: AtomicU32::new(0),
    };
    let problem = Plain(problem);
    let setting = testing::setting(&facts);
    let nothing = &mut |_: Block, _| panic!("nothing is finished");
    let outcome = coupled::run(&problem, setting, Fused::new, 0..1, &stop, nothing);
    assert_eq!(outcome, Err(RunError::Stopped));
    assert_eq!(problem.0.steps.load(Ordering::Relaxed), 10);
}

#[test]
fn looking_for_first_draws_can_be_given_up() {
    let facts = facts(testing::tsgd(1));
    let looks = AtomicU32::new(0);
    let go_on = || match looks.fetch_add(1, Ordering::Relaxed) {
        0..3 => Ok(()),
        _ => Err("enough"),
    };
    let first = first_draws_while(&facts, &facts.cells[0], Replicate(0), go_on);
    assert_eq!(first, Err("enough"));
    assert_eq!(looks.into_inner(), 4);
}

#[test]
fn orders_without_unrolling_run_on_the_quadratic() {
    for order in [Order::Simultaneous, Order::OuterFirst] {
        let mut facts = testing::quadratic_facts(20, 20);
        facts.cells[0].solver.schedule.order = order;
        let both =
            [Mode::Forked, Mode::Naive].map(|mode| units(&work(&facts, &Dataset::bundled(), mode)));
        assert_eq!(both[0], both[1]);
    }
}

#[test]
fn the_digest_is_pinned() {
    assert_eq!(
        digest(Simd::any(), &facts(testing::tsgd(2))),
        "53cf18644aec493f37cead7b817f1236211c6abf05fca57e05ae7304984f931d"
    );
}

#[test]
fn the_digest_is_the_same_for_every_instruction_set() {
    let mut network = facts(testing::tsgd(3));
    network.indices = Indices::Count(10);
    let mut linear = network.clone();
    linear.problem = ProblemSpec::Reweighting(ReweightingSpec {
        hidden: Vec::new(),
        ..ReweightingSpec::default()
    });
    let mut sweeps = vec![network.clone(), linear, testing::quadratic_facts(20, 20)];
    network.precision = Precision::F64;
    sweeps.push(network);
    for facts in sweeps {
        let digests: Vec<_> = Simd::all()
            .into_iter()
            .map(|simd| (simd, digest(simd, &facts)))
            .collect();
        for (simd, digest) in &digests {
            assert_eq!(*digest, digests[0].1, "{simd:?} {:?}", facts.precision);
        }
    }
}
