//! Finding the leader among several coordinators, and another coordinator when one is gone.

use std::time::Duration;

use bistable_common::wire::LEADER_KEY;
use bistable_worker::link::{Address, leader_of, pushback_of};
use tonic::{Code, Status};

use super::{Client, ClientError, reach};

/// How often an answer is looked for, and how long is waited in between: longer than it takes to elect a leader.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(300);

impl Client {
    /// Calls until a coordinator can answer. One that stands by says who leads what only a leader does; while nobody does,
    /// one will soon. One that cannot reach its store may be the only one.
    pub(super) async fn insist<T>(
        &mut self,
        call: impl AsyncFn(&mut Self) -> Result<T, Status>,
    ) -> Result<T, ClientError> {
        for _ in 1..TRIES {
            let status = match call(self).await {
                Ok(value) => return Ok(value),
                Err(status) => status,
            };
            if let Some(wait) = pushback_of(&status) {
                tokio::time::sleep(wait).await;
                continue;
            }
            if !self.may_be_elsewhere(&status) {
                return Err(status.into());
            }
            let leader = leader_of(&status, &self.addresses);
            // Anyone but the leader that was named may know no more than the last one.
            if !(self.follow_to(leader.clone()).await && leader.as_ref() == Some(&self.address)) {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(call(self).await?)
    }

    /// Connects to some coordinator again after the present one failed with `status`.
    ///
    /// # Errors
    /// If none of the others can do better.
    pub async fn reconnect(&mut self, status: Status) -> Result<(), ClientError> {
        // A token that was withdrawn may have been replaced by the one in the file.
        if status.code() == Code::Unauthenticated && self.credentials.token_file.is_some() {
            *self = Self::connect(&self.addresses, &self.credentials).await?;
            return Ok(());
        }
        if !self.may_be_elsewhere(&status) {
            return Err(status.into());
        }
        for _ in 0..TRIES {
            if self.follow_to(None).await {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(status.into())
    }

    /// Whether another coordinator could answer better.
    fn may_be_elsewhere(&self, status: &Status) -> bool {
        let gone = matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Cancelled
        );
        gone && (self.addresses.len() > 1 || status.metadata().contains_key(LEADER_KEY))
    }

    /// Connects to `leader`, or else to the next of the named coordinators that answers; whether that is another one.
    async fn follow_to(&mut self, leader: Option<Address>) -> bool {
        let here = self
            .addresses
            .iter()
            .position(|known| *known == self.address);
        let next = here.map_or(0, |index| index + 1);
        let around = self.addresses.iter().cycle().skip(next);
        let candidates = leader.iter().chain(around.take(self.addresses.len()));
        for address in candidates {
            if let Ok(channel) = reach(address, &self.credentials).await {
                let moved = *address != self.address;
                let (known, credentials) = (self.addresses.clone(), self.credentials.clone());
                *self = Self::over(address.clone(), known, credentials, channel);
                return moved;
            }
        }
        false
    }
}
