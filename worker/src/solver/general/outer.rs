//! The outer step: how far x goes along the direction that was found.

use bistable_common::spec::StepRule;

use super::{General, implicit, rules, update};
use crate::{
    kernel::{Real, ops},
    problem::Smooth,
    solver::{State, step_size},
};

impl<P: Smooth> General<'_, P> {
    /// Moves x in outer iteration `k`, given its direction and batch.
    pub(super) fn move_outer(&mut self, state: &mut State<P::Real>, k: u64) {
        let (rule, room) = (&self.solver.update_x, &mut self.room);
        update::clip(self.simd, rule, &mut room.direction);
        let moments = &mut state.memory.moments_x;
        update::aim(rule, moments, &room.direction, &mut room.along_x);
        let eta = self.outer_size(state, k);
        state.memory.steps_x.last = match self.solver.eta_x.rule {
            // It remembers L.
            StepRule::Hoag => self.solver.eta_x.scale / eta,
            _ => eta,
        };
        let room = &mut self.room;
        room.candidate.x.copy_from_slice(&state.at.x);
        let minus = -P::Real::from_f64(eta);
        ops::add_multiple(self.simd, minus, &room.along_x, &mut state.at.x);
        update::clamp(&self.solver.update_x, &mut state.at.x);
        let moved = ops::distance2(self.simd, &state.at.x, &room.candidate.x);
        state.memory.steps_x.moved = moved.sqrt();
        state.memory.steps_x.begun = true;
    }

    /// How far x moves, given where.
    fn outer_size(&mut self, state: &mut State<P::Real>, k: u64) -> f64 {
        let size = &self.solver.eta_x;
        let bound = step_size::at(size, k, 0, self.context);
        let memory = state.memory.steps_x;
        let direction = &self.room.direction;
        let norm2 = ops::dot(self.simd, direction, direction);
        match size.rule {
            StepRule::Polyak { divisor, floor, .. } => {
                let above = self.outer_value(&state.at) - floor;
                rules::polyak(above, divisor * norm2, bound)
            }
            StepRule::BilevelPolyak {
                divisor,
                floor,
                lower,
            } => {
                let above = self.outer_value(&state.at) - floor;
                let least = lower * bound / size.scale;
                let polyak = rules::polyak(above, divisor * norm2, bound);
                // A value that is not a number must be seen.
                if polyak < least { least } else { polyak }
            }
            StepRule::DecPolyak { divisor, floor } => {
                let above = self.outer_value(&state.at) - floor;
                rules::dec_polyak(&memory, k, above / norm2, divisor, size.scale)
            }
            StepRule::Armijo {
                decrease,
                shrink,
                reset,
                ..
            } => {
                let before = self.outer_value(&state.at);
                let slope = self.aim_search(state);
                let first = rules::first_trial(reset, bound, &memory);
                rules::search(first, shrink, |eta| {
                    self.place_candidate(state, eta);
                    self.candidate_value() <= before - decrease * eta * slope
                })
            }
            StepRule::BilevelArmijo {
                decrease,
                shrink,
                reset,
                slack,
            } => {
                let before = self.outer_value(&state.at) + slack;
                let slope = self.aim_search(state);
                let first = rules::first_trial(reset, bound, &memory);
                rules::search(first, shrink, |eta| {
                    self.place_candidate(state, eta);
                    self.inner_step_at_candidate(state);
                    self.candidate_value() <= before - decrease * eta * slope
                })
            }
            StepRule::Hoag => {
                let smoothness = self.smoothness(state, norm2.sqrt(), k);
                size.scale / smoothness
            }
            _ => bound,
        }
    }

    /// Leaves what candidates are searched along in `room.cross`: the direction, preconditioned as the update's is. Returns
    /// its inner product with the direction.
    fn aim_search(&mut self, state: &State<P::Real>) -> f64 {
        let room = &mut self.room;
        room.cross.copy_from_slice(&room.direction);
        let moments = &state.memory.moments_x;
        update::precondition(&self.solver.update_x, moments, &mut room.cross);
        ops::dot(self.simd, &room.direction, &room.cross)
    }

    fn place_candidate(&mut self, state: &State<P::Real>, eta: f64) {
        let room = &mut self.room;
        room.candidate.copy_from(&state.at);
        let minus = -P::Real::from_f64(eta);
        ops::add_multiple(self.simd, minus, &room.cross, &mut room.candidate.x);
        update::clamp(&self.solver.update_x, &mut room.candidate.x);
    }

    /// `y^ = y - beta d_y g(x^, y)` on the last inner batch, with the last inner step size; y itself is kept.
    fn inner_step_at_candidate(&mut self, state: &State<P::Real>) {
        let room = &mut self.room;
        let (scratch, rows) = (&mut self.scratch, &self.rows.inner);
        self.problem
            .inner_grad(scratch, &room.candidate, rows, &mut room.gradient);
        let minus = -P::Real::from_f64(state.memory.steps_y.last);
        ops::add_multiple(self.simd, minus, &room.gradient, &mut room.candidate.y);
    }

    fn candidate_value(&mut self) -> f64 {
        let (scratch, rows) = (&mut self.scratch, &self.rows.outer);
        let table = crate::problem::Table::Validation;
        let metrics = self
            .problem
            .evaluate(scratch, &self.room.candidate, table, rows);
        metrics.loss
    }

    /// HOAG's L in outer iteration `k`.
    fn smoothness(&mut self, state: &mut State<P::Real>, norm: f64, k: u64) -> f64 {
        let objective = self.outer_value(&state.at);
        let memory = &mut state.memory.steps_x;
        let tolerance = |k| match &self.solver.schedule.tolerance {
            Some(tolerance) => implicit::tolerance(tolerance, k),
            None => 0.0,
        };
        let smoothness = if memory.begun {
            rules::hoag(memory, objective, [tolerance(k), tolerance(k - 1)])
        } else if norm > 1e-3 {
            norm * state.at.x.len() as f64
        } else {
            1.0
        };
        memory.objective = objective;
        smoothness
    }
}
