//! Hyper-representation (Franceschi et al. 2018; Sow et al. 2022; Fan et al. 2023): `x` are the parameters of an embedding
//! `e(x; .)`, `y = (W, c)` those of a linear head, `z = W e(x; s) + c`,
//! `g = (1/B) sum_b loss(z_b) + l2 |y|^2` on training samples, `f = (1/B) sum_b loss(z_b)` on validation samples.
//!
//! Let `r = dloss/dz` (of cross-entropy `p - t`, of the ridge loss `2 (z - t)`) and `H = dr/dz`. Then
//! `d_W g = (1/B) sum_b r_b e_b' + 2 l2 W`, `d_c g = (1/B) sum_b r_b + 2 l2 c`, and along `v = (V, u)`
//!
//! * `z' = V e + u` and `r' = H z'` are how outputs and residuals change, so `d_yy g v = (1/B) sum_b (r'_b e_b', r'_b) +
//!   2 l2 v`;
//! * `<d_y g, v> = (1/B) sum_b <r_b, V e_b + u> + 2 l2 <y, v>` changes with e by `V' r + W' H (V e + u) = V' r + W' r'`;
//!   `d_x d_y g v` is this, pulled back through the embedding as any gradient is.
//!
//! f depends on x through the embedding: `d_e f = W' r`.

mod layers;

use bistable_common::spec::HyperRepresentationSpec;

use super::{
    Dims, Iterate, Metrics, Oracle, Size, Table, Work, dealt::Dealt, mlp::CHUNK, samples::Samples,
    share,
};
use crate::{
    data::Dataset,
    kernel::{Aligned, Real, Simd, ops},
    setting::Setting,
};
use layers::Layers;

/// The problem in one replicate.
#[derive(Debug)]
pub struct HyperRepresentation<R> {
    layers: Layers,
    /// Weight of `|y|^2` in g.
    l2: f64,
    x: Vec<R>,
    y: Vec<R>,
    samples: Dealt<Samples<R>>,
}

impl<R: Real> HyperRepresentation<R> {
    /// Deals out the data of one replicate of a cell; `None` if the data set is too small.
    pub fn new(
        setting: Setting<'_>,
        spec: &HyperRepresentationSpec,
        data: &Dataset,
    ) -> Option<Self> {
        let (features, classes) = (data.features() as usize, data.classes() as usize);
        let layers = Layers::new(setting.simd, spec, features, classes);
        let head = spec.hidden.len() as u64;
        Some(Self {
            l2: spec.l2,
            x: layers.embedding.start(setting, 0),
            y: layers.head.layers.start(setting, head),
            layers,
            samples: Samples::deal(setting, data)?,
        })
    }

    /// What it takes on data of so many features and classes, `nonzero` of a sample's features not being zero.
    pub fn size(
        spec: &HyperRepresentationSpec,
        (features, classes): (usize, usize),
        nonzero: f64,
    ) -> Size {
        let layers = Layers::new(Simd::any(), spec, features, classes);
        let (embedding, head) = (layers.embedding.products(), layers.head.layers.products());
        Size {
            dims: layers.dims(),
            scalar: size_of::<R>(),
            work: layers.words(CHUNK),
            sample: Samples::<R>::bytes(nonzero),
            // Of f: forward, backward, products. Of g there is less to do.
            gradient: Work {
                per_call: layers.dims().all() as f64,
                per_sample: 3.0 * (embedding + head),
            },
            product: Work {
                per_call: layers.dims().all() as f64,
                per_sample: 3.0 * embedding + 5.0 * head,
            },
            dual: Work::NONE,
            value: 3.0 * (embedding + head),
        }
    }

    /// Sums of losses and errors.
    fn judge(&self, at: &Iterate<R>, samples: &Samples<R>, rows: &[u32]) -> [f64; 2] {
        let layers = &self.layers;
        let mut room = vec![R::ZERO; layers.words(rows.len().min(CHUNK))];
        rows.chunks(CHUNK).fold([0.0; 2], |sums, rows| {
            let mut values = layers.values(rows.len(), &mut room);
            layers.forward(at, samples, rows, &mut values);
            let [loss, error] = layers.head.judge(samples.labels(rows), &values.headed);
            [sums[0] + loss, sums[1] + error]
        })
    }

    /// `out += 2 l2 v`: the gradient of `l2 |y|^2` at v, and its Hessian times v.
    fn add_penalty(&self, v: &[R], out: &mut [R]) {
        let factor = R::from_f64(2.0 * self.l2);
        ops::add_multiple(self.layers.embedding.simd(), factor, v, out);
    }
}

impl<R: Real> Oracle for HyperRepresentation<R> {
    type Real = R;

    fn dims(&self) -> Dims {
        self.layers.dims()
    }

    fn start(&self) -> Iterate<R> {
        Iterate {
            x: self.x.clone(),
            y: Aligned::from_slice(&self.y),
            z: Vec::new(),
        }
    }

    fn simd(&self) -> Simd {
        self.layers.embedding.simd()
    }

    fn work_words(&self) -> usize {
        self.layers.words(CHUNK)
    }

    fn inner_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], work: &mut [R]) {
        let (layers, samples) = (&self.layers, &self.samples.training);
        out.fill(R::ZERO);
        for rows in batch.chunks(CHUNK) {
            let mut values = layers.values(rows.len(), work);
            layers.differentiate(at, samples, rows, share(batch), &mut values);
            let embedded = layers.embedding.outputs_of(&values.embedded);
            layers
                .head
                .layers
                .add_gradient(embedded, &values.headed, out);
        }
        self.add_penalty(&at.y, out);
    }

    fn outer_grads(
        &self,
        at: &Iterate<R>,
        batch: &[u32],
        gx: &mut [R],
        gy: &mut [R],
        work: &mut [R],
    ) {
        let (layers, samples) = (&self.layers, self.samples.table(Table::Validation));
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        for rows in batch.chunks(CHUNK) {
            let values = &mut layers.values(rows.len(), work);
            layers.differentiate(at, samples, rows, share(batch), values);
            let embedded = layers.embedding.outputs_of(&values.embedded);
            layers
                .head
                .layers
                .add_gradient(embedded, &values.headed, gy);
            let up = layers.embedding.bent_outputs(&mut values.embedded);
            up.fill(R::ZERO);
            (layers.head.layers).pull_inputs(&at.y, &values.headed, values.turned, up);
            layers.add_embedding_gradient(at, values, gx);
        }
    }

    fn inner_hvp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let (layers, samples) = (&self.layers, &self.samples.training);
        out.fill(R::ZERO);
        for rows in batch.chunks(CHUNK) {
            let values = &mut layers.values(rows.len(), work);
            layers.differentiate(at, samples, rows, share(batch), values);
            layers.bend(at, v, share(batch), values);
            let embedded = layers.embedding.outputs_of(&values.embedded);
            (layers.head.layers).add_gradient_change(
                embedded,
                &values.headed,
                &values.tangent,
                out,
            );
        }
        self.add_penalty(v, out);
    }

    fn cross_vp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let (layers, samples) = (&self.layers, &self.samples.training);
        out.fill(R::ZERO);
        for rows in batch.chunks(CHUNK) {
            let values = &mut layers.values(rows.len(), work);
            layers.differentiate(at, samples, rows, share(batch), values);
            layers.bend(at, v, share(batch), values);
            let up = layers.embedding.bent_outputs(&mut values.embedded);
            up.fill(R::ZERO);
            layers.head.layers.pull_inputs_change(
                (&at.y, v),
                &values.headed,
                &values.tangent,
                values.turned,
                up,
            );
            layers.add_embedding_gradient(at, values, out);
        }
    }

    fn inner_value(&self, at: &Iterate<R>, batch: &[u32]) -> f64 {
        let [loss, _] = self.judge(at, &self.samples.training, batch);
        let squares = ops::dot(self.layers.embedding.simd(), &at.y, &at.y);
        loss / batch.len() as f64 + self.l2 * squares
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        let sums = self.judge(at, self.samples.table(table), rows);
        Metrics::mean(sums, rows.len())
    }
}
