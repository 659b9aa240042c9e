//! The outer direction through the taped inner steps, in reverse (Ji21 Proposition 2; the adjoint is that of the inner
//! variable, with a plus sign).

use super::{
    Labelled, Step,
    adjoint::{self, Adjoint, Sources},
    curvature::{self, Taken},
    gram::{Products, Side},
    network::Network,
    pass::{Pass, Room},
    step_factors,
};
use crate::kernel::{Real, Simd, ops};

/// What is differentiated.
#[derive(Clone, Copy)]
pub struct Unrolled<'a, R> {
    pub simd: Simd,
    pub network: &'a Network,
    pub training: &'a Labelled<R>,
    pub validation: &'a Labelled<R>,
    /// Samples of S.
    pub m2: usize,
    /// Weight of `|y|^2` in g.
    pub l2: f64,
    /// The inner steps.
    pub tape: &'a [Step<R>],
}

impl<R: Real> Unrolled<'_, R> {
    /// Through a single step: inner products of per-sample gradients are all that is needed.
    pub fn one_step(
        &self,
        outer: Side<'_, R>,
        products: &mut Products<R>,
        room: &mut Room<R>,
        along: &mut [R],
        out: &mut [R],
    ) {
        for step in self.tape {
            let inner = Side {
                batch: self.training.batch(&step.rows),
                pass: &step.pass,
            };
            let along = &mut along[..step.rows.len()];
            products.mean(
                self.simd,
                self.network,
                inner,
                outer,
                &mut room.columns,
                along,
            );
            self.add_cross(step, along, out);
        }
    }

    /// Through all steps, newest first. `adjoint` holds the outer gradient.
    pub fn all_steps(
        &self,
        adjoint: &mut Adjoint<R>,
        tangent: &mut Pass<R>,
        room: &mut Room<R>,
        along: &mut [R],
        factors: &mut [R],
        out: &mut [R],
    ) {
        let (simd, network, sources) = (self.simd, self.network, self.sources());
        for pack in adjoint::packs(self.tape) {
            adjoint.open(simd, sources, &pack, self.tape, &mut room.columns);
            let mut lane = 0;
            for t in pack.steps.rev() {
                let step = &self.tape[t];
                let taken = Taken {
                    batch: self.training.batch(&step.rows),
                    pass: &step.pass,
                    upper: &step.upper,
                };
                let along = &mut along[..step.rows.len()];
                let z = &mut curvature::first_tangent(tangent)
                    [..step.rows.len() * network.layers[0].width];
                adjoint.products(simd, sources, &step.rows, lane, &mut room.columns, z);
                curvature::push_forward(simd, network, taken, &adjoint.upper, tangent, along);
                self.add_cross(step, along, out);
                if t > 0 {
                    self.pull_back(adjoint, step, taken, tangent, room, factors);
                }
                lane += step.rows.len();
            }
        }
    }

    fn sources(&self) -> Sources<'_, R> {
        Sources {
            outer: &self.validation.rows,
            inner: &self.training.rows,
        }
    }

    /// `adjoint -= eta (Hessian of this step) adjoint`.
    fn pull_back(
        &self,
        adjoint: &mut Adjoint<R>,
        step: &Step<R>,
        taken: Taken<'_, R>,
        tangent: &mut Pass<R>,
        room: &mut Room<R>,
        factors: &mut [R],
    ) {
        let (simd, network) = (self.simd, self.network);
        let factors = &mut factors[..step.rows.len()];
        step_factors(&step.weights, step.eta, factors);
        curvature::pull_back(simd, network, taken, &adjoint.upper, tangent, room);
        if let Some(decay) = super::decay(self.l2, step.eta) {
            adjoint.scale(simd, decay);
        }
        let terms = adjoint.append(&step.rows);
        let change = &curvature::first_change(tangent)[..terms.len()];
        ops::scale_rows(simd, change, factors, network.layers[0].width, terms);
        let (scaled, upper) = (&mut room.scaled, &mut adjoint.upper);
        curvature::add_upper_change(simd, network, taken, factors, tangent, scaled, upper);
    }

    /// `out -= eta d_x d_y g lambda`, given every sample's `<grad loss_b, lambda>`.
    fn add_cross(&self, step: &Step<R>, along: &[R], out: &mut [R]) {
        let share = -(step.eta / R::from_f64(step.rows.len() as f64));
        for ((&row, &weight), &along) in step.rows.iter().zip(&step.weights).zip(along) {
            let slope = weight * (R::ONE - weight);
            out[row as usize % self.m2] += share * slope * along;
        }
    }
}
