//! A solver as a value made of parts, and which parts fit together.

use serde::{Deserialize, Serialize};

use super::{
    Ascent, Batch, Clock, Direction, Implicit, Inverse, Method, Order, ProblemSpec, Sampling,
    Schedule, Start, StepRule, StepSize, Turns, Update,
};

/// A bilevel optimizer: orthogonal parts, read by one loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Solver {
    /// The shape of an outer iteration.
    pub schedule: Schedule,
    /// Where x goes.
    pub direction: Direction,
    /// How far x goes.
    pub eta_x: StepSize,
    /// How far y goes.
    pub eta_y: StepSize,
    /// What becomes of the outer direction before x moves along it.
    #[serde(default, skip_serializing_if = "Update::is_plain")]
    pub update_x: Update,
    /// The same of the inner gradient and y.
    #[serde(default, skip_serializing_if = "Update::is_plain")]
    pub update_y: Update,
    /// How batches are drawn; those of the implicit direction's products always uniformly.
    pub sampling: Sampling,
    /// Validation samples an outer step, B_x.
    pub batch_x: Batch,
    /// Training samples an inner step, B_y.
    pub batch_y: Batch,
    /// How z ascends, of problems that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ascent: Option<Ascent>,
}

/// Parts that mean nothing together, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The partial direction never moves x.
    #[error(
        "the partial direction never moves x here: this problem's outer objective depends on x only through y; use direction = \"unrolled\", or an implicit one"
    )]
    PartialNeverMoves,
    /// The unrolled direction needs the inner steps of the same iteration.
    #[error(
        "the unrolled direction differentiates through this iteration's inner steps, so they must come first; use order = \"inner_first\""
    )]
    UnrolledNeedsInnerFirst,
    /// It differentiates plain gradient steps.
    #[error(
        "the unrolled direction differentiates through plain gradient steps; leave update_y out, or use an implicit direction"
    )]
    UnrolledNeedsPlainSteps,
    /// The last steps of a number that is not known beforehand.
    #[error(
        "with a tolerance nobody knows beforehand which inner steps will be the last ones; use direction = \"unrolled\""
    )]
    TruncatedNeedsKnownT,
    /// Sizes that grow to all samples and beyond.
    #[error(
        "`mu` makes the batches of a Neumann series fall geometrically, which needs their number: use batch_v = 8, say, or leave mu out"
    )]
    GeometricNeedsBatches,
    /// A re-initialised y that x never sees.
    #[error(
        "with start = \"reinit\" and this order x would see the initial y for ever; use order = \"inner_first\""
    )]
    ReinitNeverSeen,
    /// Without inner steps y stays where it is.
    #[error(
        "T = 0 leaves y where it is: it means something only with direction = \"partial\", the single-level setting"
    )]
    NoInnerSteps,
    /// Nothing that is read is replaced.
    #[error(
        "with T = 0 no training sample is ever read, so none can be replaced; use replace = \"validation\""
    )]
    NothingReplaced,
    /// Training samples that are no data.
    #[error(
        "this problem has no training samples of its own, so none can be replaced; use replace = \"validation\""
    )]
    NoTrainingSamples,
    /// A problem without an inner level.
    #[error(
        "this problem has no inner level, its objective depends on x alone; use T = 0 with direction = \"partial\""
    )]
    SingleLevel,
    /// Theorem 3's step is zero at T = 1.
    #[error(
        "the step size of Theorem 3 has the factor ln(T), which is zero at T = 1; use theorem2"
    )]
    Theorem3AtOne,
    /// ln(K) vanishes.
    #[error(
        "the theorems' step sizes have the factor ln(K) or ln(T) over K, which needs K of at least 2"
    )]
    TheoremNeedsTwo,
    /// A number of inner steps that is not known beforehand.
    #[error(
        "T varies from iteration to iteration here, and an epoch's batches are cut by counting steps; use sampling = \"uniform\""
    )]
    EpochNeedsFixedT,
    /// A rule of the upper level at the lower.
    #[error("this rule of eta_y belongs to the upper level; use it for eta_x")]
    UpperRuleBelow,
    /// BiSLS probes the inner problem where x would go.
    #[error(
        "the line search at the upper level takes an inner step at every candidate, so the inner steps must come first; use order = \"inner_first\""
    )]
    SearchNeedsInnerFirst,
    /// It does so by the last inner step's batch and size.
    #[error(
        "the line search at the upper level takes an inner step at every candidate, which T = 0 has none of; use the rule armijo"
    )]
    SearchNeedsInnerSteps,
    /// A rule for steps along f's own gradient in x.
    #[error(
        "this rule of eta_x looks at f as x moves and y stays, so the direction must be f's gradient in x, which is direction = \"partial\"; for others use bilevel_polyak or bilevel_armijo"
    )]
    SearchNeedsGradient,
    /// L-BFGS on noise.
    #[error("L-BFGS compares gradients of one function, so it needs batch_y = \"all\"")]
    LbfgsNeedsAll,
    /// Tasks are adapted to from x.
    #[error(
        "this problem's y is what x becomes on each task of the outer batch; use the preset maml or anil, or start = \"outer\" (all parameters are adapted) or \"outer_head\" (the last layer's)"
    )]
    TasksStartAtX,
    /// Only tasks are.
    #[error(
        "start = \"outer\" and \"outer_head\" adapt x to tasks, which only the problem few_shot has; use start = \"warm\" or \"reinit\""
    )]
    StartNeedsTasks,
    /// The start's dependence on x is most of the derivative.
    #[error(
        "y starts at x here, so the direction must go through all inner steps; use direction = \"unrolled\""
    )]
    TasksNeedUnrolled,
    /// There are no other inner samples.
    #[error("a task is adapted to on all its support images; use batch_y = \"all\"")]
    TasksNeedAllSupport,
    /// A task is judged apart from any run.
    #[error(
        "a task is judged after T steps from x, which must be the same in every outer iteration: use growth = \"fixed\", no tolerance, and an eta_y that counts inner steps and does not adapt"
    )]
    TasksNeedKnownSteps,
    /// There is no inner step to take where every candidate adapts anew.
    #[error(
        "the line search at the upper level takes an inner step at every candidate, and here each candidate adapts to its tasks anew; use the rule bilevel_polyak"
    )]
    TasksNeedNoSearch,
    /// L-BFGS has no place above.
    #[error("L-BFGS is a method of the inner level; leave it out of update_x")]
    LbfgsBelow,
    /// A minimax problem whose z stays where it is.
    #[error(
        "this problem's inner level is a minimax, argmin_y max_z g: say how z ascends, ascent = \"pairs\" or \"blocks\", or begin with ssgda, tsgda-1 or tsgda-2"
    )]
    MinimaxNeedsAscent,
    /// An ascent of nothing.
    #[error(
        "this problem has no z that could ascend: leave ascent out, or take a preset without one"
    )]
    AscentNeedsMinimax,
    /// Hypergradients of a saddle point have two more blocks of second derivatives.
    #[error(
        "of a minimax problem x follows f's own gradient: implicit and unrolled directions differentiate an argmin_y, not a saddle point in (y, z); use direction = \"partial\""
    )]
    MinimaxNeedsPartial,
    /// Rules that measure how far an objective fell.
    #[error(
        "this rule of eta_z is about an objective that falls, and z climbs g; use a constant step or one that decays by counting"
    )]
    AscentCounts,
    /// A small gradient in y says nothing of z.
    #[error(
        "a tolerance looks at the gradient in y alone, which says nothing of how far z is; leave it out where z ascends"
    )]
    AscentNeedsKnownT,
    /// L-BFGS on a function that z changes.
    #[error(
        "L-BFGS compares gradients of one function, and z changes it after every step; use ascent = \"blocks\""
    )]
    LbfgsNeedsBlocks,
    /// L-BFGS minimizes.
    #[error("L-BFGS is a method of y; leave it out of update_z")]
    LbfgsUp,
}

impl Solver {
    /// Whether any step size depends on K.
    pub fn depends_on_k(&self) -> bool {
        self.eta_x.depends_on_k() || self.eta_y.depends_on_k()
    }

    /// Whether an iteration depends on (x, y) and counters alone, and is made of fused operations.
    pub fn is_fused(&self) -> bool {
        self.direction.implicit().is_none()
            && self.schedule.tolerance.is_none()
            && self.update_x.is_plain()
            && self.update_y.is_plain()
            && !self.eta_x.adapts()
            && !self.eta_y.adapts()
            && self.ascent.is_none()
    }

    /// Batches of S that the inner steps of an outer iteration draw, where T is fixed.
    pub fn inner_batches(&self) -> u32 {
        let own = self.ascent.map_or(0, |ascent| ascent.turns.batches());
        self.schedule.inner_steps + own
    }

    /// Refuses combinations that mean nothing for `problem` at any of `ks`.
    pub fn fits(&self, problem: &ProblemSpec, ks: &[u64]) -> Result<(), Misfit> {
        if problem.is_single_level() && self.schedule.inner_steps > 0 {
            return Err(Misfit::SingleLevel);
        }
        self.ascent_fits(problem)?;
        self.tasks_fit(problem)?;
        self.direction_fits(problem)?;
        self.schedule_fits()?;
        self.updates_fit()?;
        self.steps_fit(ks)
    }

    fn inner_first(&self) -> bool {
        self.schedule.order == Order::InnerFirst
    }

    fn ascent_fits(&self, problem: &ProblemSpec) -> Result<(), Misfit> {
        let ascent = match (&self.ascent, problem.traits().is_minimax) {
            (None, false) => return Ok(()),
            (None, true) => return Err(Misfit::MinimaxNeedsAscent),
            (Some(_), false) => return Err(Misfit::AscentNeedsMinimax),
            (Some(ascent), true) => ascent,
        };
        if self.direction != Direction::Partial {
            return Err(Misfit::MinimaxNeedsPartial);
        }
        if ascent.eta_z.adapts() || ascent.eta_z.depends_on_k() {
            return Err(Misfit::AscentCounts);
        }
        if self.schedule.tolerance.is_some() {
            return Err(Misfit::AscentNeedsKnownT);
        }
        let lbfgs = |update: &Update| matches!(update.method, Method::Lbfgs { .. });
        if lbfgs(&ascent.update_z) {
            return Err(Misfit::LbfgsUp);
        }
        if lbfgs(&self.update_y) && ascent.turns == Turns::Pairs {
            return Err(Misfit::LbfgsNeedsBlocks);
        }
        Ok(())
    }

    fn tasks_fit(&self, problem: &ProblemSpec) -> Result<(), Misfit> {
        let schedule = &self.schedule;
        match (problem.has_tasks(), schedule.start.is_outer()) {
            (false, false) => return Ok(()),
            (true, false) => return Err(Misfit::TasksStartAtX),
            (false, true) => return Err(Misfit::StartNeedsTasks),
            (true, true) => {}
        }
        let constant = self.eta_y.rule == StepRule::Constant || self.eta_y.clock == Clock::Inner;
        let known = constant && schedule.growth.is_fixed() && schedule.tolerance.is_none();
        if self.direction != Direction::Unrolled {
            return Err(Misfit::TasksNeedUnrolled);
        }
        if !self.batch_y.is_full() {
            return Err(Misfit::TasksNeedAllSupport);
        }
        if !known || self.eta_y.adapts() {
            return Err(Misfit::TasksNeedKnownSteps);
        }
        match self.eta_x.rule {
            StepRule::BilevelArmijo { .. } => Err(Misfit::TasksNeedNoSearch),
            _ => Ok(()),
        }
    }

    fn direction_fits(&self, problem: &ProblemSpec) -> Result<(), Misfit> {
        let unrolled = self.direction.taped(1) > 0;
        if self.direction == Direction::Partial && !problem.traits().outer_depends_on_x {
            return Err(Misfit::PartialNeverMoves);
        }
        if unrolled && !self.inner_first() {
            return Err(Misfit::UnrolledNeedsInnerFirst);
        }
        let geometric = |implicit: &&Implicit| {
            matches!(
                implicit.inverse,
                Inverse::Neumann {
                    geometric: Some(_),
                    ..
                }
            )
        };
        let geometric = self.direction.implicit().filter(geometric);
        if geometric.is_some_and(|implicit| implicit.batch_v.is_full()) {
            return Err(Misfit::GeometricNeedsBatches);
        }
        if unrolled && !self.update_y.is_plain() {
            return Err(Misfit::UnrolledNeedsPlainSteps);
        }
        let truncated = matches!(self.direction, Direction::Truncated { .. });
        if truncated && self.schedule.tolerance.is_some() {
            return Err(Misfit::TruncatedNeedsKnownT);
        }
        Ok(())
    }

    fn schedule_fits(&self) -> Result<(), Misfit> {
        let schedule = &self.schedule;
        if schedule.start == Start::Reinit && !self.inner_first() {
            return Err(Misfit::ReinitNeverSeen);
        }
        if schedule.inner_steps == 0 && self.direction != Direction::Partial {
            return Err(Misfit::NoInnerSteps);
        }
        let varies = !schedule.growth.is_fixed() || schedule.tolerance.is_some();
        if varies && self.sampling == Sampling::Epoch && !self.batch_y.is_full() {
            return Err(Misfit::EpochNeedsFixedT);
        }
        Ok(())
    }

    fn updates_fit(&self) -> Result<(), Misfit> {
        if matches!(self.update_x.method, Method::Lbfgs { .. }) {
            return Err(Misfit::LbfgsBelow);
        }
        if matches!(self.update_y.method, Method::Lbfgs { .. }) && !self.batch_y.is_full() {
            return Err(Misfit::LbfgsNeedsAll);
        }
        Ok(())
    }

    fn steps_fit(&self, ks: &[u64]) -> Result<(), Misfit> {
        let own_objective = |step: &StepSize| {
            matches!(
                step.rule,
                StepRule::Armijo { .. } | StepRule::Polyak { .. } | StepRule::DecPolyak { .. }
            )
        };
        if own_objective(&self.eta_x) && self.direction != Direction::Partial {
            return Err(Misfit::SearchNeedsGradient);
        }
        if self.eta_y.is_bilevel() {
            return Err(Misfit::UpperRuleBelow);
        }
        if matches!(self.eta_x.rule, StepRule::BilevelArmijo { .. }) {
            if !self.inner_first() {
                return Err(Misfit::SearchNeedsInnerFirst);
            }
            if self.schedule.inner_steps == 0 {
                return Err(Misfit::SearchNeedsInnerSteps);
            }
        }
        for step in [&self.eta_x, &self.eta_y] {
            let theorem3 = matches!(step.rule, StepRule::Theorem3 { .. });
            if theorem3 && self.schedule.inner_steps <= 1 {
                return Err(Misfit::Theorem3AtOne);
            }
            if step.depends_on_k() && ks.iter().any(|&k| k < 2) {
                return Err(Misfit::TheoremNeedsTwo);
            }
        }
        Ok(())
    }
}
