//! The adjoint `v = (d_yy g)^{-1} d_y f`, or what stands for it, at the current (x, y).
//!
//! Each estimator leaves v in `room.adjoint`, given `d_y f` in `room.slope`.

use bistable_common::{
    draw,
    spec::{AdjointStart, Implicit, Inverse, Tolerance, numbers::power},
    sweep::Replace,
};

use super::General;
use crate::{
    kernel::{Real, ops},
    problem::Smooth,
    solver::State,
};

/// The tolerance of outer iteration `k`.
pub(super) fn tolerance(tolerance: &Tolerance, k: u64) -> f64 {
    tolerance.first * power(tolerance.ratio, k)
}

impl<P: Smooth> General<'_, P> {
    /// Leaves v in `room.adjoint`.
    pub(super) fn find_adjoint(&mut self, state: &mut State<P::Real>, implicit: &Implicit, k: u64) {
        match implicit.inverse {
            Inverse::Cg {
                steps,
                tolerance: until,
                start_v,
            } => {
                self.begin_adjoint(state, start_v, k);
                let until = until.map_or(0.0, |until| tolerance(&until, k));
                self.conjugate_gradients(steps, until, start_v);
            }
            Inverse::FixedPoint {
                steps,
                eta_v,
                start_v,
            } => {
                self.begin_adjoint(state, start_v, k);
                self.fixed_point(steps, eta_v);
            }
            Inverse::Neumann { steps, eta_v, .. } => {
                self.neumann(state, implicit, steps, eta_v, k);
            }
            Inverse::RandomNeumann { steps, eta_v } => {
                self.random_neumann(state, implicit, steps, eta_v, k);
            }
            Inverse::Identity { eta_v } => self.scaled_slope(eta_v),
        }
        if implicit.inverse.remembers() {
            state.memory.adjoint.copy_from_slice(&self.room.adjoint);
        }
    }

    /// Puts v where its iteration starts, and linearizes g on the one batch of the whole iteration.
    fn begin_adjoint(&mut self, state: &State<P::Real>, start: AdjointStart, k: u64) {
        match start {
            AdjointStart::Cold => self.room.adjoint.fill(P::Real::ZERO),
            AdjointStart::Warm => self.room.adjoint.copy_from_slice(&state.memory.adjoint),
        }
        self.draws.curvature.batch(k, 0, &mut self.rows.products);
        self.linearize(state);
    }

    /// Prepares products on the batch in hand, as its run reads it.
    pub(super) fn linearize(&mut self, state: &State<P::Real>) {
        let (scratch, rows) = (&mut self.scratch, &mut self.rows.products);
        self.counterparts.put(Replace::Training, self.twin, rows);
        self.problem.linearize(scratch, &state.at, rows);
        self.linearized = true;
    }

    /// Whether products on the next batch are prepared: every full batch is the same.
    pub(super) fn is_linearized(&self, implicit: &Implicit) -> bool {
        self.linearized && implicit.batch_v.is_full()
    }

    /// Conjugate gradients on `H v = d_y f` until the residual's norm is at most `until`, `steps` at most; ends early
    /// where H has no positive curvature, or nothing is left.
    fn conjugate_gradients(&mut self, steps: u32, until: f64, start: AdjointStart) {
        let (problem, simd, room) = (self.problem, self.simd, &mut self.room);
        let minus = -P::Real::ONE;
        room.residual.copy_from_slice(&room.slope);
        if start == AdjointStart::Warm {
            problem.inner_hvp(&mut self.scratch, &room.adjoint, &mut room.product);
            ops::add_multiple(simd, minus, &room.product, &mut room.residual);
        }
        room.search.copy_from_slice(&room.residual);
        let mut rest = ops::dot(simd, &room.residual, &room.residual);
        for _ in 0..steps {
            if rest.sqrt() <= until {
                break;
            }
            problem.inner_hvp(&mut self.scratch, &room.search, &mut room.product);
            let curvature = ops::dot(simd, &room.search, &room.product);
            if curvature <= 0.0 {
                break;
            }
            let length = P::Real::from_f64(rest / curvature);
            ops::add_multiple(simd, length, &room.search, &mut room.adjoint);
            ops::add_multiple(simd, -length, &room.product, &mut room.residual);
            // Of the new residual: published code divides by the old one's again.
            let next = ops::dot(simd, &room.residual, &room.residual);
            ops::scale(simd, P::Real::from_f64(next / rest), &mut room.search);
            ops::add_multiple(simd, P::Real::ONE, &room.residual, &mut room.search);
            rest = next;
        }
    }

    /// `v <- v - eta_v (H v - d_y f)`.
    fn fixed_point(&mut self, steps: u32, eta_v: f64) {
        let (problem, simd, room) = (self.problem, self.simd, &mut self.room);
        let eta = P::Real::from_f64(eta_v);
        for _ in 0..steps {
            problem.inner_hvp(&mut self.scratch, &room.adjoint, &mut room.product);
            ops::add_multiple(simd, -eta, &room.product, &mut room.adjoint);
            ops::add_multiple(simd, eta, &room.slope, &mut room.adjoint);
        }
    }

    /// `v = eta_v sum_{i=0..Q} r_i`, `r_0 = d_y f`, `r_i = r_{i-1} - eta_v H(B) r_{i-1}`, `B_Q` first and `B_1` last.
    fn neumann(
        &mut self,
        state: &State<P::Real>,
        implicit: &Implicit,
        steps: u32,
        eta_v: f64,
        k: u64,
    ) {
        self.room.adjoint.copy_from_slice(&self.room.slope);
        self.take_slope();
        for j in (1..=steps).rev() {
            self.contract(state, implicit, eta_v, k, j);
            let room = &mut self.room;
            ops::add_multiple(self.simd, P::Real::ONE, &room.residual, &mut room.adjoint);
        }
        ops::scale(self.simd, P::Real::from_f64(eta_v), &mut self.room.adjoint);
    }

    /// `v = N eta_v prod_{j <= N'} (I - eta_v H_j) d_y f`, `N'` uniform in `0..N`.
    fn random_neumann(
        &mut self,
        state: &State<P::Real>,
        implicit: &Implicit,
        steps: u32,
        eta_v: f64,
        k: u64,
    ) {
        let length = draw::truncation(&mut self.draws.truncation, k, steps);
        self.take_slope();
        for j in 1..=length {
            self.contract(state, implicit, eta_v, k, j);
        }
        let room = &mut self.room;
        std::mem::swap(&mut room.adjoint, &mut room.residual);
        let factor = P::Real::from_f64(f64::from(steps) * eta_v);
        ops::scale(self.simd, factor, &mut room.adjoint);
    }

    /// Makes `d_y f` the residual; nothing needs it any more.
    fn take_slope(&mut self) {
        let room = &mut self.room;
        std::mem::swap(&mut room.residual, &mut room.slope);
    }

    /// `residual <- (I - eta_v H(B_j)) residual`.
    fn contract(
        &mut self,
        state: &State<P::Real>,
        implicit: &Implicit,
        eta_v: f64,
        k: u64,
        j: u32,
    ) {
        if !self.is_linearized(implicit) {
            let size = implicit.product_batch(j, self.draws.curvature.samples());
            let rows = &mut self.rows.products;
            self.draws.curvature.batch_of(size, k, j, rows);
            self.linearize(state);
        }
        let (problem, scratch, room) = (self.problem, &mut self.scratch, &mut self.room);
        problem.inner_hvp(scratch, &room.residual, &mut room.product);
        let minus = -P::Real::from_f64(eta_v);
        ops::add_multiple(self.simd, minus, &room.product, &mut room.residual);
    }

    /// `v = eta_v d_y f`.
    fn scaled_slope(&mut self, eta_v: f64) {
        let room = &mut self.room;
        room.adjoint.copy_from_slice(&room.slope);
        ops::scale(self.simd, P::Real::from_f64(eta_v), &mut room.adjoint);
    }
}
