//! A worker of one thread at a coordinator that the test plays, and what the two say.

use std::{ops::Range, sync::Arc};

use bistable_common::wire::v1::{self, session_request as request, session_response as response};
use bistable_worker::{
    kernel::Simd,
    link::{self, LinkConfig, LinkError},
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    fake::{Fake, Session, soon},
    runner::{Fate, Scripted, sweep},
};

pub const TOKEN: [u8; 16] = [1; 16];

/// A worker of one thread, and the means to end it.
pub struct Worker {
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), LinkError>>,
}

impl Worker {
    pub fn start(fake: &Fake, fate: fn(u32) -> Fate) -> Self {
        Self::with(fake, fate, |_| {})
    }

    pub fn with(fake: &Fake, fate: fn(u32) -> Fate, change: impl FnOnce(&mut LinkConfig)) -> Self {
        let (shutdown, asked) = oneshot::channel::<()>();
        let mut config = LinkConfig {
            threads: 1,
            runner: Arc::new(Scripted(fate)),
            ..LinkConfig::new(vec![fake.address.into()], Simd::any())
        };
        change(&mut config);
        let task = tokio::spawn(link::run(config, async {
            let _ = asked.await;
        }));
        Self {
            shutdown: Some(shutdown),
            task,
        }
    }

    pub fn ask_to_leave(&mut self) {
        drop(self.shutdown.take());
    }

    /// Its end, unasked.
    pub async fn ended(self) -> Result<(), LinkError> {
        soon(self.task).await.expect("no panic")
    }

    /// Its end, politely asked for.
    pub async fn end(mut self) {
        self.ask_to_leave();
        self.ended().await.expect("a polite end");
    }

    /// Ends it at once.
    pub fn abort(&self) {
        self.task.abort();
    }
}

/// A worker whose session was just welcomed.
pub async fn at_work(fate: fn(u32) -> Fate) -> (Fake, Worker, Session) {
    let mut fake = Fake::start().await;
    let worker = Worker::start(&fake, fate);
    let session = fake.session().await;
    (fake, worker, session)
}

pub async fn lease(session: &Session, token: [u8; 16], blocks: Range<u32>) {
    let sweep = sweep();
    let id = sweep.id().to_string();
    let document = v1::SweepDocument {
        sweep: id.clone(),
        canonical_json: sweep.to_canonical_json(),
    };
    session.say(response::Message::Sweep(document)).await;
    let lease = v1::Lease {
        token: token.to_vec().into(),
        sweep: id,
        cell: 0,
        replicate: 0,
        first_block: blocks.start,
        end_block: blocks.end,
        attempt: 1,
    };
    session.say(response::Message::Lease(lease)).await;
}

pub fn finished(token: [u8; 16]) -> Option<request::Message> {
    let token = token.to_vec().into();
    Some(request::Message::Finished(v1::Finished { token }))
}

pub fn handed_back(token: [u8; 16]) -> Option<request::Message> {
    let token = token.to_vec().into();
    Some(request::Message::HandBack(v1::HandBack { token }))
}

pub async fn revoke(session: &Session, token: [u8; 16]) {
    let token = token.to_vec().into();
    let revoke = response::Message::Revoke(v1::Revoke { token });
    session.say(revoke).await;
}
