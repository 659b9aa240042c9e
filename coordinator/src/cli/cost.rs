//! What a sweep costs, roughly: how long it takes one thread, from times that were measured once on the reference task,
//! and how much memory a thread needs, as the worker allocates it.
//!
//! A replica runs from the first outer iteration that reads its index, so on average it skips what `replica_share` leaves
//! out.

use std::borrow::Cow;

use bistable_common::{
    plan::{BLOCK, Plan},
    spec::{
        Growth, Implicit, Inverse, Method, Precision, ProblemSpec, ReweightingSpec, Schedule,
        StepRule,
    },
    sweep::{Cell, Indices, Sweep},
    trajectory::curve_rounds,
};
use bistable_worker::{
    coupled,
    data::Dataset,
    problem::{
        BinaryLogistic, Dims, Distillation, FewShot, Footprint, HyperRepresentation, Logistic,
        Quadratic, QuadraticReplicas, Reweighting, Size,
    },
    solver::{Words, shape},
};

/// Seconds that the loop's operations take.
struct Rates {
    /// A parameter and sample of a classifier: an inner step.
    inner: f64,
    /// The second pass through an inner step, for the unrolled direction through more than one.
    reverse: f64,
    /// The outer gradient, with the inner products that replace the second pass.
    outer: f64,
    /// A parameter and sample of a product with second derivatives, and as much to prepare it on a batch.
    product: f64,
}

/// A network, replica after replica.
const NETWORK: Rates = Rates {
    inner: 17e-12,
    reverse: 8e-12,
    outer: 11e-12,
    product: 20e-12,
};
/// A linear classifier, in a group, where no solver asks for products.
const LINEAR: Rates = Rates {
    inner: 25e-12,
    reverse: 12e-12,
    outer: 19e-12,
    product: 0.0,
};
/// A linear classifier alone.
const LINEAR_ALONE: Rates = Rates {
    inner: 115e-12,
    reverse: 60e-12,
    outer: 115e-12,
    product: 120e-12,
};
/// A parameter and sample: a forward pass.
const FORWARD: f64 = 7e-12;
/// A component of the state for each K, and for each fork: a distance, a copy.
const STATE: f64 = 0.3e-9;
/// Seconds that a multiply-add of a problem takes that is composed from its oracle.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// In derivatives.
    entry: f64,
    /// Where single samples are looked at.
    look: f64,
}

/// Matrices and vectors.
const DENSE: Pace = Pace {
    entry: 0.15e-9,
    look: 2e-9,
};
/// The same of sparse samples.
const SPARSE: Pace = Pace {
    entry: 0.15e-9,
    look: 0.5e-9,
};
/// Layers of networks, by kernels.
const LAYERS: Pace = Pace {
    entry: 0.03e-9,
    look: 0.03e-9,
};
/// A layer that is as narrow as there are classes.
const NARROW: Pace = Pace {
    entry: 0.15e-9,
    look: 0.1e-9,
};
/// To draw a batch.
const DRAW: f64 = 0.3e-6;
/// Trials of a line search: a guess, since they depend on the run.
const TRIALS: f64 = 4.0;

/// A data set, as far as it costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    features: f64,
    classes: f64,
    /// Mean number of values in a sample that are not zero.
    nonzero: f64,
    /// Bytes of the whole.
    bytes: u64,
}

impl Shape {
    /// Features and classes.
    fn dims(&self) -> (usize, usize) {
        (self.features as usize, self.classes as usize)
    }
}

impl From<&Dataset> for Shape {
    fn from(data: &Dataset) -> Self {
        let nonzero = |sample| data.sparse::<f32>(sample).count() as u64;
        let all: u64 = (0..data.samples()).map(nonzero).sum();
        Self {
            features: f64::from(data.features()),
            classes: f64::from(data.classes()),
            nonzero: all as f64 / f64::from(data.samples()),
            bytes: data.content().len() as u64,
        }
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            features: 784.0,
            classes: 10.0,
            nonzero: 150.0,
            bytes: 0,
        }
    }
}

/// What a sweep costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// Of the whole sweep on one thread.
    pub seconds: f64,
    /// That a thread needs at most, in its largest cell.
    pub bytes_per_thread: f64,
    /// Of the data set, which all threads share.
    pub data_bytes: u64,
}

impl Cost {
    /// Predicts the cost of `sweep`; `shape` is that of its data set, if it has one.
    pub fn of(sweep: &Sweep, shape: Option<Shape>) -> Self {
        let facts = sweep.facts();
        let data_bytes = shape.map_or(0, |shape| shape.bytes);
        let model = Model {
            problem: &facts.problem,
            precision: facts.precision,
            indices: facts.indices,
            test: f64::from(facts.test),
            shape: shape.unwrap_or_default(),
        };
        let replicate: f64 = facts.cells.iter().map(|cell| model.seconds(cell)).sum();
        Self {
            seconds: replicate * f64::from(facts.replicates),
            bytes_per_thread: (facts.cells.iter())
                .map(|cell| model.bytes(cell))
                .fold(0.0, f64::max),
            data_bytes,
        }
    }
}

/// Experiments and units of every cell, over all replicates.
pub(super) fn cell_counts(sweep: &Sweep) -> Vec<(u64, u64)> {
    let plan = Plan::new(sweep.facts());
    let replicates = u64::from(plan.replicates());
    let ids = (0..plan.cells()).map(bistable_common::ids::CellId);
    ids.zip(&sweep.facts().cells)
        .map(|(id, cell)| {
            let positions = u64::from(positions(sweep.facts().indices, cell));
            (
                positions * replicates,
                u64::from(plan.blocks(id)) * replicates,
            )
        })
        .collect()
}

fn positions(indices: Indices, cell: &Cell) -> u32 {
    match indices {
        Indices::All => cell.m1,
        Indices::Count(count) => count.min(cell.m1),
    }
}

/// Seconds of the loop's operations.
struct Times {
    inner_step: f64,
    reverse_step: f64,
    outer_step: f64,
    /// Of one sample.
    evaluation: f64,
    /// A product with second derivatives, or to prepare some.
    product: f64,
    /// A pass over y.
    pass: f64,
}

/// What all cells of a sweep have in common.
struct Model<'a> {
    problem: &'a ProblemSpec,
    precision: Precision,
    indices: Indices,
    test: f64,
    shape: Shape,
}

impl Model<'_> {
    /// Of one replicate.
    fn seconds(&self, cell: &Cell) -> f64 {
        let footprint = self.footprint(cell);
        let times = self.times(cell, footprint.replicas as f64);
        let run = cell.last_k() as f64 * iteration(cell, &times);
        let all = f64::from(positions(self.indices, cell));
        let (share, drawn) = match self.indices {
            Indices::All => (replica_share(cell), drawn_share(cell)),
            // Chosen among the drawn ones.
            Indices::Count(_) => (replica_share(cell) / drawn_share(cell), 1.0),
        };
        let state = footprint.state as f64 / self.scalar();
        let copies = all * (drawn + cell.ks.len() as f64) * state * STATE;
        let records = all * cell.ks.len() as f64 * 4.0 * times.evaluation;
        let samples = f64::from(cell.m1) + self.test;
        let curve = curve_rounds(&cell.ks).len() as f64 * samples * times.evaluation;
        let base_runs = (all / self.per_base_run(&footprint)).ceil().max(1.0);
        // A base run takes a whole group's time, and so does a group that is not full.
        let company = footprint.replicas as f64;
        let base = run * base_runs * company;
        let replicas = (all / company).ceil() * company;
        base + run * replicas * share.min(1.0) + copies + records + curve
    }

    /// Of one replica, `company` of which are stepped together.
    fn times(&self, cell: &Cell, company: f64) -> Times {
        let solver = &cell.solver;
        let inner = shape(cell).batch_y as f64;
        let outer = f64::from(solver.batch_x.size(cell.m1));
        let implicit = solver.direction.implicit();
        let batch_v = implicit.map_or(0, |implicit| implicit.batch_v.size(cell.m2));
        let batch_v = f64::from(batch_v);
        let draw = DRAW / company;
        match self.kind(cell) {
            Kind::Classifier(spec) => {
                let parameters = parameters(&spec, &self.shape);
                let rates = match spec.hidden.is_empty() {
                    false => NETWORK,
                    true if company > 1.0 => LINEAR,
                    true => LINEAR_ALONE,
                };
                Times {
                    inner_step: draw + inner * parameters * rates.inner,
                    reverse_step: inner * parameters * rates.reverse,
                    outer_step: draw + outer * parameters * rates.outer,
                    evaluation: parameters * FORWARD,
                    product: draw + batch_v * parameters * rates.product,
                    pass: parameters * STATE,
                }
            }
            Kind::Plain(size, Pace { entry, look }) => Times {
                inner_step: draw + size.gradient.on(inner) * entry,
                reverse_step: size.product.on(inner) * entry,
                outer_step: draw + size.gradient.on(outer) * entry,
                evaluation: self.look(&size, cell) * look,
                product: draw + size.product.on(batch_v) * entry,
                pass: size.dims.y as f64 * STATE,
            },
        }
    }

    /// Multiply-adds to evaluate f on one sample.
    fn look(&self, size: &Size, cell: &Cell) -> f64 {
        match self.problem {
            ProblemSpec::Quadratic(_) => size.gradient.on(1.0),
            // A task is adapted to first.
            ProblemSpec::FewShot(_) => {
                f64::from(1 + cell.solver.schedule.inner_steps) * size.gradient.per_sample
            }
            // Only what is done for the sample itself: a penalty is no part of f, or costs little.
            _ => size.gradient.per_sample,
        }
    }

    /// Bytes that a thread needs for its samples, the base run, the forks and the loop's scratch space.
    fn bytes(&self, cell: &Cell) -> f64 {
        let scalar = self.scalar();
        let footprint = self.footprint(cell);
        let words = self.words(cell, &self.problem_footprint(cell));
        // The state at every K, the initial one, and the one that is looked at.
        let states = cell.ks.len() as f64 + 3.0;
        let together = f64::from(positions(self.indices, cell)).min(self.per_base_run(&footprint));
        let forks = (together / footprint.replicas as f64).ceil();
        let samples = 2.0 * f64::from(cell.m1) + f64::from(cell.m2) + self.test;
        let sample = match self.kind(cell) {
            Kind::Classifier(_) => self.shape.nonzero * (scalar + 2.0) + 5.0,
            Kind::Plain(size, _) => size.sample,
        };
        // Tasks choose among all of the data set.
        let pool = match self.problem {
            ProblemSpec::FewShot(_) => {
                let filled = self.shape.nonzero / self.shape.features;
                self.shape.bytes as f64 * filled * (scalar + 4.0)
            }
            _ => 0.0,
        };
        // First draws and index orders.
        let draws = 32.0 * f64::from(cell.m1);
        (states + forks) * footprint.state as f64
            // The initial group, and the two that are run.
            + 3.0 * (footprint.group as f64 + words.memory as f64 * scalar)
            + footprint.scratch as f64
            + words.room as f64 * scalar
            + samples * sample
            + pool
            + draws
    }

    /// Replicas that share a base run.
    fn per_base_run(&self, footprint: &Footprint) -> f64 {
        let blocks = coupled::blocks_per_base_run(footprint.state, footprint.replicas);
        f64::from(blocks) * f64::from(BLOCK)
    }

    /// What the problem allocates, and as part of a replica's state what the solver remembers.
    fn footprint(&self, cell: &Cell) -> Footprint {
        let problem = self.problem_footprint(cell);
        let memory = self.words(cell, &problem).memory;
        Footprint {
            state: problem.state + (memory as f64 * self.scalar()) as u64,
            ..problem
        }
    }

    fn problem_footprint(&self, cell: &Cell) -> Footprint {
        match self.kind(cell) {
            Kind::Classifier(spec) => {
                let data = self.shape.dims();
                let of = match self.precision {
                    Precision::F32 => Reweighting::<f32>::footprint,
                    Precision::F64 => Reweighting::<f64>::footprint,
                };
                of(&spec, data, cell.m2 as usize, shape(cell))
            }
            Kind::Plain(size, _) => match self.problem {
                ProblemSpec::Quadratic(spec)
                    if cell.solver.is_fused() && spec.has_constant_hessians() =>
                {
                    QuadraticReplicas::footprint(spec, shape(cell))
                }
                _ => size.footprint(shape(cell)),
            },
        }
    }

    /// What the solver needs; a state of the problem is x and y.
    fn words(&self, cell: &Cell, problem: &Footprint) -> Words {
        let dims = match self.kind(cell) {
            Kind::Classifier(_) => {
                let state = (problem.state as f64 / self.scalar()) as usize;
                let x = cell.m2 as usize;
                Dims { x, y: state - x }
            }
            Kind::Plain(size, _) => size.dims,
        };
        Words::new(&cell.solver, dims)
    }

    fn kind(&self, cell: &Cell) -> Kind<'_> {
        let (data, nonzero) = (self.shape.dims(), self.shape.nonzero);
        match self.problem {
            ProblemSpec::Reweighting(spec) => Kind::Classifier(Cow::Borrowed(spec)),
            ProblemSpec::HyperCleaning(spec) => Kind::Classifier(Cow::Owned(spec.into())),
            ProblemSpec::Quadratic(spec) => Kind::Plain(Quadratic::size(spec), DENSE),
            ProblemSpec::Logistic(_) => {
                let size = match self.precision {
                    Precision::F32 => Logistic::<f32>::size(data, nonzero),
                    Precision::F64 => Logistic::<f64>::size(data, nonzero),
                };
                Kind::Plain(size, SPARSE)
            }
            ProblemSpec::BinaryLogistic(_) => {
                let size = match self.precision {
                    Precision::F32 => BinaryLogistic::<f32>::size(data.0, nonzero),
                    Precision::F64 => BinaryLogistic::<f64>::size(data.0, nonzero),
                };
                Kind::Plain(size, SPARSE)
            }
            ProblemSpec::HyperRepresentation(spec) => {
                let size = match self.precision {
                    Precision::F32 => HyperRepresentation::<f32>::size(spec, data, nonzero),
                    Precision::F64 => HyperRepresentation::<f64>::size(spec, data, nonzero),
                };
                Kind::Plain(size, LAYERS)
            }
            ProblemSpec::FewShot(spec) => {
                let size = match self.precision {
                    Precision::F32 => FewShot::<f32>::size(spec, cell, data.0),
                    Precision::F64 => FewShot::<f64>::size(spec, cell, data.0),
                };
                Kind::Plain(size, LAYERS)
            }
            ProblemSpec::Distillation(spec) => {
                let size = match self.precision {
                    Precision::F32 => Distillation::<f32>::size(spec, data, nonzero),
                    Precision::F64 => Distillation::<f64>::size(spec, data, nonzero),
                };
                match spec.hidden.is_empty() {
                    true => Kind::Plain(size, NARROW),
                    false => Kind::Plain(size, LAYERS),
                }
            }
        }
    }

    fn scalar(&self) -> f64 {
        match self.precision {
            Precision::F32 => 4.0,
            Precision::F64 => 8.0,
        }
    }
}

/// A classifier's parameters, without padding.
fn parameters(spec: &ReweightingSpec, shape: &Shape) -> f64 {
    let mut fan_in = shape.features;
    let widths = spec.hidden.iter().map(|&width| f64::from(width));
    let layers = widths.chain([shape.classes]).map(|outputs| {
        let layer = (fan_in + 1.0) * outputs;
        fan_in = outputs;
        layer
    });
    layers.sum()
}

/// A problem by what it costs.
enum Kind<'a> {
    Classifier(Cow<'a, ReweightingSpec>),
    Plain(Size, Pace),
}

/// Seconds of an outer iteration, the mean over the run; a tolerance may end inner steps earlier.
fn iteration(cell: &Cell, times: &Times) -> f64 {
    let solver = &cell.solver;
    let steps = mean_steps(&solver.schedule, cell.last_k() as f64);
    let reverse = match f64::from(solver.direction.taped(u32::MAX)).min(steps) {
        taped if taped <= 1.0 => 0.0,
        taped => taped * times.reverse_step,
    };
    let implicit = solver.direction.implicit();
    steps * (times.inner_step + inner_extra(cell, times))
        + reverse
        + times.outer_step
        + implicit.map_or(0.0, |implicit| products(implicit) * times.product)
        + outer_extra(cell, times)
}

/// Inner steps of an outer iteration, the mean over `k` of them.
fn mean_steps(schedule: &Schedule, k: f64) -> f64 {
    f64::from(schedule.inner_steps)
        * match schedule.growth {
            Growth::Fixed => 1.0,
            Growth::Sqrt => 2.0 / 3.0 * k.sqrt(),
            Growth::FourthRoot => 0.8 * k.sqrt().sqrt(),
        }
}

/// Products with second derivatives, those that prepare them and that of the cross term included.
fn products(implicit: &Implicit) -> f64 {
    let own = match implicit.inverse {
        // All on one batch.
        Inverse::Cg { steps, .. } | Inverse::FixedPoint { steps, .. } => 1.0 + f64::from(steps),
        Inverse::Neumann {
            steps,
            geometric: None,
            ..
        } => 2.0 * f64::from(steps),
        Inverse::Neumann {
            steps,
            eta_v,
            geometric: Some(mu),
        } => {
            // Batches are Q times B and fall geometrically.
            let (steps, ratio) = (f64::from(steps), 1.0 - eta_v * mu);
            2.0 * steps * (1.0 - ratio.powf(steps)) / (1.0 - ratio)
        }
        Inverse::RandomNeumann { steps, .. } => f64::from(steps - 1),
        Inverse::Identity { .. } => 0.0,
    };
    own + 2.0
}

/// What an inner step takes beside its gradient.
fn inner_extra(cell: &Cell, times: &Times) -> f64 {
    let solver = &cell.solver;
    let batch = f64::from(solver.batch_y.size(cell.m2));
    let memory = match solver.update_y.method {
        Method::Plain => 0.0,
        Method::Averaged { .. } => 1.0,
        Method::Adam { .. } => 4.0,
        Method::Lbfgs { memory } => 4.0 * f64::from(memory),
    };
    memory * times.pass + looks(solver.eta_y.rule) * batch * times.evaluation
}

/// What an outer step takes beside its direction.
fn outer_extra(cell: &Cell, times: &Times) -> f64 {
    let solver = &cell.solver;
    let batch = f64::from(solver.batch_x.size(cell.m1));
    let looks = looks(solver.eta_x.rule);
    let inner = match solver.eta_x.rule {
        StepRule::BilevelArmijo { .. } => TRIALS * times.inner_step,
        _ => 0.0,
    };
    looks * batch * times.evaluation + inner
}

/// Evaluations of an objective on a batch to find a step size.
fn looks(rule: StepRule) -> f64 {
    match rule {
        StepRule::Constant
        | StepRule::Inverse
        | StepRule::InverseSqrt
        | StepRule::Power { .. }
        | StepRule::Geometric { .. }
        | StepRule::Theorem2 { .. }
        | StepRule::Theorem3 { .. } => 0.0,
        StepRule::Polyak { .. }
        | StepRule::DecPolyak { .. }
        | StepRule::BilevelPolyak { .. }
        | StepRule::Hoag => 1.0,
        StepRule::Armijo { .. } | StepRule::BilevelArmijo { .. } => 1.0 + TRIALS,
    }
}

/// The probability that an outer iteration reads a given index.
fn read_chance(cell: &Cell) -> f64 {
    let chance = f64::from(cell.solver.batch_x.size(cell.m1)) / f64::from(cell.m1);
    chance.min(1.0)
}

/// The expected share of all indices that a run reads.
fn drawn_share(cell: &Cell) -> f64 {
    1.0 - (1.0 - read_chance(cell)).powf(cell.last_k() as f64)
}

/// The expected share of its run that a replica computes: what comes after the first draw of its index.
fn replica_share(cell: &Cell) -> f64 {
    let k = cell.last_k() as f64;
    1.0 - drawn_share(cell) / (k * read_chance(cell))
}

#[cfg(test)]
mod tests {
    use bistable_common::{
        ids::Replicate,
        spec::{Solver, presets::PRESETS},
        sweep::{Facts, Format, Reading, SolverName, Source, parse},
    };
    use bistable_worker::{
        kernel::Simd,
        problem::{LinearReplicas, Plain, Problem},
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
        let facts = sweep.facts();
        Model {
            problem: &facts.problem,
            precision: facts.precision,
            indices: facts.indices,
            test: f64::from(facts.test),
            shape: shape.unwrap_or_default(),
        }
    }

    /// What is told before there is a problem is what the problem tells, cell by cell.
    fn assert_footprint<P: Problem>(
        sweep: &Sweep,
        shape_of_data: Option<Shape>,
        make: impl Fn(&Cell) -> P,
    ) {
        let model = model(sweep, shape_of_data);
        for cell in &sweep.facts().cells {
            let problem = make(cell);
            let bytes = |dims: Dims| ((dims.x + dims.y) * size_of::<P::Real>()) as u64;
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

    #[test]
    fn memory_is_counted_as_the_worker_allocates_it() {
        let quickstart = include_str!("../../../deploy/examples/quickstart.toml");
        let linear = quickstart.replace(
            "kind = \"reweighting\"",
            "kind = \"reweighting\"\nhidden = []",
        );
        for text in [quickstart, &linear] {
            let (sweep, shape) = example(text);
            let facts = sweep.facts();
            let data = Dataset::bundled();
            let ProblemSpec::Reweighting(spec) = &facts.problem else {
                panic!("another problem");
            };
            let make = |cell: &Cell| {
                Reweighting::<f32>::new(Simd::any(), spec, facts, cell, Replicate(0), &data)
                    .expect("it fits")
            };
            if spec.hidden.is_empty() {
                assert_footprint(&sweep, shape, |cell| LinearReplicas::new(make(cell)));
            } else {
                assert_footprint(&sweep, shape, make);
            }
        }
        let (sweep, shape) = example(include_str!("../../../deploy/examples/quadratic.toml"));
        let facts = sweep.facts();
        let ProblemSpec::Quadratic(spec) = &facts.problem else {
            panic!("another problem");
        };
        assert_footprint(&sweep, shape, |cell| {
            QuadraticReplicas::new(Quadratic::new(spec, facts, cell, Replicate(0)), Simd::any())
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
        let (sweep, data) = example(include_str!("../../../deploy/examples/quickstart.toml"));
        let hidden = Vec::new();
        let facts = Facts {
            problem: ProblemSpec::Reweighting(ReweightingSpec {
                hidden,
                ..ReweightingSpec::default()
            }),
            ..sweep.facts().clone()
        };
        let sweep = of_every_preset(facts);
        let facts = sweep.facts();
        let spec = facts.problem.classifier().expect("a classifier");
        let images = Dataset::bundled();
        assert_footprint(&sweep, data, |cell| {
            Reweighting::<f32>::new(Simd::any(), &spec, facts, cell, Replicate(0), &images)
                .expect("it fits")
        });
        let (sweep, data) = example(include_str!("../../../deploy/examples/quadratic.toml"));
        let sweep = of_every_preset(sweep.facts().clone());
        let facts = sweep.facts();
        let ProblemSpec::Quadratic(spec) = &facts.problem else {
            panic!("another problem");
        };
        assert_footprint(&sweep, data, |cell| {
            Plain(Quadratic::new(spec, facts, cell, Replicate(0)))
        });
    }

    #[test]
    fn memory_of_networks_at_the_outer_level_is_counted_as_the_worker_allocates_it() {
        let images = Dataset::bundled();
        let (sweep, data) = example(include_str!(
            "../../../deploy/examples/hyper-representation.toml"
        ));
        let facts = sweep.facts();
        let ProblemSpec::HyperRepresentation(spec) = &facts.problem else {
            panic!("another problem");
        };
        assert_footprint(&sweep, data, |cell| {
            let problem = HyperRepresentation::<f32>::new(
                Simd::any(),
                spec,
                facts,
                cell,
                Replicate(0),
                &images,
            );
            Plain(problem.expect("it fits"))
        });
        let (sweep, data) = example(include_str!("../../../deploy/examples/distillation.toml"));
        let facts = sweep.facts();
        let ProblemSpec::Distillation(spec) = &facts.problem else {
            panic!("another problem");
        };
        assert_footprint(&sweep, data, |cell| {
            let problem =
                Distillation::<f32>::new(Simd::any(), spec, facts, cell, Replicate(0), &images);
            Plain(problem.expect("it fits"))
        });
        let (sweep, data) = example(include_str!("../../../deploy/examples/few-shot.toml"));
        let facts = sweep.facts();
        let ProblemSpec::FewShot(spec) = &facts.problem else {
            panic!("another problem");
        };
        assert_footprint(&sweep, data, |cell| {
            let problem =
                FewShot::<f32>::new(Simd::any(), spec, facts, cell, Replicate(0), &images);
            Plain(problem.expect("it fits"))
        });
    }

    #[test]
    fn memory_of_logistic_regression_is_counted_as_the_worker_allocates_it() {
        let rows = Path::new("../deploy/examples/a8a-1000.libsvm.gz");
        let rows = Dataset::open(rows, &Reading::default()).expect("a data set");
        let (sweep, data) = example(include_str!("../../../deploy/examples/logistic.toml"));
        let sweep = of_every_preset(sweep.facts().clone());
        let facts = sweep.facts();
        let ProblemSpec::Logistic(spec) = &facts.problem else {
            panic!("another problem");
        };
        assert_footprint(&sweep, data, |cell| {
            let problem = Logistic::new(Simd::any(), spec, facts, cell, Replicate(0), &rows);
            Plain::<Logistic<f64>>(problem.expect("it fits"))
        });
        let (sweep, data) = example(include_str!(
            "../../../deploy/examples/binary-logistic.toml"
        ));
        let facts = sweep.facts();
        let ProblemSpec::BinaryLogistic(spec) = &facts.problem else {
            panic!("another problem");
        };
        assert_footprint(&sweep, data, |cell| {
            let problem = BinaryLogistic::new(Simd::any(), spec, facts, cell, Replicate(0), &rows);
            Plain::<BinaryLogistic<f64>>(problem.expect("it fits"))
        });
    }

    #[test]
    fn memory_of_a_nonconvex_quadratic_is_that_of_replicas_alone() {
        let text = include_str!("../../../deploy/examples/quadratic.toml");
        let text = text.replace("mu_f = 1.0", "family = \"nc-nc\"\nmu_f = -0.25");
        let (sweep, data) = example(&text.replace("mu_g = 1.0", "mu_g = -0.25"));
        let facts = sweep.facts();
        let ProblemSpec::Quadratic(spec) = &facts.problem else {
            panic!("another problem");
        };
        assert_footprint(&sweep, data, |cell| {
            Plain(Quadratic::new(spec, facts, cell, Replicate(0)))
        });
    }

    #[test]
    fn the_reference_task_takes_what_was_measured() {
        let (sweep, shape) = example(include_str!("../../../deploy/examples/quickstart.toml"));
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
}
