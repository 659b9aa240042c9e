//! What clients ask and hear.

use bistable_common::wire::v1::{self, SweepState};
use tokio_stream::StreamExt;
use tonic::Code;

use crate::support::{World, sweep};

#[tokio::test]
async fn a_sweep_is_leased_reported_watched_and_read() {
    let sweep = sweep(3, 2);
    let world = World::of(&sweep).await;
    let id = sweep.id().to_string();
    let request = v1::WatchSweepRequest { id: id.clone() };
    let watched = world.sweeps().watch_sweep(request).await.expect("watch");
    let mut worker = world.worker("w").await;
    let mut units = 0;
    while units < 6 {
        units += worker.work_once(&sweep).await;
    }
    let looks: Vec<_> = watched.into_inner().collect().await;
    let last = looks.last().expect("a look").as_ref().expect("no error");
    let last = last.sweep.as_ref().expect("a status");
    assert_eq!(last.state(), SweepState::Complete);
    assert_eq!((last.units_done, last.units_total), (6, 6));
    assert_eq!((last.experiments_done, last.experiments_total), (96, 96));

    let request = v1::StreamTrajectoriesRequest {
        id,
        cells: vec![],
        replicates: vec![1],
    };
    let stream = world.results().stream_trajectories(request).await;
    let messages: Vec<_> = stream.expect("stream").into_inner().collect().await;
    let blocks = messages.iter().map(|message| {
        let unit = message.as_ref().expect("no error").unit.as_ref();
        unit.map(|unit| (unit.replicate, unit.block))
            .expect("a unit")
    });
    assert_eq!(blocks.collect::<Vec<_>>(), [(1, 0), (1, 1), (1, 2)]);
}

#[tokio::test]
async fn pausing_holds_new_leases_back_and_deleting_forgets() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let id = sweep.id().to_string();
    let pause = v1::PauseSweepRequest { id: id.clone() };
    world.sweeps().pause_sweep(pause).await.expect("pause");
    let mut worker = world.worker("w").await;
    worker.ask_for_work().await;
    assert_eq!(world.status(&sweep).await.state(), SweepState::Paused);
    assert_eq!(world.status(&sweep).await.units_leased, 0);
    let resume = v1::ResumeSweepRequest { id: id.clone() };
    world.sweeps().resume_sweep(resume).await.expect("resume");
    worker.lease().await;
    let watch = v1::WatchSweepRequest { id: id.clone() };
    let watched = world.sweeps().watch_sweep(watch).await.expect("watch");
    let delete = v1::DeleteSweepRequest { id: id.clone() };
    world.sweeps().delete_sweep(delete).await.expect("delete");
    let looks: Vec<_> = watched.into_inner().collect().await;
    assert!(looks.iter().all(Result::is_ok));
    let gone = world.sweeps().get_sweep(v1::GetSweepRequest { id }).await;
    assert_eq!(gone.expect_err("an error").code(), Code::NotFound);
    assert!(world.store.sweeps().expect("sweeps").is_empty());
}

#[tokio::test]
async fn an_unknown_solver_is_told_apart_from_no_answer() {
    let sweep = sweep(1, 1);
    let world = World::of(&sweep).await;
    let query = v1::QueryEstimatesRequest {
        id: sweep.id().to_string(),
        solvers: vec!["nosuch".into()],
        ..Default::default()
    };
    let refused = world.results().query_estimates(query).await;
    let refused = refused.expect_err("a slip of the pen");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(
        refused.message().contains("`nosuch`; it has ssgd"),
        "{refused}"
    );
}

#[tokio::test]
async fn data_that_is_not_there_is_not_found() {
    let world = World::of(&sweep(1, 1)).await;
    let hash = || vec![3; 32].into();
    let stat = v1::StatDataRequest { hash: hash() };
    let stat = world.work().stat_data(stat).await.expect("stat");
    assert!(!stat.into_inner().present);
    let fetch = v1::FetchDataRequest { hash: hash() };
    let missing = world.work().fetch_data(fetch).await;
    assert_eq!(missing.expect_err("an error").code(), Code::NotFound);
    let header = v1::UploadHeader {
        hash: hash(),
        total_bytes: 4,
    };
    let upload = |chunk: &'static [u8]| {
        use v1::upload_data_request::Message;
        let messages = [
            Message::Header(header.clone()),
            Message::Chunk(chunk.into()),
        ];
        tokio_stream::iter(messages.map(|message| v1::UploadDataRequest {
            message: Some(message),
        }))
    };
    for chunk in [b"abc".as_slice(), b"abcde", b"abcd"] {
        let refused = world.work().upload_data(upload(chunk)).await;
        assert_eq!(refused.expect_err("an error").code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn health_and_reflection_answer() {
    let world = World::of(&sweep(1, 1)).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(world.channel());
    let request = tonic_health::pb::HealthCheckRequest {
        service: "bistable.v1.WorkService".into(),
    };
    let answer = health.check(request).await.expect("check").into_inner();
    assert_eq!(answer.status, 1);

    use tonic_reflection::pb::v1 as reflection;
    let mut client =
        reflection::server_reflection_client::ServerReflectionClient::new(world.channel());
    let list = reflection::server_reflection_request::MessageRequest::ListServices(String::new());
    let request = tokio_stream::once(reflection::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(list),
    });
    let mut answers = client
        .server_reflection_info(request)
        .await
        .expect("reflection")
        .into_inner();
    let answer = answers.message().await.expect("an answer").expect("one");
    let text = format!("{answer:?}");
    for service in ["SweepService", "WorkService", "ResultService"] {
        assert!(text.contains(&format!("bistable.v1.{service}")), "{text}");
    }
}
