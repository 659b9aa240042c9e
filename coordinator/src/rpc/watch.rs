//! Looking at a sweep again and again: when something changed, but not more often than is worth while.

use std::time::Duration;

use bistable_common::{ids::SweepId, wire::v1};

use super::{Context, Sink, fail, view::Changes};
use crate::dispatch::DispatchError;

/// How long at least between two looks at a sweep.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Sends the sweep's status until it is settled, gone, or nobody looks. Whether the coordinator leads may change meanwhile.
pub(super) async fn sweep(context: Context, id: SweepId, sink: Sink<v1::WatchSweepResponse>) {
    let mut last = None;
    loop {
        let view = context.view();
        let changes = view.changes();
        let status = match view.status(id).await {
            Ok(status) => status,
            Err(DispatchError::Unknown(_)) => return,
            // The end of a term, of which the coordinator will hear at once.
            Err(DispatchError::Stopping) if context.next_role().await => continue,
            Err(error) => return fail(&sink, error.into()).await,
        };
        drop(view);
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
        if let Next::Stop = next(changes, &sink, LOOK_EVERY).await {
            return;
        }
    }
}

/// Whether to look again.
pub(super) enum Next {
    Look,
    Stop,
}

/// Waits until something may have changed, and at least `pause`.
pub(super) async fn next<T>(changes: Changes, sink: &Sink<T>, pause: Duration) -> Next {
    let changed = async {
        tokio::time::sleep(pause).await;
        changes.changed().await;
    };
    tokio::select! {
        biased;
        () = sink.closed() => Next::Stop,
        () = changed => Next::Look,
    }
}
