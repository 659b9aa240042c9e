//! How a chunk's values and derivatives change along a direction in the parameters (the R-operator, Pearlmutter 1994):
//! products with the objective's second derivatives, in the parameters and in the inputs.

use super::{Mlp, Trace, fill_rows};
use crate::kernel::{Real, ops};

impl Mlp {
    /// Pushes the direction `v` in the `parameters` forward through layers that were gone through by [`Mlp::forward`]: leaves in `tangent` the
    /// change of activations and of slopes.
    pub fn push_forward<R: Real>(
        &self,
        (parameters, v): (&[R], &[R]),
        inputs: &[R],
        plain: &Trace<'_, R>,
        tangent: &mut Trace<'_, R>,
    ) {
        let samples = plain.samples;
        for (l, layer) in self.layers.iter().enumerate() {
            let rows = self.rows(l, samples);
            let (below, here) = tangent.a.split_at_mut(rows.start);
            let z = &mut here[..rows.len()];
            fill_rows(z, &v[layer.bias.clone()]);
            let from = self.below(l, samples, inputs, plain.a);
            let along = &v[layer.weights.clone()];
            ops::add_dots(self.simd, from, along, layer.inputs, layer.width, z);
            if l > 0 {
                let from = &below[self.rows(l - 1, samples)];
                let w = &parameters[layer.weights.clone()];
                ops::add_dots(self.simd, from, w, layer.inputs, layer.width, z);
            }
            if layer.bends {
                let (a, slope) = (&plain.a[rows.clone()], &plain.slope[rows.clone()]);
                let bent = &mut tangent.slope[rows];
                ops::bend_rows(self.simd, self.activation, a, slope, z, bent);
            }
        }
    }

    /// Pulls the change of the outputs' derivatives down to the first layer, after [`Mlp::backward`].
    pub fn pull_back<R: Real>(
        &self,
        (parameters, v): (&[R], &[R]),
        plain: &Trace<'_, R>,
        tangent: &mut Trace<'_, R>,
        turned: &mut [R],
    ) {
        let samples = plain.samples;
        for l in (0..self.layers.len() - 1).rev() {
            let (rows, next) = (self.rows(l, samples), &self.layers[l + 1]);
            let (here, above) = tangent.delta.split_at_mut(rows.end);
            let up = &mut tangent.up[rows.clone()];
            up.fill(R::ZERO);
            let above = &above[..samples * next.width];
            self.pull(next, above, parameters, turned, up);
            let above = &plain.delta[self.rows(l + 1, samples)];
            self.pull(next, above, v, turned, up);
            let here = &mut here[rows.clone()];
            let (bent, slope) = (&tangent.slope[rows.clone()], &plain.slope[rows.clone()]);
            ops::multiply(self.simd, bent, &plain.up[rows], here);
            ops::multiply_add(self.simd, slope, up, here);
        }
    }

    /// Adds the change of the derivatives in the inputs to `out`, after [`Mlp::pull_back`].
    pub fn pull_inputs_change<R: Real>(
        &self,
        (parameters, v): (&[R], &[R]),
        plain: &Trace<'_, R>,
        tangent: &Trace<'_, R>,
        turned: &mut [R],
        out: &mut [R],
    ) {
        self.pull_inputs(parameters, tangent, turned, out);
        self.pull_inputs(v, plain, turned, out);
    }

    /// Adds the change of the derivatives in the parameters to `target`, after [`Mlp::pull_back`].
    pub fn add_gradient_change<R: Real>(
        &self,
        inputs: &[R],
        plain: &Trace<'_, R>,
        tangent: &Trace<'_, R>,
        target: &mut [R],
    ) {
        for (l, layer) in self.layers.iter().enumerate() {
            let rows = self.rows(l, plain.samples);
            let change = &tangent.delta[rows.clone()];
            let from = self.below(l, plain.samples, inputs, plain.a);
            self.add_products(layer, change, from, target);
            ops::add_rows(self.simd, change, &mut target[layer.bias.clone()]);
            if l > 0 {
                let from = &tangent.a[self.rows(l - 1, plain.samples)];
                self.add_products(layer, &plain.delta[rows], from, target);
            }
        }
    }
}
