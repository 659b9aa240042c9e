//! From the store's rows to what the board and the registry hold.

use bistable_common::{ids::Hash, plan::Plan};

use super::registry::Known;
use crate::{
    board::{KnownSweep, Lease, Mode},
    store::{Lifecycle, Store, StoreError, StoredSweep},
};

/// Reads everything about a sweep beside its `leases`, and binds it to these numerics if it has no results of others.
pub(super) fn load(
    store: &dyn Store,
    stored: StoredSweep,
    leases: Vec<Lease>,
    numerics: Hash,
) -> Result<(Known, KnownSweep), StoreError> {
    let foreign = !store.bind_numerics(stored.sweep.id(), numerics)?;
    read(store, stored, leases, foreign)
}

/// Reads everything about a sweep beside its `leases`; `foreign` if it has results that no worker here could add to.
pub(super) fn read(
    store: &dyn Store,
    stored: StoredSweep,
    leases: Vec<Lease>,
    foreign: bool,
) -> Result<(Known, KnownSweep), StoreError> {
    let StoredSweep {
        sweep,
        lifecycle,
        numerics: _,
        priority,
        submitted_at,
    } = stored;
    let id = sweep.id();
    let plan = Plan::new(sweep.facts());
    let known = KnownSweep {
        id,
        plan: plan.clone(),
        done: store.done(id)?,
        failures: store.failures(id)?,
        conflicting: store.conflicts(id)?,
        mode: match lifecycle {
            Lifecycle::Cancelled => Mode::Cancelled,
            Lifecycle::Paused => Mode::Paused,
            // No worker here could add to it.
            Lifecycle::Running if foreign => Mode::Paused,
            Lifecycle::Running => Mode::Running,
        },
        priority,
        costs: store.costs(id)?,
        leases,
    };
    let registered = Known {
        canonical_json: sweep.to_canonical_json(),
        sweep,
        plan,
        submitted_at,
        lifecycle,
        priority,
        foreign,
    };
    Ok((registered, known))
}
