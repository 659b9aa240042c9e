//! The outer direction through the taped inner steps, in reverse (Ji21 Proposition 2; the adjoint is that of the inner
//! variable, with a plus sign).

use super::{
    Step,
    adjoint::{Adjoint, Sources},
    curvature::{self, Taken},
    gram::{Products, Side},
    network::Network,
    pass::{Batch, Pass, Room},
    step_factors,
};
use crate::kernel::{LANES, Real, Simd};

/// What is differentiated.
#[derive(Clone, Copy)]
pub struct Unrolled<'a, R> {
    pub simd: Simd,
    pub network: &'a Network,
    pub sources: Sources<'a, R>,
    /// The inner steps.
    pub tape: &'a [Step<R>],
}

impl<R: Real> Unrolled<'_, R> {
    fn batch<'b>(&'b self, step: &'b Step<R>) -> Batch<'b, R> {
        self.sources.inner.batch(&step.rows)
    }

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
                batch: self.batch(step),
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
            add_cross(step, along, out);
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
        let mut end = self.tape.len();
        while end > 0 {
            let first = self.pack(end);
            // The start of the inner steps does not depend on x, so its adjoint is never needed.
            let added = self.tape[first.max(1)..end].iter();
            let samples = added.map(|step| step.rows.len());
            adjoint.make_room(self.simd, self.sources, samples.sum(), room);
            self.look(adjoint, first..end, room);
            let mut lane = 0;
            for t in (first..end).rev() {
                let step = &self.tape[t];
                let along = &mut along[..step.rows.len()];
                self.first_layer(adjoint, step, lane, tangent, room);
                let taken = Taken {
                    batch: self.batch(step),
                    pass: &step.pass,
                    upper: &step.upper,
                };
                let upper = &adjoint.upper;
                curvature::push_forward(self.simd, self.network, taken, upper, tangent, along);
                add_cross(step, along, out);
                if t > 0 {
                    self.pull_back(adjoint, step, taken, tangent, room, factors);
                }
                lane += step.rows.len();
            }
            end = first;
        }
    }

    /// The first of the steps before `end` whose samples are looked at together: as many as have sixteen samples.
    fn pack(&self, end: usize) -> usize {
        let mut samples = 0;
        let fits = |step: &&Step<R>| {
            samples += step.rows.len();
            samples <= LANES
        };
        let count = self.tape[..end].iter().rev().take_while(fits).count();
        end - count.max(1)
    }

    /// Looks at a pack's samples; one with more than sixteen is looked at piece by piece later.
    fn look(&self, adjoint: &mut Adjoint<R>, pack: std::ops::Range<usize>, room: &mut Room<R>) {
        let steps = &self.tape[pack];
        if steps.iter().any(|step| step.rows.len() > LANES) {
            return;
        }
        let coming = steps.iter().rev().map(|step| &step.rows[..]);
        let training = &self.sources.inner.rows;
        room.columns.turn(training, coming.clone());
        adjoint.look(self.simd, self.sources, coming, room);
    }

    /// The first layer's pre-activations' derivatives along the adjoint, into `tangent`.
    fn first_layer(
        &self,
        adjoint: &mut Adjoint<R>,
        step: &Step<R>,
        lane: usize,
        tangent: &mut Pass<R>,
        room: &mut Room<R>,
    ) {
        let width = self.network.layers[0].width;
        let z = &mut curvature::first_tangent(tangent)[..step.rows.len() * width];
        adjoint.matrix_products(self.simd, self.sources.inner, &step.rows, room, z);
        if step.rows.len() <= LANES {
            return adjoint.add_products(self.simd, lane, z);
        }
        for (rows, z) in step.rows.chunks(LANES).zip(z.chunks_mut(LANES * width)) {
            let training = &self.sources.inner.rows;
            room.columns.turn(training, [rows].into_iter());
            adjoint.look(self.simd, self.sources, std::iter::empty(), room);
            adjoint.add_products(self.simd, 0, z);
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
        adjoint.append(simd, &step.rows, curvature::first_change(tangent), factors);
        let (scaled, upper) = (&mut room.scaled, &mut adjoint.upper);
        curvature::add_upper_change(simd, network, taken, factors, tangent, scaled, upper);
    }
}

/// `out -= eta d_x d_y g lambda`, given every sample's `<grad loss_b, lambda>`.
fn add_cross<R: Real>(step: &Step<R>, along: &[R], out: &mut [R]) {
    let share = -(step.eta / R::from_f64(step.rows.len() as f64));
    for ((&row, &weight), &along) in step.rows.iter().zip(&step.weights).zip(along) {
        let slope = weight * (R::ONE - weight);
        out[row as usize] += share * slope * along;
    }
}
