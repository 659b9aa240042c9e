//! Heartbeats, on a stream of their own.

use bistable_common::{ids::WorkerId, wire::v1};
use tonic::Streaming;

use super::{
    Context, Error, Responses, Sink, fail, responses,
    session::{lease_token, millis},
};
use crate::dispatch::{Dispatch, Pulse};

/// The most leases that a worker can hold.
pub(super) const MAX_TOKENS: usize = 1 << 17;

/// Answers each beat with the tokens that are not, or no longer, the worker's.
pub(super) fn answer(
    context: &Context,
    incoming: Streaming<v1::BeatRequest>,
) -> Result<Responses<v1::BeatResponse>, Error> {
    let dispatch = context.leading()?.dispatch;
    let (sink, stream) = responses();
    tokio::spawn(async move {
        tokio::select! {
            biased;
            ended = answer_all(&dispatch, incoming, &sink) => {
                if let Err(error) = ended {
                    fail(&sink, error).await;
                }
            }
            () = dispatch.stopped() => {}
        }
    });
    Ok(stream)
}

async fn answer_all(
    dispatch: &Dispatch,
    mut incoming: Streaming<v1::BeatRequest>,
    sink: &Sink<v1::BeatResponse>,
) -> Result<(), Error> {
    while let Ok(Some(request)) = incoming.message().await {
        let v1::BeatRequest { worker, tokens } = request;
        if tokens.len() > MAX_TOKENS {
            return Err(Error::invalid("tokens", "more than any worker can hold"));
        }
        let tokens = tokens.iter().map(|token| lease_token(token));
        let tokens = tokens.collect::<Result<_, _>>()?;
        let Pulse { refused, interval } = dispatch.beat(WorkerId(worker), tokens).await?;
        let revoked = refused.iter().map(|token| token.0.to_vec().into());
        let answer = v1::BeatResponse {
            revoked: revoked.collect(),
            beat_interval_ms: millis(interval),
        };
        if sink.send(Ok(answer)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
