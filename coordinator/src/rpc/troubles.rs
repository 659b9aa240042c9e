//! Units that will have no result until they are retried, as readers of results are told.

use bistable_common::{
    ids::{SweepId, UnitId},
    wire::v1::{self, unit_trouble::Trouble},
};

use crate::{
    board::{Complaint, Failure, Fate},
    store::{Rival, Store, StoreError},
};

/// Units of each kind that are told in full.
const TOLD: usize = 100;

/// Every trouble of a sweep: counts, and the first ones.
pub(super) struct Troubles {
    pub quarantined: u64,
    pub conflicting: u64,
    /// In plan order.
    pub first: Vec<v1::UnitTrouble>,
}

pub(super) fn of(store: &dyn Store, sweep: SweepId) -> Result<Troubles, StoreError> {
    let conflicts = store.conflicts(sweep)?;
    let mut given_up = store.failures(sweep)?;
    given_up.retain(|failure| failure.fate == Fate::Quarantined);
    let (quarantined, conflicting) = (given_up.len() as u64, conflicts.len() as u64);
    given_up.truncate(TOLD);
    let mut told: Vec<(UnitId, Trouble)> = given_up.into_iter().map(quarantine).collect();
    for key in conflicts.into_iter().take(TOLD) {
        let unit = UnitId { sweep, key };
        let results = store.rivals(unit)?.into_iter().map(rival).collect();
        told.push((unit, Trouble::Conflict(v1::UnitConflict { results })));
    }
    told.sort_by_key(|(unit, _)| *unit);
    let first = told.into_iter().map(|(unit, trouble)| v1::UnitTrouble {
        unit: Some(unit.into()),
        trouble: Some(trouble),
    });
    Ok(Troubles {
        quarantined,
        conflicting,
        first: first.collect(),
    })
}

fn quarantine(failure: Failure) -> (UnitId, Trouble) {
    let Failure {
        unit,
        attempts,
        complaint: Complaint { kind, error, log },
        worker,
        host: _,
        hosts,
        fate: _,
    } = failure;
    let quarantine = v1::UnitQuarantine {
        attempts,
        kind: v1::FailureKind::from(kind).into(),
        error,
        log: log.lines().map(str::to_owned).collect(),
        worker: worker.0,
        hosts: hosts.into_iter().collect(),
    };
    (unit, Trouble::Quarantine(quarantine))
}

fn rival(rival: Rival) -> v1::RivalResult {
    let Rival {
        trajectory,
        build,
        worker,
        reported_at,
    } = rival;
    v1::RivalResult {
        trajectory: trajectory.0.to_vec().into(),
        build,
        worker: worker.0,
        reported_at_ms: reported_at.0,
    }
}
