//! How a worker finds the coordinator that leads.

use std::{io::ErrorKind, time::Duration};

use bistable_common::wire::LEADER_KEY;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tonic::Status;

use crate::{
    fake::{Fake, soon},
    runner::Fate,
    scene::{TOKEN, Worker, lease},
};

#[tokio::test]
async fn a_worker_does_not_wait_for_a_machine_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent_at = silent.local_addr().expect("its address");
    let mut fake = Fake::start().await;
    let worker = Worker::with(
        &fake,
        |_| Fate::Done,
        |config| {
            config.coordinators.insert(0, silent_at.into());
        },
    );
    let (connection, _) = soon(silent.accept()).await.expect("a worker");
    let session = fake.knock().await;
    // It is still waited for when the other one is called.
    let mut said = Vec::new();
    while connection
        .try_read_buf(&mut said)
        .is_ok_and(|bytes| bytes > 0)
    {}
    let more = connection
        .try_read_buf(&mut said)
        .map_err(|error| error.kind());
    assert_eq!(more, Err(ErrorKind::WouldBlock));
    session.welcome(10).await;
    // And left alone when that one says welcome.
    while soon(connection.readable()).await.is_ok() {
        if connection
            .try_read_buf(&mut said)
            .is_ok_and(|bytes| bytes == 0)
        {
            break;
        }
    }
    worker.end().await;
}

#[tokio::test]
async fn a_worker_goes_to_the_leader_that_is_named() {
    let mut standby = Fake::start().await;
    let mut leader = Fake::start().await;
    let worker = Worker::start(&standby, |_| Fate::Done);
    let session = standby.knock().await;
    let mut status = Status::unavailable("this coordinator stands by");
    let url = format!("http://{}", leader.address);
    status
        .metadata_mut()
        .insert(LEADER_KEY, url.parse().expect("ASCII"));
    session.refuse(status).await;
    let session = leader.session().await;
    lease(&session, TOKEN, 0..1).await;
    assert_eq!(leader.report().await.blocks(), [0]);
    // One that leads no more is not in the list; those that are, are tried again.
    drop(leader);
    standby.session().await;
    worker.abort();
}

#[cfg(unix)]
#[tokio::test]
async fn a_worker_does_not_wait_for_a_machine_that_accepts_nobody() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let full = socket.listen(1).expect("a queue");
    let full_at = full.local_addr().expect("its address");
    // Its queue is full when a connection hangs.
    let mut queued = Vec::new();
    let instant = Duration::from_millis(200);
    while let Ok(connection) = timeout(instant, TcpStream::connect(full_at)).await {
        queued.push(connection.expect("a connection"));
    }
    let mut fake = Fake::start().await;
    let worker = Worker::with(
        &fake,
        |_| Fate::Done,
        |config| {
            config.coordinators.insert(0, full_at.into());
        },
    );
    fake.session().await;
    worker.end().await;
}
