//! What a sweep costs, roughly: how long it takes one thread, from times that were measured once on the reference task,
//! and how much memory a thread needs, as the worker allocates it.

mod iteration;
mod reads;

use std::borrow::Cow;

use self::{
    iteration::{Times, iteration},
    reads::Reads,
};
use bistable_common::{
    plan::{self, BLOCK, Plan},
    spec::{Precision, ProblemSpec, ReweightingSpec},
    sweep::{Cell, Facts, Indices, Replace, Sweep},
    trajectory::curve_rounds,
};
use bistable_worker::{
    coupled,
    data::Dataset,
    kernel::Real,
    problem::{
        Auc, BinaryLogistic, Dims, Distillation, FewShot, Footprint, HyperRepresentation, Logistic,
        Quadratic, QuadraticReplicas, Reweighting, RobustReweighting, Size,
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

impl Shape {}

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
            facts,
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
            let positions = u64::from(plan::positions(sweep.facts(), cell));
            (
                positions * replicates,
                u64::from(plan.blocks(id)) * replicates,
            )
        })
        .collect()
}

/// What all cells of a sweep have in common.
struct Model<'a> {
    facts: &'a Facts,
    shape: Shape,
}

impl Model<'_> {
    /// Of one replicate.
    fn seconds(&self, cell: &Cell) -> f64 {
        let footprint = self.footprint(cell);
        let times = self.times(cell, footprint.replicas as f64);
        let run = cell.last_k() as f64 * iteration(cell, &times);
        let all = self.positions(cell);
        let reads = Reads::new(self.facts.replace, cell);
        let (share, drawn) = match self.facts.indices {
            Indices::All => (reads.replica_share(), reads.drawn_share()),
            // Chosen among the drawn ones.
            Indices::Count(_) => (reads.replica_share() / reads.drawn_share(), 1.0),
        };
        let state = footprint.state as f64 / self.scalar();
        let copies = all * (drawn + cell.ks.len() as f64) * state * STATE;
        let records = all * cell.ks.len() as f64 * 4.0 * times.evaluation;
        let samples = f64::from(cell.m1) + f64::from(self.facts.test);
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
                    dual_step: 0.0,
                    reverse_step: inner * parameters * rates.reverse,
                    outer_step: draw + outer * parameters * rates.outer,
                    evaluation: parameters * FORWARD,
                    product: draw + batch_v * parameters * rates.product,
                    pass: parameters * STATE,
                }
            }
            Kind::Plain(size, Pace { entry, look }) => Times {
                inner_step: draw + size.gradient.on(inner) * entry,
                dual_step: draw + size.dual.on(inner) * entry,
                reverse_step: size.product.on(inner) * entry,
                outer_step: draw + size.gradient.on(outer) * entry,
                evaluation: size.value * look,
                product: draw + size.product.on(batch_v) * entry,
                pass: size.dims.y as f64 * STATE,
            },
        }
    }

    /// Bytes that a thread needs for its samples, the base run, the forks and the loop's scratch space.
    fn bytes(&self, cell: &Cell) -> f64 {
        let scalar = self.scalar();
        let footprint = self.footprint(cell);
        let words = self.words(cell, &self.problem_footprint(cell));
        // The state at every K, the initial one, and the one that is looked at.
        let states = cell.ks.len() as f64 + 3.0;
        let together = self.positions(cell).min(self.per_base_run(&footprint));
        let forks = (together / footprint.replicas as f64).ceil();
        let facts = self.facts;
        let samples = facts.replace.pool(facts.test, cell.m1, cell.m2) as f64;
        let sample = match self.kind(cell) {
            Kind::Classifier(_) => self.shape.nonzero * (scalar + 2.0) + 5.0,
            Kind::Plain(size, _) => size.sample,
        };
        // Tasks choose among all of the data set.
        let pool = match &self.facts.problem {
            ProblemSpec::FewShot(_) => {
                let filled = self.shape.nonzero / self.shape.features;
                self.shape.bytes as f64 * filled * (scalar + 4.0)
            }
            _ => 0.0,
        };
        // First draws and index orders.
        let draws = 32.0 * f64::from(facts.replace.samples(cell));
        (states + forks) * footprint.state as f64
            // The initial group, and the two that are run.
            + 3.0 * (footprint.group as f64 + words.memory as f64 * scalar)
            + footprint.scratch as f64
            + words.room as f64 * scalar
            + samples * sample
            + pool
            + draws
    }

    /// Samples that are replaced, one a run.
    fn positions(&self, cell: &Cell) -> f64 {
        f64::from(plan::positions(self.facts, cell))
    }

    /// Whether replicas can be stepped in groups.
    fn groups(&self, cell: &Cell) -> bool {
        cell.solver.is_fused() && self.facts.replace == Replace::Validation
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
                let of = match self.facts.precision {
                    Precision::F32 => Reweighting::<f32>::footprint,
                    Precision::F64 => Reweighting::<f64>::footprint,
                };
                of(&spec, data, cell.m2 as usize, shape(cell))
            }
            Kind::Plain(size, _) => match &self.facts.problem {
                ProblemSpec::Quadratic(spec)
                    if self.groups(cell) && spec.has_constant_hessians() =>
                {
                    QuadraticReplicas::footprint(spec, shape(cell))
                }
                _ => size.footprint(shape(cell)),
            },
        }
    }

    /// What the solver needs; a classifier's state is x and y.
    fn words(&self, cell: &Cell, problem: &Footprint) -> Words {
        let dims = match self.kind(cell) {
            Kind::Classifier(_) => {
                let state = (problem.state as f64 / self.scalar()) as usize;
                let x = cell.m2 as usize;
                Dims {
                    x,
                    y: state - x,
                    z: 0,
                }
            }
            Kind::Plain(size, _) => size.dims,
        };
        Words::new(&cell.solver, dims)
    }

    fn kind(&self, cell: &Cell) -> Kind<'_> {
        match self.facts.precision {
            Precision::F32 => self.kind_in::<f32>(cell),
            Precision::F64 => self.kind_in::<f64>(cell),
        }
    }

    fn kind_in<R: Real>(&self, cell: &Cell) -> Kind<'_> {
        let (data, nonzero) = (self.shape.dims(), self.shape.nonzero);
        let (size, pace) = match &self.facts.problem {
            ProblemSpec::Reweighting(spec) => return Kind::Classifier(Cow::Borrowed(spec)),
            ProblemSpec::HyperCleaning(spec) => return Kind::Classifier(Cow::Owned(spec.into())),
            ProblemSpec::Quadratic(spec) => (Quadratic::size(spec), DENSE),
            ProblemSpec::RobustReweighting(_) => {
                (RobustReweighting::<R>::size(data, nonzero), DENSE)
            }
            ProblemSpec::Auc(_) => (Auc::<R>::size(data.0, nonzero), DENSE),
            ProblemSpec::Logistic(_) => (Logistic::<R>::size(data, nonzero), SPARSE),
            ProblemSpec::BinaryLogistic(_) => (BinaryLogistic::<R>::size(data.0, nonzero), SPARSE),
            ProblemSpec::HyperRepresentation(spec) => {
                (HyperRepresentation::<R>::size(spec, data, nonzero), LAYERS)
            }
            ProblemSpec::FewShot(spec) => (FewShot::<R>::size(spec, cell, data.0), LAYERS),
            ProblemSpec::Distillation(spec) => {
                let pace = if spec.hidden.is_empty() {
                    NARROW
                } else {
                    LAYERS
                };
                (Distillation::<R>::size(spec, data, nonzero), pace)
            }
        };
        Kind::Plain(size, pace)
    }

    fn scalar(&self) -> f64 {
        match self.facts.precision {
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

#[cfg(test)]
mod tests;
