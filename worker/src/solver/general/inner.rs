//! The inner loop: where y goes, in turn with z where there is one, and when it stops.

use std::sync::atomic::Ordering;

use bistable_common::spec::{Method, StepRule};

use super::{General, implicit, rules, update};
use crate::{
    kernel::{Real, ops},
    problem::Smooth,
    solver::{State, Stopped, step_size},
};

impl<P: Smooth> General<'_, P> {
    /// The inner steps of outer iteration `k`.
    pub(super) fn move_inner(&mut self, state: &mut State<P::Real>, k: u64) -> Result<(), Stopped> {
        let steps = self.solver.schedule.steps(k);
        let forgotten = steps - self.solver.direction.taped(steps);
        // The norm of the first gradient.
        let mut first = None;
        self.lbfgs.forget();
        self.taken = 0;
        for t in 0..steps {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Stopped);
            }
            self.draw_inner(k, t);
            if self.steps_plainly() {
                let eta = step_size::at(&self.solver.eta_y, k, t, self.context);
                state.memory.steps_y.last = eta;
                self.fused_step(state, eta, t.saturating_sub(forgotten));
                self.taken = t + 1;
                self.ascend_in_pair(state, k, t);
                continue;
            }
            let (scratch, gradient) = (&mut self.scratch, &mut self.room.gradient);
            let rows = &self.rows.inner;
            self.problem.inner_grad(scratch, &state.at, rows, gradient);
            if let Some(tolerance) = &self.solver.schedule.tolerance {
                let norm = ops::dot(self.simd, gradient, gradient).sqrt();
                let first = *first.get_or_insert(norm);
                if norm <= implicit::tolerance(tolerance, k) * first {
                    break;
                }
            }
            self.aim(state);
            let eta = self.inner_size(state, k, t);
            state.memory.steps_y.last = eta;
            if self.solver.direction.taped(steps) > 0 {
                // Its direction is the gradient, and the tape must see the step.
                self.fused_step(state, eta, t.saturating_sub(forgotten));
            } else {
                let minus = -P::Real::from_f64(eta);
                ops::add_multiple(self.simd, minus, &self.room.along_y, &mut state.at.y);
            }
            update::clamp(&self.solver.update_y, &mut state.at.y);
            self.taken = t + 1;
            self.ascend_in_pair(state, k, t);
        }
        self.ascend_in_block(state, k, steps)
    }

    /// Whether an inner step is along the gradient on its batch, as far as is known beforehand.
    fn steps_plainly(&self) -> bool {
        let solver = self.solver;
        solver.update_y.is_plain() && !solver.eta_y.adapts() && solver.schedule.tolerance.is_none()
    }

    fn fused_step(&mut self, state: &mut State<P::Real>, eta: f64, slot: u32) {
        let (scratch, rows) = (&mut self.scratch, &self.rows.inner);
        self.problem
            .inner_step(scratch, &mut state.at, rows, eta, slot as usize);
    }

    /// Leaves what y moves along in `room.along_y`, given its gradient.
    fn aim(&mut self, state: &mut State<P::Real>) {
        let (update, room) = (&self.solver.update_y, &mut self.room);
        update::clip(self.simd, update, &mut room.gradient);
        if let Method::Lbfgs { .. } = update.method {
            let y = &state.at.y;
            self.lbfgs
                .direction(self.simd, y, &room.gradient, &mut room.along_y);
            return;
        }
        let moments = &mut state.memory.moments_y;
        update::aim(update, moments, &room.gradient, &mut room.along_y);
    }

    /// How far y moves at inner step `t`, given where.
    fn inner_size(&mut self, state: &mut State<P::Real>, k: u64, t: u32) -> f64 {
        let size = &self.solver.eta_y;
        let n = step_size::count(size, k, t);
        let bound = step_size::value(size, n, self.context);
        let memory = state.memory.steps_y;
        let gradient = &self.room.gradient;
        let norm2 = ops::dot(self.simd, gradient, gradient);
        match size.rule {
            StepRule::Polyak { divisor, floor, .. } => {
                rules::polyak(self.inner_value(state) - floor, divisor * norm2, bound)
            }
            StepRule::DecPolyak { divisor, floor } => {
                let above = self.inner_value(state) - floor;
                rules::dec_polyak(&memory, n, above / norm2, divisor, size.scale)
            }
            StepRule::Armijo {
                decrease,
                shrink,
                reset,
                ..
            } => {
                let slope = ops::dot(self.simd, gradient, &self.room.along_y);
                let first = rules::first_trial(reset, bound, &memory);
                state.memory.steps_y.begun = true;
                let short = self.aim_line(state);
                // The line's beginning is where y is, and has the same bits.
                let before = match short {
                    true => self
                        .problem
                        .value_on_line(&mut self.scratch, 0.0, f64::INFINITY),
                    false => self.inner_value(state),
                };
                self.room.candidate.copy_from(&state.at);
                rules::search(first, shrink, |eta| {
                    let most = before - decrease * eta * slope;
                    let after = match short {
                        true => self.problem.value_on_line(&mut self.scratch, eta, most),
                        false => self.inner_candidate(state, eta, most),
                    };
                    after <= most
                })
            }
            _ => bound,
        }
    }

    /// Whether the problem has a short way to values of g where y may go, which is straight unless there is a box; the
    /// gradient there has just been taken.
    fn aim_line(&mut self, state: &State<P::Real>) -> bool {
        let (scratch, d) = (&mut self.scratch, &self.room.along_y);
        let straight = self.solver.update_y.clamp.is_none();
        straight && self.problem.aim_line(scratch, &state.at, d)
    }

    fn inner_value(&mut self, state: &State<P::Real>) -> f64 {
        let (scratch, rows) = (&mut self.scratch, &self.rows.inner);
        self.problem.inner_value(scratch, &state.at, rows)
    }

    /// g where a step of `eta` would lead, as far as it is at most `most`; x and z of the candidate stand there already.
    fn inner_candidate(&mut self, state: &State<P::Real>, eta: f64, most: f64) -> f64 {
        let room = &mut self.room;
        let minus = -P::Real::from_f64(eta);
        let to = &mut room.candidate.y;
        ops::shift(self.simd, &state.at.y, minus, &room.along_y, to);
        update::clamp(&self.solver.update_y, &mut room.candidate.y);
        let (scratch, rows) = (&mut self.scratch, &self.rows.inner);
        self.problem
            .inner_value_within(scratch, &room.candidate, rows, most)
    }
}
