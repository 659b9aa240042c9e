//! From a problem's description to the type that computes it, and from a solver's to the loop that runs it.

use std::{ops::Range, sync::atomic::AtomicBool};

use bistable_common::{
    ids::Block,
    spec::{Precision, ProblemSpec, QuadraticSpec, ReweightingSpec},
    sweep::Replace,
    trajectory::Trajectory,
};

use super::RunError;
use crate::{
    coupled,
    data::Dataset,
    kernel::Real,
    problem::{
        Auc, BinaryLogistic, Distillation, FewShot, HyperRepresentation, LinearReplicas, Logistic,
        Oracle, Plain, Problem, Quadratic, QuadraticReplicas, Reweighting, RobustReweighting,
        Smooth,
    },
    setting::Setting,
    solver::{Fused, General, shape},
};

/// What is to be run, and who waits for it.
pub(super) struct Job<'a> {
    pub setting: Setting<'a>,
    pub data: Option<&'a Dataset>,
    pub blocks: Range<u32>,
    pub stop: &'a AtomicBool,
    pub done: &'a mut dyn FnMut(Block, Trajectory),
}

/// Runs the sweep's problem in precision `R`.
pub(super) fn run<R: Real>(job: &mut Job<'_>) -> Result<(), RunError> {
    match &job.setting.facts.problem {
        ProblemSpec::Reweighting(spec) => reweighting::<R>(spec, job),
        ProblemSpec::HyperCleaning(spec) => reweighting::<R>(&spec.into(), job),
        ProblemSpec::Quadratic(spec) => quadratic(spec, job),
        ProblemSpec::RobustReweighting(spec) => {
            job.on_data(|s, data| RobustReweighting::<R>::new(s, spec, data))
        }
        ProblemSpec::Auc(spec) => job.on_data(|s, data| Auc::<R>::new(s, spec, data)),
        ProblemSpec::Logistic(spec) => job.on_data(|s, data| Logistic::<R>::new(s, spec, data)),
        ProblemSpec::BinaryLogistic(spec) => {
            job.on_data(|s, data| BinaryLogistic::<R>::new(s, spec, data))
        }
        ProblemSpec::HyperRepresentation(spec) => {
            job.on_data(|s, data| HyperRepresentation::<R>::new(s, spec, data))
        }
        ProblemSpec::Distillation(spec) => {
            job.on_data(|s, data| Distillation::<R>::new(s, spec, data))
        }
        ProblemSpec::FewShot(spec) => {
            let tasks = FewShot::<R>::new(job.setting, spec, job.data()?);
            job.oracle(tasks.map_err(RunError::Unfit)?)
        }
    }
}

impl<'a> Job<'a> {
    fn data(&self) -> Result<&'a Dataset, RunError> {
        let data = self.data.ok_or(RunError::Data)?;
        let problem = &self.setting.facts.problem;
        problem
            .fits_data(data.features(), data.classes())
            .and_then(|()| problem.fits_training(self.setting.cell().m2, data.classes()))
            .map_err(|conflict| RunError::Unfit(conflict.message))?;
        Ok(data)
    }

    fn is_fused(&self) -> bool {
        self.setting.cell().solver.is_fused()
    }

    /// Whether replicas can be stepped in groups, which share all but validation samples.
    fn groups(&self) -> bool {
        self.is_fused() && self.setting.facts.replace == Replace::Validation
    }

    fn fused<P: Problem>(&mut self, problem: &P) -> Result<(), RunError> {
        let blocks = self.blocks.clone();
        coupled::run(
            problem,
            self.setting,
            Fused::new,
            blocks,
            self.stop,
            self.done,
        )
    }

    /// One replica after another.
    fn single<P: Smooth>(&mut self, problem: &P) -> Result<(), RunError> {
        if self.is_fused() {
            return self.fused(problem);
        }
        let blocks = self.blocks.clone();
        coupled::run(
            problem,
            self.setting,
            General::new,
            blocks,
            self.stop,
            self.done,
        )
    }

    /// The oracle that `new` makes of the data set; `None` if that is too small.
    fn on_data<O: Oracle>(
        &mut self,
        new: impl FnOnce(Setting<'a>, &'a Dataset) -> Option<O>,
    ) -> Result<(), RunError> {
        let oracle = new(self.setting, self.data()?);
        self.oracle(oracle.ok_or(RunError::Data)?)
    }

    fn oracle<O: Oracle>(&mut self, oracle: O) -> Result<(), RunError> {
        self.single(&Plain(oracle))
    }
}

/// Of fused solvers, small classifiers run in groups of replicas; all else runs one replica after another.
fn reweighting<R: Real>(spec: &ReweightingSpec, job: &mut Job<'_>) -> Result<(), RunError> {
    let problem = Reweighting::<R>::new(job.setting, spec, job.data()?);
    let problem = problem.ok_or(RunError::Data)?;
    if job.groups() && problem.runs_in_groups(shape(job.setting.cell())) {
        return job.fused(&LinearReplicas::new(problem));
    }
    job.single(&problem)
}

fn quadratic(spec: &QuadraticSpec, job: &mut Job<'_>) -> Result<(), RunError> {
    let setting = job.setting;
    if setting.facts.precision == Precision::F32 {
        return Err(RunError::Precision);
    }
    let problem = Quadratic::new(setting, spec);
    // A group keeps no tape of states, which second derivatives would depend on.
    match job.groups() && spec.has_constant_hessians() {
        true => job.fused(&QuadraticReplicas::new(problem, setting.simd)),
        false => job.oracle(problem),
    }
}
