//! A fleet of simulated workers on loopback: how long each waits from its credit to its lease, and whether any of them is
//! declared dead. Each holds a lease for some seconds, beats as often as it is told, and hands the lease back.
//!
//!     cargo bench -p bistable-coordinator --bench fleet

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use bistable_common::wire::v1::{
    self, session_request::Message as Say, session_response::Message as Heard,
    work_service_client::WorkServiceClient,
};
use support::{World, hello, sweep};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, transport::Channel};

const WORKERS: usize = 2_000;

/// Workers that share a connection: a server takes some 200 streams on each, and a worker has two.
const WORKERS_A_CHANNEL: usize = 50;

const SPAN: Duration = Duration::from_secs(30);

/// What coordinators usually ask for.
const LEASE_TIMEOUT: Duration = Duration::from_secs(8);

type Client = WorkServiceClient<Channel>;

/// A worker; its waits from credit to lease, numbered.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
async fn work(mut client: Client, number: usize) -> Result<Vec<(usize, Duration)>, Status> {
    let name = format!("w{number}");
    let (say, said) = mpsc::channel(16);
    let tell = async |message| {
        let message = Some(message);
        let sent = say.send(v1::SessionRequest { message }).await;
        sent.map_err(|_| Status::unavailable("the session is over"))
    };
    tell(Say::Hello(hello(&name))).await?;
    let mut session = client
        .session(ReceiverStream::new(said))
        .await?
        .into_inner();
    let (held, holds) = watch::channel(None);
    let heart = tokio::spawn(beat(client, name, holds));
    let (began, mut waits) = (Instant::now(), Vec::new());
    while began.elapsed() < SPAN {
        let asked = Instant::now();
        tell(Say::Credit(v1::Credit { leases: 1 })).await?;
        let token = loop {
            let answer = session.message().await?;
            match answer.ok_or_else(|| Status::unavailable("lost"))?.message {
                Some(Heard::Lease(lease)) => break lease.token,
                Some(Heard::Revoke(_)) => return Err(Status::aborted("revoked")),
                _ => {}
            }
        };
        waits.push((waits.len(), asked.elapsed()));
        held.send_replace(Some(token.to_vec()));
        // Not in step with the others.
        sleep(Duration::from_millis(
            5_000 + (number as u64 * 7_919) % 10_000,
        ))
        .await;
        held.send_replace(None);
        tell(Say::HandBack(v1::HandBack { token })).await?;
    }
    heart.abort();
    Ok(waits)
}

/// Beats as often as it is told.
async fn beat(
    mut client: Client,
    worker: String,
    holds: watch::Receiver<Option<Vec<u8>>>,
) -> Result<(), Status> {
    let (beats, beaten) = mpsc::channel(1);
    let sign = || {
        let held = holds.borrow();
        v1::BeatRequest {
            worker: worker.clone(),
            tokens: held.iter().map(|token| token.clone().into()).collect(),
        }
    };
    let gone = |_| Status::unavailable("the stream is over");
    beats.send(sign()).await.map_err(gone)?;
    let mut answers = client.beat(ReceiverStream::new(beaten)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        sleep(Duration::from_millis(answer.beat_interval_ms.into())).await;
        beats.send(sign()).await.map_err(gone)?;
    }
    Ok(())
}

#[tokio::main]
async fn main() {
    let sweep = sweep(2_000, 20);
    let world = World::with(&[&sweep], LEASE_TIMEOUT).await;
    let url = format!("http://{}", world.server.addr());
    let mut fleet = JoinSet::new();
    for first in (0..WORKERS).step_by(WORKERS_A_CHANNEL) {
        let endpoint = Channel::from_shared(url.clone()).expect("a URL");
        let client = Client::new(endpoint.connect().await.expect("a connection"));
        for number in first..first + WORKERS_A_CHANNEL {
            fleet.spawn(work(client.clone(), number));
        }
    }
    let (mut waits, mut lost) = (Vec::new(), 0);
    while let Some(ended) = fleet.join_next().await {
        match ended.expect("no panic") {
            Ok(own) => waits.extend(own),
            Err(why) => {
                lost += 1;
                println!("lost: {why}");
            }
        }
    }
    let (first, later): (Vec<_>, Vec<_>) = waits.into_iter().partition(|(round, _)| *round == 0);
    println!("{WORKERS} workers on loopback, {lost} of them lost; from credit to lease");
    tell("when all arrive at once", first);
    tell("afterwards", later);
}

fn tell(when: &str, waits: Vec<(usize, Duration)>) {
    let mut waits: Vec<Duration> = waits.into_iter().map(|(_, wait)| wait).collect();
    waits.sort_unstable();
    let quantile = |q: f64| waits[(waits.len().saturating_sub(1) as f64 * q) as usize];
    println!(
        "{when}: {:.1?} (median), {:.1?} (99 %), {:.1?} (longest of {})",
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
        waits.len(),
    );
}
