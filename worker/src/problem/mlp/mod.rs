//! Fully connected layers on dense samples, for the oracles of problems with networks: forward, backward and, in
//! [`tangent`], how both change along a direction in the parameters.
//!
//! Parameters are a flat slice, layer by layer: weights `[output][inputs]`, then the bias. Samples come in chunks of at
//! most [`CHUNK`], so that room does not depend on the batch; a chunk's values are rows of `[sample][width]`. All widths
//! are padded to a multiple of sixteen by zeros, which stay zeros: parameters, values and derivatives alike.

mod classifier;
mod loss;
mod tangent;

use std::{mem, ops::Range};

use bistable_common::{
    draw::{Purpose, Stream},
    spec::Activation,
};

use crate::{
    kernel::{Real, Simd, ops, padded},
    setting::Setting,
};
pub use classifier::Classifier;
pub use loss::Loss;

/// Samples that go through the layers side by side.
pub const CHUNK: usize = 32;

/// A layer's place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layer {
    /// Inputs, without padding.
    fan_in: usize,
    /// Inputs.
    inputs: usize,
    /// Outputs, without padding.
    outputs: usize,
    /// Outputs.
    width: usize,
    /// Widths of the layers below, together.
    below: usize,
    /// Whether its outputs go through the nonlinearity.
    bends: bool,
    weights: Range<usize>,
    bias: Range<usize>,
}

/// Fully connected layers.
#[derive(Debug, Clone)]
pub struct Mlp {
    simd: Simd,
    activation: Activation,
    layers: Vec<Layer>,
}

/// What a chunk leaves behind in every layer, the first one's rows first.
#[derive(Debug)]
pub struct Trace<'w, R> {
    samples: usize,
    /// Activations; of a linear last layer its outputs.
    a: &'w mut [R],
    /// The nonlinearity's derivative.
    slope: &'w mut [R],
    /// The objective's derivative in `a`.
    up: &'w mut [R],
    /// The objective's derivative before the nonlinearity.
    delta: &'w mut [R],
}

impl Mlp {
    /// Layers of an embedding: the nonlinearity follows each.
    pub fn embedding(simd: Simd, features: usize, hidden: &[u32], activation: Activation) -> Self {
        let mut mlp = Self {
            simd,
            activation,
            layers: Vec::with_capacity(hidden.len() + 1),
        };
        for &width in hidden {
            mlp.push(features, width as usize, true);
        }
        mlp
    }

    /// The same below a linear layer.
    pub fn classifier(
        simd: Simd,
        features: usize,
        hidden: &[u32],
        classes: usize,
        activation: Activation,
    ) -> Self {
        let mut mlp = Self::embedding(simd, features, hidden, activation);
        mlp.push(features, classes, false);
        mlp
    }

    fn push(&mut self, features: usize, outputs: usize, bends: bool) {
        let (fan_in, start, below) = match self.layers.last() {
            None => (features, 0, 0),
            Some(layer) => (layer.outputs, layer.bias.end, layer.below + layer.width),
        };
        let (inputs, width) = (padded(fan_in), padded(outputs));
        let weights = start..start + outputs * inputs;
        self.layers.push(Layer {
            fan_in,
            inputs,
            outputs,
            width,
            below,
            bends,
            bias: weights.end..weights.end + width,
            weights,
        });
    }

    /// The instructions in use.
    pub fn simd(&self) -> Simd {
        self.simd
    }

    /// Parameters, padding included.
    pub fn len(&self) -> usize {
        self.last().bias.end
    }

    /// Length of a row of inputs.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs
    }

    /// Length of a row of outputs.
    pub fn width(&self) -> usize {
        self.last().width
    }

    /// Outputs, without padding.
    pub fn outputs(&self) -> usize {
        self.last().outputs
    }

    /// The first parameter of the last layer.
    pub fn head_start(&self) -> usize {
        self.last().weights.start
    }

    fn last(&self) -> &Layer {
        self.layers.last().expect("networks have a layer")
    }

    /// Where layer `l` has its rows.
    fn rows(&self, l: usize, samples: usize) -> Range<usize> {
        let layer = &self.layers[l];
        samples * layer.below..samples * (layer.below + layer.width)
    }

    fn all_rows(&self, samples: usize) -> usize {
        self.rows(self.layers.len() - 1, samples).end
    }

    /// Words of the trace of so many samples.
    pub fn trace_words(&self, samples: usize) -> usize {
        4 * self.all_rows(samples)
    }

    /// Words for turning the derivatives of so many samples around.
    pub fn turned_words(&self, samples: usize) -> usize {
        let outputs = self.layers.iter().map(|layer| layer.outputs);
        samples * outputs.max().unwrap_or(0)
    }

    /// Room for a chunk of so many samples, cut off from `room`.
    pub fn trace<'w, R: Real>(&self, samples: usize, room: &mut &'w mut [R]) -> Trace<'w, R> {
        let rows = self.all_rows(samples);
        Trace {
            samples,
            a: cut(room, rows),
            slope: cut(room, rows),
            up: cut(room, rows),
            delta: cut(room, rows),
        }
    }

    /// Multiply-adds of a sample on its way forward.
    pub fn products(&self) -> f64 {
        let weights = self.layers.iter().map(|layer| layer.weights.len() as f64);
        weights.sum()
    }

    /// PyTorch's default linear initialisation: `U(-1/sqrt(fan_in), 1/sqrt(fan_in))` for weights and biases. Layer `l`
    /// has sub-step `first + l` of the replicate's initial stream, weights output by output, then biases.
    pub fn start<R: Real>(&self, setting: Setting<'_>, first: u64) -> Vec<R> {
        let mut key = setting.key(Purpose::Init);
        let mut parameters = vec![R::ZERO; self.len()];
        for (layer, step) in self.layers.iter().zip(first..) {
            let stream = &mut key.stream(0, step);
            for row in parameters[layer.weights.clone()].chunks_exact_mut(layer.inputs) {
                draw_linear(stream, layer.fan_in, row[..layer.fan_in].iter_mut());
            }
            let bias = &mut parameters[layer.bias.clone()];
            draw_linear(stream, layer.fan_in, bias[..layer.outputs].iter_mut());
        }
        parameters
    }

    /// Sends a chunk's `inputs` through the layers.
    pub fn forward<R: Real>(&self, parameters: &[R], inputs: &[R], trace: &mut Trace<'_, R>) {
        for (l, layer) in self.layers.iter().enumerate() {
            let rows = self.rows(l, trace.samples);
            let (below, here) = trace.a.split_at_mut(rows.start);
            let z = &mut here[..rows.len()];
            fill_rows(z, &parameters[layer.bias.clone()]);
            let from = self.below(l, trace.samples, inputs, below);
            let w = &parameters[layer.weights.clone()];
            ops::add_dots(self.simd, from, w, layer.inputs, layer.width, z);
            if layer.bends {
                ops::activate(self.simd, self.activation, z, &mut trace.slope[rows]);
            }
        }
    }

    /// What layer `l` sees, given the rows of the layers below.
    fn below<'a, R>(&self, l: usize, samples: usize, inputs: &'a [R], a: &'a [R]) -> &'a [R] {
        match l {
            0 => inputs,
            _ => &a[self.rows(l - 1, samples)],
        }
    }

    /// Outputs of the last [`Mlp::forward`].
    pub fn outputs_of<'t, R>(&self, trace: &'t Trace<'_, R>) -> &'t [R] {
        &trace.a[self.rows(self.layers.len() - 1, trace.samples)]
    }

    /// The outputs and where their derivatives belong before [`Mlp::backward`]: of a linear last layer.
    pub fn linear_outputs<'t, R>(&self, trace: &'t mut Trace<'_, R>) -> (&'t mut [R], &'t mut [R]) {
        let first = self.rows(self.layers.len() - 1, trace.samples).start;
        (&mut trace.a[first..], &mut trace.delta[first..])
    }

    /// Where the outputs' derivatives belong before [`Mlp::backward`]: of an embedding.
    pub fn bent_outputs<'t, R>(&self, trace: &'t mut Trace<'_, R>) -> &'t mut [R] {
        let first = self.rows(self.layers.len() - 1, trace.samples).start;
        &mut trace.up[first..]
    }

    /// Pulls the outputs' derivatives down to the first layer.
    pub fn backward<R: Real>(&self, parameters: &[R], trace: &mut Trace<'_, R>, turned: &mut [R]) {
        let samples = trace.samples;
        for l in (0..self.layers.len()).rev() {
            let rows = self.rows(l, samples);
            let (here, above) = trace.delta.split_at_mut(rows.end);
            if let Some(next) = self.layers.get(l + 1) {
                let up = &mut trace.up[rows.clone()];
                up.fill(R::ZERO);
                let above = &above[..samples * next.width];
                self.pull(next, above, parameters, turned, up);
            }
            if self.layers[l].bends {
                let (slope, up) = (&trace.slope[rows.clone()], &trace.up[rows.clone()]);
                ops::multiply(self.simd, slope, up, &mut here[rows]);
            }
        }
    }

    /// `out[b] += sum_o delta[b][o] w[o]`, in the order of outputs.
    fn pull<R: Real>(
        &self,
        layer: &Layer,
        delta: &[R],
        parameters: &[R],
        turned: &mut [R],
        out: &mut [R],
    ) {
        let samples = delta.len() / layer.width;
        let turned = &mut turned[..samples * layer.outputs];
        for (b, delta) in delta.chunks_exact(layer.width).enumerate() {
            for (turned, delta) in turned[b..].iter_mut().step_by(samples).zip(delta) {
                *turned = *delta;
            }
        }
        let w = &parameters[layer.weights.clone()];
        ops::combine(self.simd, turned, samples, w, layer.inputs, out);
    }

    /// Adds the derivatives in the inputs to `out`, after [`Mlp::backward`].
    pub fn pull_inputs<R: Real>(
        &self,
        parameters: &[R],
        trace: &Trace<'_, R>,
        turned: &mut [R],
        out: &mut [R],
    ) {
        let delta = &trace.delta[self.rows(0, trace.samples)];
        self.pull(&self.layers[0], delta, parameters, turned, out);
    }

    /// Adds the derivatives in the parameters to `target`, after [`Mlp::backward`].
    pub fn add_gradient<R: Real>(&self, inputs: &[R], trace: &Trace<'_, R>, target: &mut [R]) {
        for (l, layer) in self.layers.iter().enumerate() {
            let delta = &trace.delta[self.rows(l, trace.samples)];
            let from = self.below(l, trace.samples, inputs, trace.a);
            self.add_products(layer, delta, from, target);
            ops::add_rows(self.simd, delta, &mut target[layer.bias.clone()]);
        }
    }

    /// `w[o] += sum_b delta[b][o] from[b]`, in the order of samples.
    fn add_products<R: Real>(&self, layer: &Layer, delta: &[R], from: &[R], target: &mut [R]) {
        let w = &mut target[layer.weights.clone()];
        ops::combine(self.simd, delta, layer.width, from, layer.inputs, w);
    }
}

/// PyTorch's default linear initialisation of some of a layer's parameters, given its inputs.
fn draw_linear<'a, R: Real>(
    stream: &mut Stream<'_>,
    fan_in: usize,
    parameters: impl Iterator<Item = &'a mut R>,
) {
    let bound = 1.0 / (fan_in as f64).sqrt();
    for parameter in parameters {
        *parameter = R::from_f64((2.0 * stream.unit() - 1.0) * bound);
    }
}

/// Copies `row` into every row of `rows`.
fn fill_rows<R: Real>(rows: &mut [R], row: &[R]) {
    rows.chunks_exact_mut(row.len())
        .for_each(|r| r.copy_from_slice(row));
}

/// Cuts `len` words off from `room`.
pub fn cut<'w, R>(room: &mut &'w mut [R], len: usize) -> &'w mut [R] {
    let (first, rest) = mem::take(room).split_at_mut(len);
    *room = rest;
    first
}
