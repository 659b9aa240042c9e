//! Data sets without end: each is small enough, and together they would fill the disk.

use std::{sync::Arc, time::Duration};

use bistable_common::{
    ids::Hash,
    wire::v1::{self, upload_data_request::Message},
};
use bistable_coordinator::{
    server::{self, Config, DataLimits, Doors},
    store::DataTotal,
};
use bistable_worker::data::Dataset;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Status};

use crate::{
    calls::ROLES,
    images,
    process::Locked,
    processes::{Running, assert_fails, bistable, json},
    support::{World, config, sweep},
    sweeps::REWEIGHTING,
    uploads::{CONTENT, chunk, header, said, whole},
};

/// What each data set counts for beside its content.
const OVERHEAD: u64 = 4096;

/// What each of these counts for.
const SET: u64 = CONTENT.len() as u64 + OVERHEAD;

/// Far above what an answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// One data set of many.
fn content(number: u8) -> Vec<u8> {
    let mut content = CONTENT;
    content[19] = number;
    content.to_vec()
}

/// A coordinator that takes so much.
async fn taking(all: u64) -> World {
    let limits = DataLimits {
        all,
        ..DataLimits::default()
    };
    let doors = Doors {
        data: limits,
        ..Doors::default()
    };
    World::behind(doors, &sweep(1, 1)).await
}

async fn upload(world: &World, messages: Vec<Message>) -> Result<(), Status> {
    world.work().upload_data(said(messages)).await.map(drop)
}

/// Announces a data set and sends no byte of it; what that is answered with.
async fn announce(world: &World, hash: Hash, bytes: u64) -> Status {
    let header = said(vec![header(&hash.0, bytes)]);
    let mut work = world.work();
    let answer = work.upload_data(header.chain(tokio_stream::pending()));
    let answer = timeout(PATIENCE, answer).await;
    answer.expect("an answer to a header").expect_err("no room")
}

fn assert_full(status: &Status, parts: &[&str]) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let told = status.metadata().contains_key("grpc-retry-pushback-ms");
    assert!(!told, "waiting is of no use: {status:?}");
    for part in parts {
        assert!(status.message().contains(part), "no {part} in {status:?}");
    }
}

#[tokio::test]
async fn one_data_set_too_many_is_refused_before_it_is_read() {
    let world = taking(2 * SET).await;
    for number in 0..2 {
        upload(&world, whole(&content(number)))
            .await
            .expect("room for two");
    }
    let (limit, taken) = ((2 * SET).to_string(), (2 * SET).to_string());
    let ways = [
        &limit,
        &taken,
        "the 2 that are stored",
        "--max-stored-data-bytes",
    ];
    let third = Hash::of(&content(2));
    assert_full(&announce(&world, third, CONTENT.len() as u64).await, &ways);
    assert_full(&announce(&world, third, 0).await, &ways);
    assert_full(&announce(&world, third, 1 << 30).await, &ways);
    // Those that are there are taken again, and cost nothing; what is called like one of them, and is another, is not.
    for number in [0, 1, 1] {
        upload(&world, whole(&content(number)))
            .await
            .expect("it is there");
    }
    let disguised = vec![
        header(&Hash::of(&content(0)).0, CONTENT.len() as u64),
        chunk(&content(2)),
    ];
    let refused = upload(&world, disguised).await.expect_err("another hash");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let expected = DataTotal {
        sets: 2,
        bytes: 2 * CONTENT.len() as u64,
    };
    assert_eq!(world.store.data_total().expect("a total"), expected);
    let listed = world.sweeps().list_sweeps(v1::ListSweepsRequest {}).await;
    assert_eq!(
        listed.expect("a healthy server").into_inner().sweeps.len(),
        1
    );
}

/// An upload under way.
struct Upload {
    say: mpsc::Sender<v1::UploadDataRequest>,
    end: JoinHandle<Result<(), Status>>,
}

impl Upload {
    fn begin(world: &World) -> Self {
        let (say, said) = mpsc::channel(4);
        let mut work = world.work();
        let end = async move { work.upload_data(ReceiverStream::new(said)).await.map(drop) };
        let end = tokio::spawn(end);
        Self { say, end }
    }

    /// Whether it is still heard.
    async fn say(&self, message: Message) -> bool {
        let message = Some(message);
        let said = self.say.send(v1::UploadDataRequest { message }).await;
        said.is_ok()
    }
}

#[tokio::test]
async fn of_two_at_once_only_as_many_get_in_as_there_is_room_for() {
    let world = taking(SET).await;
    let both = [0, 1].map(|number| (content(number), Upload::begin(&world)));
    for (content, upload) in &both {
        let announced = header(&Hash::of(content).0, content.len() as u64);
        assert!(upload.say(announced).await);
    }
    // Both are under way when a third one is not let in.
    while upload(&world, vec![]).await.expect_err("no header").code() == Code::InvalidArgument {}
    for (content, upload) in &both {
        assert!(upload.say(chunk(content)).await);
    }
    let mut ends = Vec::new();
    for (_, Upload { say, end }) in both {
        drop(say);
        ends.push(end.await.expect("no panic"));
    }
    let refused: Vec<_> = ends.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_full(&refused[0], &["the 1 that are stored"]);
    assert_eq!(world.store.data_total().expect("a total").sets, 1);
}

#[tokio::test]
async fn the_bundled_data_set_needs_no_room() {
    let limits = DataLimits { each: 0, all: 0 };
    let doors = Doors {
        data: limits,
        ..Doors::default()
    };
    let (closed, _folder) = config(&[], PATIENCE, doors);
    let bundled = Dataset::bundled();
    let config = Config {
        bundled: Some(Arc::clone(&bundled)),
        ..closed
    };
    let store = Arc::clone(&config.store);
    let server = server::start(config).await.expect("a server");
    server.leading().await.expect("it leads");
    let kept = store.data(bundled.hash()).expect("an answer");
    assert_eq!(
        kept.expect("it is there").bytes,
        bundled.content().len() as u64
    );
    server.shutdown().await.expect("a polite end");
}

#[test]
fn the_command_says_that_there_is_no_room() {
    let [_, submit, _] = ROLES;
    // The bundled one is larger.
    let (locked, coordinator) = Locked::with(&["--max-stored-data-bytes", "5000"]);
    let _coordinator = Running::from(coordinator);
    let data = images::folder(&locked.runs);
    let data = data.to_str().expect("a path");
    let file = locked.runs.write("own.toml", REWEIGHTING);
    let file = file.to_str().expect("a path");
    let own = bistable(locked.args(submit, &["submit", file, "--data-dir", data]));
    assert_fails(
        &own,
        &[
            "no room for a data set",
            "at most 5000 bytes",
            "the 1 that are stored",
            "--max-stored-data-bytes",
        ],
    );
    let id = locked.submit(REWEIGHTING);
    let listed = json(&bistable(locked.args("read", &["list", "--json"])));
    assert!(listed.to_string().contains(&id), "{listed}");
}
