//! How everything stands, for those who watch the coordinator.

use super::{Dispatch, DispatchError, command::Command, task::Dispatcher};
use crate::board::{Survey, SweepState};

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queues {
    /// For the board.
    pub commands: usize,
    /// For the store.
    pub results: usize,
}

impl Dispatch {
    /// How everything stands.
    pub async fn survey(&self) -> Result<Survey, DispatchError> {
        self.ask(Command::Survey).await
    }

    /// What waits.
    pub fn queues(&self) -> Queues {
        Queues {
            commands: self.commands.max_capacity() - self.commands.capacity(),
            results: self.recorder.waiting(),
        }
    }
}

#[cfg(test)]
impl Dispatch {
    /// A dispatcher to which nobody listens while the other value lives.
    pub fn unheard(
        store: std::sync::Arc<dyn crate::store::Store>,
        counts: crate::monitor::Counts,
    ) -> (Self, impl Sized + use<>) {
        use super::{Clock, Deposition, Recorder, Registry, mpsc, watch};
        let (commands, queue) = mpsc::channel(8);
        let clock = Clock::start(crate::board::Timestamp::default());
        let recording = (commands.clone(), Deposition::default(), counts);
        let (recorder, _) = Recorder::start(store, clock, recording);
        let (_, changes) = watch::channel(0);
        let dispatch = Self {
            commands,
            recorder,
            registry: Registry::default(),
            changes,
        };
        (dispatch, queue)
    }
}

impl Dispatcher {
    /// Sweeps that nobody here can go on with are stuck, whatever the board says.
    pub(super) fn survey(&self) -> Survey {
        let mut survey = self.board.survey();
        for (sweep, state) in &mut survey.sweeps {
            let known = self.registry.get(*sweep);
            if known.is_some_and(|known| known.foreign) && !state.is_settled() {
                *state = SweepState::Stuck;
            }
        }
        survey
    }
}
