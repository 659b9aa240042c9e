//! The layout of a fully connected network in one flat slice.
//!
//! The first layer is input-major (`[input][width]`: the row of a pixel is contiguous), all later ones output-major
//! (`[output][inputs]`); each is followed by its bias. Hidden widths are padded to a multiple of 16; the padding's
//! parameters are zero and stay so, because both their activations and their derivatives are.

use std::ops::Range;

use bistable_common::{draw::Purpose, spec::Activation};

use crate::{
    kernel::{Real, padded},
    setting::Setting,
};

/// A layer's place in the slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Inputs, without padding.
    pub fan_in: usize,
    /// Inputs as stored: padded, but for the first layer.
    pub inputs: usize,
    /// Outputs, without padding.
    pub outputs: usize,
    /// Padded outputs: the length of a row of activations and of the bias.
    pub width: usize,
    /// Weights.
    pub weights: Range<usize>,
    /// Bias.
    pub bias: Range<usize>,
}

impl Layer {
    /// This layer's weights and bias, and the parameters above, of a slice that begins with this layer.
    pub fn split<'a, R>(&self, from: &'a mut [R]) -> (&'a mut [R], &'a mut [R], &'a mut [R]) {
        let (weights, rest) = from.split_at_mut(self.weights.len());
        let (bias, above) = rest.split_at_mut(self.bias.len());
        (weights, bias, above)
    }
}

/// A fully connected network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// First to last; at least one.
    pub layers: Vec<Layer>,
    /// The hidden layers' nonlinearity.
    pub activation: Activation,
}

impl Network {
    /// A network with these widths; without hidden ones, a linear softmax classifier.
    pub fn new(features: usize, hidden: &[u32], classes: usize, activation: Activation) -> Self {
        let mut layers: Vec<Layer> = Vec::with_capacity(hidden.len() + 1);
        let widths = hidden.iter().map(|&h| h as usize).chain([classes]);
        for outputs in widths {
            let (fan_in, inputs, start) = match layers.last() {
                None => (features, features, 0),
                Some(below) => (below.outputs, below.width, below.bias.end),
            };
            let width = padded(outputs);
            let rows = if layers.is_empty() { width } else { outputs };
            let weights = start..start + inputs * rows;
            layers.push(Layer {
                fan_in,
                inputs,
                outputs,
                width,
                bias: weights.end..weights.end + width,
                weights,
            });
        }
        Self { layers, activation }
    }

    /// Parameters, padding included.
    pub fn len(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.bias.end)
    }

    /// The hidden layers.
    pub fn hidden(&self) -> &[Layer] {
        &self.layers[..self.layers.len() - 1]
    }

    /// The last layer.
    pub fn head(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    /// The largest width.
    pub fn widest(&self) -> usize {
        let widths = self.layers.iter().map(|layer| layer.width);
        widths.max().unwrap_or(0)
    }

    /// Everything above the first layer: all that the second pass needs of the weights.
    pub fn upper(&self) -> Range<usize> {
        self.layers[0].bias.end..self.len()
    }

    /// Where weight (`output`, `input`) of layer `l` stands.
    pub fn weight(&self, l: usize, output: usize, input: usize) -> usize {
        let layer = &self.layers[l];
        layer.weights.start
            + if l == 0 {
                input * layer.width + output
            } else {
                output * layer.inputs + input
            }
    }

    /// PyTorch's default linear initialisation: `U(-1/sqrt(fan_in), 1/sqrt(fan_in))` for weights and biases. Layer `l`
    /// has sub-step `l` of the replicate's initial stream, weights output by output, then biases, whatever the layout.
    pub fn start<R: Real>(&self, setting: Setting<'_>) -> Vec<R> {
        let mut key = setting.key(Purpose::Init);
        let mut y = vec![R::ZERO; self.len()];
        for (l, layer) in self.layers.iter().enumerate() {
            let bound = 1.0 / (layer.fan_in as f64).sqrt();
            let mut stream = key.stream(0, l as u64);
            let mut draw = || R::from_f64((2.0 * stream.unit() - 1.0) * bound);
            for output in 0..layer.outputs {
                for input in 0..layer.fan_in {
                    y[self.weight(l, output, input)] = draw();
                }
            }
            for output in 0..layer.outputs {
                y[layer.bias.start + output] = draw();
            }
        }
        y
    }
}
