//! Looking at a sweep again and again: when something changed, but not more often than is worth while.

use std::time::Duration;

use bistable_common::{ids::SweepId, wire::v1};
use tokio::sync::watch;

use super::{Error, Sink, fail};
use crate::dispatch::{Dispatch, DispatchError};

/// How long at least between two looks at a sweep.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Sends the sweep's status until it is settled, gone, or nobody looks.
pub(super) async fn sweep(dispatch: Dispatch, id: SweepId, sink: Sink<v1::WatchSweepResponse>) {
    let mut changes = dispatch.changes();
    let mut last = None;
    loop {
        changes.mark_unchanged();
        let status = match dispatch.status(id).await {
            Ok(status) => status,
            Err(DispatchError::Unknown(_)) => return,
            Err(error) => return fail(&sink, error.into()).await,
        };
        let settled = status.progress.state.is_settled();
        let look = v1::WatchSweepResponse {
            sweep: Some(status.into()),
        };
        if last.as_ref() != Some(&look) {
            if sink.send(Ok(look.clone())).await.is_err() {
                return;
            }
            last = Some(look);
        }
        if settled {
            return;
        }
        if let Next::Stop(error) = next(&mut changes, &sink, LOOK_EVERY).await {
            if let Some(error) = error {
                fail(&sink, error).await;
            }
            return;
        }
    }
}

/// Whether to look again.
pub(super) enum Next {
    Look,
    Stop(Option<Error>),
}

/// Waits until something changed, and at least `pause`.
pub(super) async fn next<T>(
    changes: &mut watch::Receiver<u64>,
    sink: &Sink<T>,
    pause: Duration,
) -> Next {
    let changed = async {
        tokio::time::sleep(pause).await;
        changes.changed().await
    };
    tokio::select! {
        () = sink.closed() => Next::Stop(None),
        changed = changed => match changed {
            Ok(()) => Next::Look,
            Err(_) => Next::Stop(Some(DispatchError::Stopping.into())),
        },
    }
}
