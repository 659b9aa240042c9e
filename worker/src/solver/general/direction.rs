//! Where x goes.

use bistable_common::spec::{Direction, Implicit};

use super::General;
use crate::{
    kernel::{Real, ops},
    problem::{OuterBatch, Smooth},
    solver::State,
};

impl<P: Smooth> General<'_, P> {
    /// Leaves the direction of outer iteration `k` in `room.direction`, given its batch.
    pub(super) fn direct(&mut self, state: &mut State<P::Real>, k: u64) {
        match self.solver.direction {
            Direction::Implicit(implicit) => self.direct_implicitly(state, &implicit, k),
            Direction::Partial | Direction::Unrolled | Direction::Truncated { .. } => {
                let taped = self.solver.direction.taped(self.taken) as usize;
                let batch = OuterBatch {
                    rows: &self.rows.outer,
                    replaced: &[],
                };
                let out = &mut self.room.direction;
                self.problem
                    .direction(&mut self.scratch, &state.at, batch, taped, out);
            }
        }
    }

    /// `d_x f - d_x d_y g v` with `d_yy g v = d_y f`.
    fn direct_implicitly(&mut self, state: &mut State<P::Real>, implicit: &Implicit, k: u64) {
        let room = &mut self.room;
        self.problem.outer_grads(
            &mut self.scratch,
            &state.at,
            &self.rows.outer,
            &mut room.direction,
            &mut room.slope,
        );
        self.linearized = false;
        self.find_adjoint(state, implicit, k);
        if !self.is_linearized(implicit) {
            self.draws.cross.batch(k, 0, &mut self.rows.products);
            self.linearize(state);
        }
        let (problem, scratch, room) = (self.problem, &mut self.scratch, &mut self.room);
        problem.cross_vp(scratch, &room.adjoint, &mut room.cross);
        let minus = -P::Real::ONE;
        ops::add_multiple(self.simd, minus, &room.cross, &mut room.direction);
    }
}
