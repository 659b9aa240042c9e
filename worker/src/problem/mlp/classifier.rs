//! A network with a loss of its outputs.

use bistable_common::spec::Activation;

use super::{Loss, Mlp, Trace};
use crate::kernel::{Real, Simd};

/// Layers, the last of them linear, and what is asked of their outputs.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// The layers.
    pub layers: Mlp,
    loss: Loss,
}

impl Classifier {
    /// With a layer for each of `hidden`, each followed by the nonlinearity, below a linear one.
    pub fn new(
        simd: Simd,
        features: usize,
        (hidden, activation): (&[u32], Activation),
        classes: usize,
        loss: Loss,
    ) -> Self {
        Self {
            layers: Mlp::classifier(simd, features, hidden, classes, activation),
            loss,
        }
    }

    /// Leaves `share` times the derivatives of a chunk's losses in the outputs where [`Mlp::backward`] begins, after
    /// [`Mlp::forward`].
    pub fn differentiate<R: Real>(
        &self,
        labels: impl Iterator<Item = u32>,
        share: R,
        trace: &mut Trace<'_, R>,
    ) {
        let layers = &self.layers;
        let outputs = layers.linear_outputs(trace);
        let shape = (layers.outputs(), layers.width());
        (self.loss).differentiate(layers.simd(), labels, shape, share, outputs);
    }

    /// Pushes `v` forward, and leaves the change of what [`Classifier::differentiate`] left where [`Mlp::pull_back`]
    /// begins.
    pub fn bend<R: Real>(
        &self,
        (parameters, v): (&[R], &[R]),
        inputs: &[R],
        share: R,
        plain: &Trace<'_, R>,
        tangent: &mut Trace<'_, R>,
    ) {
        let layers = &self.layers;
        layers.push_forward((parameters, v), inputs, plain, tangent);
        let z = layers.outputs_of(plain);
        let outputs = layers.linear_outputs(tangent);
        (self.loss).bend(layers.simd(), layers.width(), share, z, outputs);
    }

    /// Sums of a chunk's losses and 0-1 errors, after [`Mlp::forward`].
    pub fn judge<R: Real>(
        &self,
        labels: impl Iterator<Item = u32>,
        trace: &Trace<'_, R>,
    ) -> [f64; 2] {
        let layers = &self.layers;
        let outputs = layers.outputs_of(trace).chunks_exact(layers.width());
        outputs.zip(labels).fold([0.0; 2], |sums, (z, label)| {
            let z = &z[..layers.outputs()];
            let [loss, error] = self.loss.judge(layers.simd(), z, label);
            [sums[0] + loss, sums[1] + error]
        })
    }
}
