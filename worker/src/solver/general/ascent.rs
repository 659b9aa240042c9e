//! Where z goes: up the gradient of g, in turn with y.

use std::sync::atomic::Ordering;

use bistable_common::{
    spec::{Ascent, Turns},
    sweep::Replace,
};

use super::{General, update};
use crate::{
    kernel::{Real, ops},
    problem::Smooth,
    solver::{State, Stopped, step_size},
};

impl<P: Smooth> General<'_, P> {
    /// After inner step `t` of outer iteration `k`: a step of z on the same batch, if they come in pairs.
    pub(super) fn ascend_in_pair(&mut self, state: &mut State<P::Real>, k: u64, t: u32) {
        if let Some(ascent) = self.solver.ascent.filter(|a| a.turns == Turns::Pairs) {
            self.rows.dual.clone_from(&self.rows.inner);
            self.ascend(state, &ascent, k, t);
        }
    }

    /// After all inner steps of outer iteration `k`, which were `steps`: those of z, if they come in blocks.
    pub(super) fn ascend_in_block(
        &mut self,
        state: &mut State<P::Real>,
        k: u64,
        steps: u32,
    ) -> Result<(), Stopped> {
        let Some(ascent) = self.solver.ascent else {
            return Ok(());
        };
        for t in 0..ascent.turns.batches() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Stopped);
            }
            let batch = &mut self.rows.dual;
            self.draws.inner.batch(k, steps + t, batch);
            self.counterparts.put(Replace::Training, self.twin, batch);
            self.ascend(state, &ascent, k, t);
        }
        Ok(())
    }

    /// Step `t` of z in outer iteration `k`, on the batch in hand.
    fn ascend(&mut self, state: &mut State<P::Real>, ascent: &Ascent, k: u64, t: u32) {
        let (problem, scratch, room) = (self.problem, &mut self.scratch, &mut self.room);
        problem.dual_grad(scratch, &state.at, &self.rows.dual, &mut room.dual);
        let rule = &ascent.update_z;
        update::clip(self.simd, rule, &mut room.dual);
        let moments = &mut state.memory.moments_z;
        update::aim(rule, moments, &room.dual, &mut room.along_z);
        let eta = step_size::at(&ascent.eta_z, k, t, self.context);
        let eta = P::Real::from_f64(eta);
        ops::add_multiple(self.simd, eta, &room.along_z, &mut state.at.z);
        update::clamp(rule, &mut state.at.z);
    }
}
