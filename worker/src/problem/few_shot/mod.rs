//! Few-shot classification (Finn et al. 2017; Raghu et al. 2019): outer sample i is a task, `ways` classes with `shots`
//! support and `queries` query images each; `x` are the parameters of a classifier, `y` has a slot for each task of the
//! outer batch, in its order.
//!
//! In slot b stand the parameters that are adapted to task b: all of them (MAML), or the last layer's (ANIL), the layers
//! below staying x's. Each slot starts at x's own parameters and takes T steps along the gradient of the mean
//! cross-entropy on all support images,
//! `g(x, y) = sum_b CE(x, y_b; support_b)`; `f(x, y) = (1/B) sum_b CE(x, y_b; query_b)`.
//!
//! The gradient of a task's loss in all parameters of its classifier, cut where the adapted ones begin, holds both
//! `d_x` and `d_y`, and so does its Hessian times `(0, v_b)`: MAML and ANIL differ in where the cut is, and in nothing else.
//!
//! A task is judged as few-shot learners are: by the query loss after T steps from x on its support images. What y is does
//! not matter for that; it belongs to the last outer batch.

mod tasks;
#[cfg(test)]
mod tests;

use bistable_common::{
    spec::{FewShotSpec, Start},
    sweep::Cell,
};

use super::{
    Dims, Iterate, Metrics, Oracle, Size, Table, Work,
    mlp::{CHUNK, Classifier, Loss, Trace, cut},
    samples::Samples,
    share,
};
use crate::{
    data::Dataset,
    kernel::{Real, Simd},
    setting::Setting,
    solver::step_size,
};
use tasks::{Images, Tasks};

/// The problem in one replicate.
#[derive(Debug)]
pub struct FewShot<R> {
    network: Network,
    /// Tasks of an outer batch, at most.
    slots: usize,
    /// The inner steps' sizes.
    etas: Vec<R>,
    x: Vec<R>,
    images: Samples<R>,
    tasks: Tasks,
}

/// The classifier of a task, without its parameters, and which of them are adapted.
#[derive(Debug)]
struct Network {
    classifier: Classifier,
    /// The first parameter that is adapted; all behind it are, too.
    adapted: usize,
}

/// A task's parameters, and room for a chunk of its images.
struct Values<'w, R> {
    /// Of the whole classifier.
    parameters: &'w mut [R],
    /// A direction in them, then their gradient's change along it.
    along: &'w mut [R],
    /// Their gradient.
    gradient: &'w mut [R],
    room: &'w mut [R],
}

/// A chunk's values in all layers.
struct Layers<'w, R> {
    inputs: &'w mut [R],
    plain: Trace<'w, R>,
    tangent: Trace<'w, R>,
    turned: &'w mut [R],
}

impl Network {
    fn new(simd: Simd, spec: &FewShotSpec, features: usize, start: Start) -> Self {
        let (hidden, ways) = ((&*spec.hidden, spec.activation), spec.ways as usize);
        let classifier = Classifier::new(simd, features, hidden, ways, Loss::CrossEntropy);
        let adapted = match start {
            Start::OuterHead => classifier.layers.head_start(),
            Start::Warm | Start::Reinit | Start::Outer => 0,
        };
        Self {
            classifier,
            adapted,
        }
    }

    /// All parameters.
    fn len(&self) -> usize {
        self.classifier.layers.len()
    }

    /// Those of a slot.
    fn slot(&self) -> usize {
        self.len() - self.adapted
    }

    fn dims(&self, slots: usize) -> Dims {
        Dims {
            x: self.len(),
            y: slots * self.slot(),
            z: 0,
        }
    }

    fn layers_words(&self) -> usize {
        let layers = &self.classifier.layers;
        CHUNK * layers.inputs() + 2 * layers.trace_words(CHUNK) + layers.turned_words(CHUNK)
    }

    fn words(&self) -> usize {
        3 * self.len() + self.layers_words()
    }

    fn values<'w, R: Real>(&self, mut room: &'w mut [R]) -> Values<'w, R> {
        let room = &mut room;
        Values {
            parameters: cut(room, self.len()),
            along: cut(room, self.len()),
            gradient: cut(room, self.len()),
            room: cut(room, self.layers_words()),
        }
    }

    fn layers<'w, R: Real>(&self, samples: usize, mut room: &'w mut [R]) -> Layers<'w, R> {
        let (room, layers) = (&mut room, &self.classifier.layers);
        Layers {
            inputs: cut(room, samples * layers.inputs()),
            plain: layers.trace(samples, room),
            tangent: layers.trace(samples, room),
            turned: cut(room, layers.turned_words(samples)),
        }
    }

    /// Puts a task's parameters together.
    fn assemble<R: Real>(&self, x: &[R], slot: &[R], values: &mut Values<'_, R>) {
        let (below, adapted) = values.parameters.split_at_mut(self.adapted);
        below.copy_from_slice(&x[..self.adapted]);
        adapted.copy_from_slice(slot);
    }

    /// Leaves the gradient of the mean loss on `images` in `values.gradient`.
    fn differentiate<R: Real>(
        &self,
        samples: &Samples<R>,
        images: Images<'_>,
        values: &mut Values<'_, R>,
    ) {
        let (share, layers) = (images.share(), &self.classifier.layers);
        values.gradient.fill(R::ZERO);
        for chunk in images.chunks(CHUNK) {
            let Layers {
                inputs,
                plain,
                turned,
                ..
            } = &mut self.layers(chunk.rows.len(), values.room);
            samples.gather(chunk.rows, layers.inputs(), inputs);
            layers.forward(values.parameters, inputs, plain);
            self.classifier.differentiate(chunk.labels(), share, plain);
            layers.backward(values.parameters, plain, turned);
            layers.add_gradient(inputs, plain, values.gradient);
        }
    }

    /// Leaves the change of the gradient along `(0, v)` in `values.gradient`.
    fn bend<R: Real>(
        &self,
        samples: &Samples<R>,
        images: Images<'_>,
        v: &[R],
        values: &mut Values<'_, R>,
    ) {
        let (share, layers) = (images.share(), &self.classifier.layers);
        let (below, along) = values.along.split_at_mut(self.adapted);
        below.fill(R::ZERO);
        along.copy_from_slice(v);
        let direction = (&*values.parameters, &*values.along);
        values.gradient.fill(R::ZERO);
        for chunk in images.chunks(CHUNK) {
            let Layers {
                inputs,
                plain,
                tangent,
                turned,
            } = &mut self.layers(chunk.rows.len(), values.room);
            samples.gather(chunk.rows, layers.inputs(), inputs);
            layers.forward(direction.0, inputs, plain);
            self.classifier.differentiate(chunk.labels(), share, plain);
            layers.backward(direction.0, plain, turned);
            (self.classifier).bend(direction, inputs, share, plain, tangent);
            layers.pull_back(direction, plain, tangent, turned);
            layers.add_gradient_change(inputs, plain, tangent, values.gradient);
        }
    }

    /// Mean loss and error on `images`.
    fn judge<R: Real>(
        &self,
        samples: &Samples<R>,
        images: Images<'_>,
        values: &mut Values<'_, R>,
    ) -> [f64; 2] {
        let layers = &self.classifier.layers;
        let mut sums = [0.0; 2];
        for chunk in images.chunks(CHUNK) {
            let room = &mut self.layers(chunk.rows.len(), values.room);
            samples.gather(chunk.rows, layers.inputs(), room.inputs);
            layers.forward(values.parameters, room.inputs, &mut room.plain);
            let [loss, error] = self.classifier.judge(chunk.labels(), &room.plain);
            sums = [sums[0] + loss, sums[1] + error];
        }
        sums.map(|sum| sum / images.rows.len() as f64)
    }
}

impl<R: Real> FewShot<R> {
    /// Draws the tasks of one replicate of a cell; if the data set has too few classes or images, says so.
    pub fn new(setting: Setting<'_>, spec: &FewShotSpec, data: &Dataset) -> Result<Self, String> {
        let (cell, features) = (setting.cell(), data.features() as usize);
        let solver = &cell.solver;
        let network = Network::new(setting.simd, spec, features, solver.schedule.start);
        // Solvers whose inner step sizes are not the same in every outer iteration are refused.
        let eta = |t| R::from_f64(step_size::at(&solver.eta_y, 0, t, cell.step_context()));
        Ok(Self {
            slots: solver.batch_x.size(cell.m1) as usize,
            etas: (0..solver.schedule.inner_steps).map(eta).collect(),
            x: (network.classifier.layers).start(setting, 0),
            network,
            images: Samples::all(data),
            tasks: Tasks::new(setting, spec, data)?,
        })
    }

    /// What it takes in a cell on data of so many features; samples are tasks.
    pub fn size(spec: &FewShotSpec, cell: &Cell, features: usize) -> Size {
        let solver = &cell.solver;
        let network = Network::new(Simd::any(), spec, features, solver.schedule.start);
        let images = |of_a_class: u32| f64::from(spec.ways * of_a_class);
        let products = network.classifier.layers.products();
        // Of all parameters, as often as they are copied.
        let copies = 2.0 * network.len() as f64;
        let gradient = copies + 3.0 * images(spec.shots.max(spec.queries)) * products;
        Size {
            dims: network.dims(solver.batch_x.size(cell.m1) as usize),
            scalar: size_of::<R>(),
            work: network.words(),
            sample: images(spec.shots + spec.queries) * size_of::<u32>() as f64,
            gradient: Work {
                per_call: 0.0,
                per_sample: gradient,
            },
            product: Work {
                per_call: 0.0,
                per_sample: copies + 9.0 * images(spec.shots) * products,
            },
            dual: Work::NONE,
            // A task is adapted to first.
            value: f64::from(1 + solver.schedule.inner_steps) * gradient,
        }
    }

    /// The slots that a batch fills, with its tasks.
    fn slots<'a>(&self, batch: &'a [u32]) -> impl Iterator<Item = (usize, u32)> + 'a {
        let len = self.network.slot();
        (0..).step_by(len.max(1)).zip(batch.iter().copied())
    }

    /// The query loss and error of a task after T steps from x.
    fn adapted(&self, x: &[R], images: [Images<'_>; 2], values: &mut Values<'_, R>) -> [f64; 2] {
        let [support, query] = images;
        let (network, adapted) = (&self.network, self.network.adapted);
        values.parameters.copy_from_slice(x);
        for &eta in &self.etas {
            network.differentiate(&self.images, support, values);
            let steps = values.parameters[adapted..].iter_mut();
            for (parameter, gradient) in steps.zip(&values.gradient[adapted..]) {
                *parameter = (-eta).mul_add(*gradient, *parameter);
            }
        }
        network.judge(&self.images, query, values)
    }
}

impl<R: Real> Oracle for FewShot<R> {
    type Real = R;
    const STARTS_AT_X: bool = true;

    fn dims(&self) -> Dims {
        self.network.dims(self.slots)
    }

    fn start(&self) -> Iterate<R> {
        let mut start = Iterate::zeros(self.dims());
        start.x.copy_from_slice(&self.x);
        self.begin(&mut start);
        start
    }

    fn begin(&self, at: &mut Iterate<R>) {
        for slot in at.y.chunks_exact_mut(self.network.slot()) {
            slot.copy_from_slice(&at.x[self.network.adapted..]);
        }
    }

    fn pull_start(&self, lambda: &[R], out: &mut [R]) {
        for slot in lambda.chunks_exact(self.network.slot()) {
            let adapted = &mut out[self.network.adapted..];
            for (out, lambda) in adapted.iter_mut().zip(slot) {
                *out += *lambda;
            }
        }
    }

    fn simd(&self) -> Simd {
        self.network.classifier.layers.simd()
    }

    fn work_words(&self) -> usize {
        self.network.words()
    }

    fn inner_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], work: &mut [R]) {
        let (network, len) = (&self.network, self.network.slot());
        let values = &mut network.values(work);
        out.fill(R::ZERO);
        for (first, task) in self.slots(batch) {
            network.assemble(&at.x, &at.y[first..first + len], values);
            let [support, _] = self.tasks.images(Table::Validation, task);
            network.differentiate(&self.images, support, values);
            out[first..first + len].copy_from_slice(&values.gradient[network.adapted..]);
        }
    }

    fn outer_grads(
        &self,
        at: &Iterate<R>,
        batch: &[u32],
        gx: &mut [R],
        gy: &mut [R],
        work: &mut [R],
    ) {
        let (network, len) = (&self.network, self.network.slot());
        let values = &mut network.values(work);
        let share = share(batch);
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        for (first, task) in self.slots(batch) {
            network.assemble(&at.x, &at.y[first..first + len], values);
            let [_, query] = self.tasks.images(Table::Validation, task);
            network.differentiate(&self.images, query, values);
            let (below, adapted) = values.gradient.split_at(network.adapted);
            add_shares(share, below, &mut gx[..network.adapted]);
            add_shares(share, adapted, &mut gy[first..first + len]);
        }
    }

    fn inner_hvp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let (network, len) = (&self.network, self.network.slot());
        let values = &mut network.values(work);
        out.fill(R::ZERO);
        for (first, task) in self.slots(batch) {
            network.assemble(&at.x, &at.y[first..first + len], values);
            let [support, _] = self.tasks.images(Table::Validation, task);
            network.bend(&self.images, support, &v[first..first + len], values);
            out[first..first + len].copy_from_slice(&values.gradient[network.adapted..]);
        }
    }

    fn cross_vp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let (network, len) = (&self.network, self.network.slot());
        out.fill(R::ZERO);
        // Where everything is adapted, g does not depend on x.
        if network.adapted == 0 {
            return;
        }
        let values = &mut network.values(work);
        for (first, task) in self.slots(batch) {
            network.assemble(&at.x, &at.y[first..first + len], values);
            let [support, _] = self.tasks.images(Table::Validation, task);
            network.bend(&self.images, support, &v[first..first + len], values);
            let below = &values.gradient[..network.adapted];
            add_shares(R::ONE, below, &mut out[..network.adapted]);
        }
    }

    fn inner_value(&self, at: &Iterate<R>, batch: &[u32]) -> f64 {
        let (network, len) = (&self.network, self.network.slot());
        let mut room = vec![R::ZERO; network.words()];
        let values = &mut network.values(&mut room);
        let mut sum = 0.0;
        for (first, task) in self.slots(batch) {
            network.assemble(&at.x, &at.y[first..first + len], values);
            let [support, _] = self.tasks.images(Table::Validation, task);
            sum += network.judge(&self.images, support, values)[0];
        }
        sum
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        let mut room = vec![R::ZERO; self.network.words()];
        let values = &mut self.network.values(&mut room);
        let sums = rows.iter().fold([0.0; 2], |sums, &task| {
            let images = self.tasks.images(table, task);
            let [loss, error] = self.adapted(&at.x, images, values);
            [sums[0] + loss, sums[1] + error]
        });
        Metrics::mean(sums, rows.len())
    }
}

/// `out += share values`.
fn add_shares<R: Real>(share: R, values: &[R], out: &mut [R]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = share.mul_add(*value, *out);
    }
}
