//! Data set distillation (Maclaurin et al. 2015, section 3.3; Wang et al. 2018): `x` are `C * per_class` synthetic images
//! `x_j`, row j of class `j mod C` for ever, `y` a classifier,
//! `g = (1/B) sum_b CE(y; x_b) + l2 |y|^2` on batches of synthetic images, `f = (1/B) sum_b CE(y; xi_b)` on validation
//! samples. f sees x only through y.
//!
//! Along `v`, `d_yy g v` is how `d_y g` changes, and `d_x d_y g v = d_v (d_x g)` how the derivatives in the network's inputs
//! do: one second pass gives both.

use bistable_common::{
    draw::{Key, Purpose},
    spec::DistillationSpec,
};

use super::{
    Dims, Iterate, Metrics, Oracle, Size, Table, Work,
    dealt::Dealt,
    mlp::{CHUNK, Classifier, Loss, Trace, cut},
    samples::Samples,
    share,
};
use crate::{
    data::Dataset,
    kernel::{Aligned, Real, Simd, ops},
    setting::Setting,
};

/// The problem in one replicate.
#[derive(Debug)]
pub struct Distillation<R> {
    network: Network,
    /// Weight of `|y|^2` in g.
    l2: f64,
    x: Vec<R>,
    y: Vec<R>,
    samples: Dealt<Samples<R>>,
}

/// The classifier, without its parameters, and how many classes the images go through.
#[derive(Debug)]
struct Network {
    classifier: Classifier,
    classes: u32,
}

/// A chunk's values in all layers.
struct Values<'w, R> {
    inputs: &'w mut [R],
    plain: Trace<'w, R>,
    tangent: Trace<'w, R>,
    /// How the derivatives in the inputs change.
    changes: &'w mut [R],
    turned: &'w mut [R],
}

impl Network {
    fn new(simd: Simd, spec: &DistillationSpec, features: usize, classes: usize) -> Self {
        let hidden = (&*spec.hidden, spec.activation);
        Self {
            classifier: Classifier::new(simd, features, hidden, classes, Loss::CrossEntropy),
            classes: classes as u32,
        }
    }

    /// Length of an image.
    fn width(&self) -> usize {
        self.classifier.layers.inputs()
    }

    /// Words for a chunk of so many samples.
    fn words(&self, samples: usize) -> usize {
        let layers = &self.classifier.layers;
        2 * (samples * self.width() + layers.trace_words(samples)) + layers.turned_words(samples)
    }

    fn values<'w, R: Real>(&self, samples: usize, mut room: &'w mut [R]) -> Values<'w, R> {
        let (room, layers) = (&mut room, &self.classifier.layers);
        Values {
            inputs: cut(room, samples * self.width()),
            plain: layers.trace(samples, room),
            tangent: layers.trace(samples, room),
            changes: cut(room, samples * self.width()),
            turned: cut(room, layers.turned_words(samples)),
        }
    }

    /// Sends images through the classifier.
    fn forward<R: Real>(
        &self,
        y: &[R],
        images: Images<'_, R>,
        rows: &[u32],
        values: &mut Values<'_, R>,
    ) {
        images.gather(rows, self.width(), values.inputs);
        let layers = &self.classifier.layers;
        layers.forward(y, values.inputs, &mut values.plain);
    }

    /// The same, and their derivatives back, each times `share`.
    fn derive<R: Real>(
        &self,
        y: &[R],
        images: Images<'_, R>,
        rows: &[u32],
        share: R,
        values: &mut Values<'_, R>,
    ) {
        self.forward(y, images, rows, values);
        let (layers, plain) = (&self.classifier.layers, &mut values.plain);
        let labels = images.labels(rows);
        self.classifier.differentiate(labels, share, plain);
        layers.backward(y, plain, values.turned);
    }

    /// The change of what [`Network::derive`] left, along `v`.
    fn bend<R: Real>(&self, y: &[R], v: &[R], share: R, values: &mut Values<'_, R>) {
        let Values {
            inputs,
            plain,
            tangent,
            turned,
            ..
        } = values;
        self.classifier.bend((y, v), inputs, share, plain, tangent);
        (self.classifier.layers).pull_back((y, v), plain, tangent, turned);
    }
}

/// Where rows come from.
#[derive(Clone, Copy)]
enum Images<'a, R> {
    /// x, of so many classes.
    Synthetic(&'a [R], u32),
    Real(&'a Samples<R>),
}

impl<R: Real> Images<'_, R> {
    fn gather(&self, rows: &[u32], width: usize, out: &mut [R]) {
        match self {
            Self::Synthetic(x, _) => {
                for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
                    out.copy_from_slice(&x[row as usize * width..][..width]);
                }
            }
            Self::Real(samples) => samples.gather(rows, width, out),
        }
    }

    fn labels(&self, rows: &[u32]) -> impl Iterator<Item = u32> {
        rows.iter().map(move |&row| match self {
            Self::Synthetic(_, classes) => row % classes,
            Self::Real(samples) => samples.row(row).label,
        })
    }
}

impl<R: Real> Distillation<R> {
    /// Deals out the data of one replicate of a cell, the synthetic images being all training samples; `None` if the data
    /// set is too small.
    pub fn new(setting: Setting<'_>, spec: &DistillationSpec, data: &Dataset) -> Option<Self> {
        let (features, classes) = (data.features() as usize, data.classes() as usize);
        let network = Network::new(setting.simd, spec, features, classes);
        let mut key = setting.key(Purpose::Training);
        Some(Self {
            l2: spec.l2,
            x: images(&mut key, setting.cell().m2, features, network.width()),
            y: network.classifier.layers.start(setting, 0),
            network,
            samples: Samples::deal(setting, data)?,
        })
    }

    /// What it takes on data of so many features and classes, `nonzero` of a sample's features not being zero.
    pub fn size(
        spec: &DistillationSpec,
        (features, classes): (usize, usize),
        nonzero: f64,
    ) -> Size {
        let network = Network::new(Simd::any(), spec, features, classes);
        let layers = &network.classifier.layers;
        let x = classes * spec.per_class as usize * network.width();
        Size {
            dims: Dims {
                x,
                y: layers.len(),
                z: 0,
            },
            scalar: size_of::<R>(),
            work: network.words(CHUNK),
            sample: Samples::<R>::bytes(nonzero),
            // Forward, backward, products.
            gradient: Work {
                per_call: layers.len() as f64,
                per_sample: 3.0 * layers.products(),
            },
            // The same, and twice as much along the direction.
            product: Work {
                per_call: (x + layers.len()) as f64,
                per_sample: 9.0 * layers.products(),
            },
            dual: Work::NONE,
            value: 3.0 * layers.products(),
        }
    }

    fn synthetic<'a>(&self, x: &'a [R]) -> Images<'a, R> {
        Images::Synthetic(x, self.network.classes)
    }

    /// Sums of losses and errors.
    fn judge(&self, y: &[R], images: Images<'_, R>, rows: &[u32]) -> [f64; 2] {
        let network = &self.network;
        let mut room = vec![R::ZERO; network.words(rows.len().min(CHUNK))];
        rows.chunks(CHUNK).fold([0.0; 2], |sums, rows| {
            let mut values = network.values(rows.len(), &mut room);
            network.forward(y, images, rows, &mut values);
            let judge = (network.classifier).judge(images.labels(rows), &values.plain);
            [sums[0] + judge[0], sums[1] + judge[1]]
        })
    }

    /// `out += 2 l2 v`: the gradient of `l2 |y|^2` at v, and its Hessian times v.
    fn add_penalty(&self, v: &[R], out: &mut [R]) {
        let factor = R::from_f64(2.0 * self.l2);
        ops::add_multiple(self.network.classifier.layers.simd(), factor, v, out);
    }
}

/// Images of pixels with mean 0 and variance 1, as Wang et al. begin with; close to normal, being sums of twelve uniform
/// numbers less 6. Image `j` has a stream of its own, so that fewer images of a class are a prefix of more.
fn images<R: Real>(key: &mut Key, count: u32, features: usize, width: usize) -> Vec<R> {
    let mut x = vec![R::ZERO; count as usize * width];
    for (image, j) in x.chunks_exact_mut(width).zip(0..) {
        let mut stream = key.stream(j, 0);
        for pixel in &mut image[..features] {
            let sum: f64 = (0..12).map(|_| stream.unit()).sum();
            *pixel = R::from_f64(sum - 6.0);
        }
    }
    x
}

impl<R: Real> Oracle for Distillation<R> {
    type Real = R;

    fn dims(&self) -> Dims {
        Dims {
            x: self.x.len(),
            y: self.y.len(),
            z: 0,
        }
    }

    fn start(&self) -> Iterate<R> {
        Iterate {
            x: self.x.clone(),
            y: Aligned::from_slice(&self.y),
            z: Vec::new(),
        }
    }

    fn simd(&self) -> Simd {
        self.network.classifier.layers.simd()
    }

    fn work_words(&self) -> usize {
        self.network.words(CHUNK)
    }

    fn inner_grad(&self, at: &Iterate<R>, batch: &[u32], out: &mut [R], work: &mut [R]) {
        let (network, images) = (&self.network, self.synthetic(&at.x));
        out.fill(R::ZERO);
        for rows in batch.chunks(CHUNK) {
            let values = &mut network.values(rows.len(), work);
            network.derive(&at.y, images, rows, share(batch), values);
            (network.classifier.layers).add_gradient(values.inputs, &values.plain, out);
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
        let (network, images) = (
            &self.network,
            Images::Real(self.samples.table(Table::Validation)),
        );
        gx.fill(R::ZERO);
        gy.fill(R::ZERO);
        for rows in batch.chunks(CHUNK) {
            let values = &mut network.values(rows.len(), work);
            network.derive(&at.y, images, rows, share(batch), values);
            (network.classifier.layers).add_gradient(values.inputs, &values.plain, gy);
        }
    }

    fn inner_hvp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let (network, images) = (&self.network, self.synthetic(&at.x));
        let layers = &network.classifier.layers;
        out.fill(R::ZERO);
        for rows in batch.chunks(CHUNK) {
            let values = &mut network.values(rows.len(), work);
            network.derive(&at.y, images, rows, share(batch), values);
            network.bend(&at.y, v, share(batch), values);
            layers.add_gradient_change(values.inputs, &values.plain, &values.tangent, out);
        }
        self.add_penalty(v, out);
    }

    fn cross_vp(&self, at: &Iterate<R>, batch: &[u32], v: &[R], out: &mut [R], work: &mut [R]) {
        let (network, images) = (&self.network, self.synthetic(&at.x));
        let (layers, width) = (&network.classifier.layers, network.width());
        out.fill(R::ZERO);
        for rows in batch.chunks(CHUNK) {
            let values = &mut network.values(rows.len(), work);
            network.derive(&at.y, images, rows, share(batch), values);
            network.bend(&at.y, v, share(batch), values);
            let (plain, tangent) = (&values.plain, &values.tangent);
            values.changes.fill(R::ZERO);
            let (turned, changes) = (&mut values.turned, &mut values.changes);
            layers.pull_inputs_change((&at.y, v), plain, tangent, turned, changes);
            for (&row, change) in rows.iter().zip(changes.chunks_exact(width)) {
                let image = &mut out[row as usize * width..][..width];
                ops::add_multiple(layers.simd(), R::ONE, change, image);
            }
        }
    }

    fn inner_value(&self, at: &Iterate<R>, batch: &[u32]) -> f64 {
        let [loss, _] = self.judge(&at.y, self.synthetic(&at.x), batch);
        let simd = self.network.classifier.layers.simd();
        loss / batch.len() as f64 + self.l2 * ops::dot(simd, &at.y, &at.y)
    }

    fn metrics(&self, at: &Iterate<R>, table: Table, rows: &[u32]) -> Metrics {
        let samples = self.samples.table(table);
        let sums = self.judge(&at.y, Images::Real(samples), rows);
        Metrics::mean(sums, rows.len())
    }
}
