//! Trajectories on the wire, for readers.

use super::v1;
use crate::{
    ids::UnitId,
    trajectory::{CurvePoint, Experiment, Record, ReplaceOne, Stop, Trajectory},
};

fn diverged_at(stop: Stop) -> Option<u64> {
    match stop {
        Stop::Completed => None,
        Stop::Diverged { at } => Some(at),
    }
}

impl From<ReplaceOne> for v1::ReplaceOne {
    fn from(value: ReplaceOne) -> Self {
        let ReplaceOne {
            perturbed_at_original,
            base_at_original,
            base_at_replacement,
            perturbed_at_replacement,
        } = value;
        Self {
            perturbed_at_original,
            base_at_original,
            base_at_replacement,
            perturbed_at_replacement,
        }
    }
}

impl From<CurvePoint> for v1::CurvePoint {
    fn from(point: CurvePoint) -> Self {
        let CurvePoint {
            k,
            val_loss,
            test_loss,
            val_error,
            test_error,
            drawn,
        } = point;
        Self {
            k,
            val_loss,
            test_loss,
            val_error,
            test_error,
            drawn,
        }
    }
}

fn record(k: u64, record: Record) -> v1::DistanceRecord {
    let Record {
        dx2,
        dy2,
        dz2,
        loss,
        error,
    } = record;
    v1::DistanceRecord {
        k,
        dx2,
        dy2,
        dz2,
        loss: Some(loss.into()),
        error: error.map(Into::into),
    }
}

fn experiment(ks: &[u64], experiment: Experiment) -> v1::Experiment {
    let Experiment {
        index,
        first_drawn,
        stop,
        records,
    } = experiment;
    v1::Experiment {
        index,
        first_drawn,
        diverged_at: diverged_at(stop),
        records: ks.iter().zip(records).map(|(&k, r)| record(k, r)).collect(),
    }
}

impl v1::StreamTrajectoriesResponse {
    /// The message for one unit of a cell whose K are `ks`.
    pub fn new(unit: UnitId, ks: &[u64], trajectory: Trajectory) -> Self {
        let Trajectory {
            base_stop,
            base_states,
            curve,
            experiments,
        } = trajectory;
        Self {
            unit: Some(unit.into()),
            base_diverged_at: diverged_at(base_stop),
            base: ks
                .iter()
                .zip(base_states)
                .map(|(&k, hash)| v1::BaseState {
                    k,
                    hash: hash.to_vec().into(),
                })
                .collect(),
            curve: curve.into_iter().map(Into::into).collect(),
            experiments: experiments.into_iter().map(|e| experiment(ks, e)).collect(),
        }
    }
}
