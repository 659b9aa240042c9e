//! A worker's session: hello, then what it says goes to the board, and what the board says goes to it.

use std::{pin::Pin, time::Duration};

use bistable_common::{
    ids::{Hash, LeaseToken, UnitId, WorkerId},
    wire::{
        PROTOCOL, understands,
        v1::{self, session_request::Message as Said, session_response::Message as Answer},
    },
};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::{Stream, StreamExt, once, wrappers::ReceiverStream};
use tonic::{Status, Streaming};

use super::{Context, Error, beat::MAX_TOKENS};
use crate::{
    board::{Arrival, Complaint, Event, SessionId},
    dispatch::{Dispatch, DispatchError, Joined, Outgoing},
};

/// How long a session may take to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// This build, for people.
const BUILD: &str = env!("CARGO_PKG_VERSION");

/// The longest name of a worker or a machine.
const MAX_NAME_BYTES: usize = 256;

/// The longest error that is kept of a failed unit.
const MAX_ERROR_BYTES: usize = 4096;

/// The longest log that is kept of a failed unit.
const MAX_LOG_BYTES: usize = 16 << 10;

/// What a worker is told.
pub(super) type Letters = Pin<Box<dyn Stream<Item = Result<v1::SessionResponse, Status>> + Send>>;

/// Opens a session: its first message must be a hello that the coordinator can agree to.
pub(super) async fn open(
    context: &Context,
    mut incoming: Streaming<v1::SessionRequest>,
) -> Result<Letters, Error> {
    let dispatch = context.leading()?.dispatch;
    let first = tokio::time::timeout(HELLO_TIMEOUT, incoming.message()).await;
    let first = match first {
        Ok(Ok(first)) => first.and_then(|request| request.message),
        Ok(Err(_)) | Err(_) => None,
    };
    let Some(Said::Hello(hello)) = first else {
        return Err(Error::invalid("message", "a session begins with a hello"));
    };
    let arrival = check_hello(hello, context.numerics);
    let arrival = arrival.inspect_err(|_| context.watchers.counts.refused_worker())?;
    let (opened, ready) = oneshot::channel();
    // A task of its own, so that a caller who leaves now cannot leave half a session behind.
    tokio::spawn(listen(dispatch, arrival, incoming, opened));
    let Opened {
        letters,
        reading,
        beat_interval,
    } = ready.await.map_err(|_| DispatchError::Stopping)??;
    let welcome = v1::Welcome {
        beat_interval_ms: millis(beat_interval),
        protocol: PROTOCOL,
        build: BUILD.to_owned(),
    };
    let letters = ReceiverStream::new(letters).map(move |letter| {
        // Owned by the stream: it ends with it, and so does the listening.
        let _ = &reading;
        message(letter)
    });
    Ok(Box::pin(
        once(Ok(said(Answer::Welcome(welcome)))).chain(letters),
    ))
}

/// Whole milliseconds, for the wire.
pub(super) fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

pub(super) fn check_hello(hello: v1::Hello, own: Hash) -> Result<Arrival, Error> {
    let v1::Hello {
        protocol,
        worker,
        host,
        slots,
        numerics,
        build,
        held,
        remaining_ms,
        proof,
    } = hello;
    let numerics = Hash::try_from(numerics.as_ref())
        .map_err(|error| Error::invalid("hello.numerics", error))?;
    if worker.is_empty() || worker.len() > MAX_NAME_BYTES || host.len() > MAX_NAME_BYTES {
        return Err(Error::invalid(
            "hello",
            "a worker has a name, and names have at most 256 bytes",
        ));
    }
    if !understands(protocol) {
        let restart = restart(&worker, &host, &build);
        return Err(refused(format!(
            "the worker speaks protocol {protocol}, the coordinator protocol {PROTOCOL}, and they may be one apart at most: {restart}"
        )));
    }
    if numerics != own {
        let restart = restart(&worker, &host, &build);
        return Err(refused(format!(
            "the worker's numerics differ from the coordinator's (fingerprint {numerics}, not {own}): their results may not \
             stand in one sweep; {restart}"
        )));
    }
    if slots == 0 {
        return Err(Error::invalid("hello.slots", "a worker has at least one"));
    }
    if held.len() > MAX_TOKENS {
        return Err(Error::invalid(
            "hello.held",
            "more than any worker can hold",
        ));
    }
    let held = held.iter().map(|token| lease_token(token));
    let proof = match proof.len() {
        0 => None,
        _ => {
            let whole = <[u8; 16]>::try_from(&proof[..]);
            Some(whole.map_err(|_| Error::invalid("hello.proof", "it has 16 bytes, or none"))?)
        }
    };
    Ok(Arrival {
        worker: WorkerId(worker),
        host,
        slots,
        held: held.collect::<Result<_, _>>()?,
        remaining: remaining_ms.map(Duration::from_millis),
        proof,
    })
}

/// What is to be done about a worker whose build does not fit.
fn restart(worker: &str, host: &str, build: &str) -> String {
    format!(
        "restart worker `{worker}` on `{host}` (build `{build}`) with the coordinator's build {BUILD}"
    )
}

/// The operator of a fleet looks at the coordinator's log.
fn refused(why: String) -> Error {
    tracing::warn!("a worker is refused: {why}");
    Error::Precondition(why)
}

/// A session, for whoever reads it.
struct Opened {
    letters: mpsc::Receiver<Outgoing>,
    /// Listening ends when it is dropped.
    reading: oneshot::Sender<()>,
    beat_interval: Duration,
}

/// Joins, and passes on what the worker says until either side ends the session.
async fn listen(
    dispatch: Dispatch,
    arrival: Arrival,
    incoming: Streaming<v1::SessionRequest>,
    opened: oneshot::Sender<Result<Opened, DispatchError>>,
) {
    let Joined {
        session,
        beat_interval,
        letters,
        outbox,
    } = match dispatch.join(arrival).await {
        Ok(joined) => joined,
        Err(error) => {
            let _ = opened.send(Err(error));
            return;
        }
    };
    let (reading, unread) = oneshot::channel();
    let session_opened = Opened {
        letters,
        reading,
        beat_interval,
    };
    if opened.send(Ok(session_opened)).is_ok() {
        tokio::select! {
            biased;
            broken = pass_on(&dispatch, session, incoming) => {
                if let (Some(error), Some(outbox)) = (broken, outbox.upgrade()) {
                    // If the outbox is full, its worker does not read anyway.
                    let _ = outbox.try_send(Outgoing::Broken(error.to_string()));
                }
            }
            _ = unread => {}
        }
    }
    dispatch.event(Event::WorkerLost(session)).await;
}

/// Passes on messages until they end; the error, if one of them means nothing.
async fn pass_on(
    dispatch: &Dispatch,
    session: SessionId,
    mut incoming: Streaming<v1::SessionRequest>,
) -> Option<Error> {
    // A broken connection is an end like any other.
    while let Ok(Some(request)) = incoming.message().await {
        match event(session, request) {
            Ok(event) => {
                if !dispatch.event(event).await {
                    return None;
                }
            }
            Err(error) => return Some(error),
        }
    }
    None
}

pub(super) fn event(session: SessionId, request: v1::SessionRequest) -> Result<Event, Error> {
    let v1::SessionRequest { message } = request;
    match message {
        Some(Said::Credit(v1::Credit { leases })) => Ok(Event::Credit(session, leases)),
        Some(Said::HandBack(v1::HandBack { token })) => {
            Ok(Event::HandBack(session, lease_token(&token)?))
        }
        Some(Said::Finished(v1::Finished { token })) => {
            Ok(Event::Finished(session, lease_token(&token)?))
        }
        Some(Said::UnitFailed(failed)) => unit_failed(session, failed),
        Some(Said::Hello(_)) => Err(Error::invalid("message", "hello is said once")),
        None => Err(Error::invalid("message", "nothing is said")),
    }
}

fn unit_failed(session: SessionId, failed: v1::UnitFailed) -> Result<Event, Error> {
    let kind = failed.kind().into();
    let v1::UnitFailed {
        token,
        unit,
        error,
        kind: _,
        log,
    } = failed;
    Ok(Event::UnitFailed {
        session,
        token: lease_token(&token)?,
        unit: UnitId::try_from(unit)?,
        complaint: Complaint {
            kind,
            error: shortened(error),
            log: last_lines(&log),
        },
    })
}

/// The end of a log, as far as it is kept.
fn last_lines(lines: &[String]) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for line in lines.iter().rev() {
        bytes += line.len() + 1;
        if bytes > MAX_LOG_BYTES {
            break;
        }
        kept.push(line);
    }
    kept.reverse();
    kept.join("\n")
}

/// Reads a lease's token.
pub(super) fn lease_token(bytes: &[u8]) -> Result<LeaseToken, Error> {
    LeaseToken::try_from(bytes).map_err(|error| Error::invalid("token", error))
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_ERROR_BYTES {
        let end = (0..=MAX_ERROR_BYTES)
            .rev()
            .find(|&i| text.is_char_boundary(i));
        text.truncate(end.unwrap_or(0));
    }
    text
}

fn said(answer: Answer) -> v1::SessionResponse {
    v1::SessionResponse {
        message: Some(answer),
    }
}

fn message(letter: Outgoing) -> Result<v1::SessionResponse, Status> {
    match letter {
        Outgoing::Sweep(known) => Ok(said(Answer::Sweep(known.as_ref().into()))),
        Outgoing::Lease(lease) => Ok(said(Answer::Lease(lease.into()))),
        Outgoing::Revoke(token) => Ok(said(Answer::Revoke(v1::Revoke {
            token: token.0.to_vec().into(),
        }))),
        Outgoing::Broken(why) => Err(Error::Invalid(why).into()),
    }
}
