//! Documents and data as clients submit them, computed by the real numerics.

mod support;
#[path = "support/sweeps.rs"]
mod sweeps;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bistable_common::{
    ids::{Block, CellId, Replicate, UnitId, UnitKey},
    sweep::Sweep,
    wire::{
        CHUNK_BYTES,
        v1::{self, DocumentFormat, Outcome, SweepState, upload_data_request::Message},
    },
};
use bistable_worker::{
    data::Dataset,
    kernel::Simd,
    unit::{Mode, Work, run},
};
use support::{NUMERICS, World, report};
use sweeps::analytic;
use tokio_stream::StreamExt;
use tonic::{Code, Status};

/// Two cells; with the second's step size the iterates leave the finite numbers before its last K.
fn quadratic(name: &str) -> String {
    let first = format!("name = \"{name}\"\nreplicates = 2");
    let grid = r#"
m1 = 20
m2 = 20
K = [3, 2000]
T = 1
eta_x = 0.1
eta_y = [0.1, 1000.0]

[[solvers]]
preset = "ssgd"
"#;
    analytic(&first, 2, grid)
}

const REWEIGHTING: &str = r#"
name = "uploaded"
replicates = 1
indices = 0

[problem]
kind = "reweighting"

[data]
SOURCE

[grid]
m1 = 100
m2 = 100
K = 10
T = 1

[[solvers]]
preset = "ssgd"
"#;

impl World {
    async fn submit(&self, document: &str) -> Result<v1::SubmitSweepResponse, Status> {
        let request = v1::SubmitSweepRequest {
            document: document.into(),
            format: DocumentFormat::Toml.into(),
            origin: "test.toml".into(),
            priority: None,
        };
        Ok(self.sweeps().submit_sweep(request).await?.into_inner())
    }

    async fn sweep_of(&self, id: &str) -> Sweep {
        let request = v1::GetSweepRequest { id: id.into() };
        let answer = self.sweeps().get_sweep(request).await.expect("get_sweep");
        let canonical = answer.into_inner().canonical_json;
        Sweep::from_canonical_json(&canonical).expect("a sweep")
    }
}

async fn empty() -> World {
    World::with(&[], Duration::from_secs(600)).await
}

/// Every unit of a run, computed.
fn compute(sweep: &Arc<Sweep>, cell: CellId, replicate: Replicate) -> Vec<(UnitId, Vec<u8>)> {
    let plan = bistable_common::plan::Plan::new(sweep.facts());
    let work = Work {
        sweep: Arc::clone(sweep),
        data: None,
        cell,
        replicate,
        blocks: 0..plan.blocks(cell),
        mode: Mode::Forked,
    };
    let mut units = Vec::new();
    let mut done = |block: Block, trajectory: bistable_common::trajectory::Trajectory| {
        let key = UnitKey {
            cell,
            replicate,
            block,
        };
        let sweep = sweep.id();
        units.push((UnitId { sweep, key }, trajectory.encode()));
    };
    run(&work, Simd::any(), &AtomicBool::new(false), &mut done).expect("a run");
    units
}

#[tokio::test]
async fn what_the_numerics_return_is_accepted_even_where_it_diverges() {
    let world = empty().await;
    let answer = world
        .submit(&quadratic("two step sizes"))
        .await
        .expect("submit");
    assert!(!answer.existed);
    let id = answer.sweep.expect("a status").id;
    let sweep = Arc::new(world.sweep_of(&id).await);
    let plan = bistable_common::plan::Plan::new(sweep.facts());
    for (cell, replicate) in plan.runs() {
        let units = compute(&sweep, cell, replicate);
        let count = units.len();
        let outcomes = report(world.work(), units, NUMERICS).await;
        assert_eq!(outcomes.expect("report"), vec![Outcome::Accepted; count]);
    }
    assert_eq!(world.status(&sweep).await.state(), SweepState::Complete);

    let request = v1::StreamTrajectoriesRequest {
        id: id.clone(),
        cells: vec![],
        replicates: vec![],
    };
    let stream = world.results().stream_trajectories(request).await;
    let messages: Vec<_> = stream.expect("stream").into_inner().collect().await;
    let mut diverged: BTreeMap<u32, bool> = BTreeMap::new();
    for message in messages {
        let message = message.expect("no error");
        let cell = message.unit.expect("a unit").cell;
        *diverged.entry(cell).or_default() |= message.base_diverged_at.is_some();
    }
    assert_eq!(diverged, BTreeMap::from([(0, false), (1, true)]));

    let request = v1::QueryEstimatesRequest {
        id: id.clone(),
        ..Default::default()
    };
    let answer = world.results().query_estimates(request).await;
    assert_eq!(answer.expect("query").into_inner().id, id);
}

#[tokio::test]
async fn submitting_again_revives_a_cancelled_sweep() {
    let world = empty().await;
    let first = world
        .submit(&quadratic("two step sizes"))
        .await
        .expect("submit");
    let id = first.sweep.expect("a status").id;
    let sweep = Arc::new(world.sweep_of(&id).await);
    let units = compute(&sweep, CellId(0), Replicate(0));
    let count = units.len() as u64;
    report(world.work(), units, NUMERICS).await.expect("report");
    world.cancel(&sweep).await;
    let again = world
        .submit(&quadratic("another name"))
        .await
        .expect("submit");
    assert!(again.existed);
    let status = again.sweep.expect("a status");
    assert_eq!(
        (status.id.as_str(), status.units_done),
        (id.as_str(), count)
    );
    assert_eq!(status.name, "another name");
    assert_eq!(status.state(), SweepState::Running);
    let mut worker = world.worker("w").await;
    worker.ask_for_work().await;
    assert_eq!(worker.lease().await.sweep, id);
}

#[tokio::test]
async fn documents_that_are_wrong_or_early_are_told_so() {
    let world = empty().await;
    let wrong = world.submit("name = 3").await.expect_err("a refusal");
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert!(wrong.message().contains("test.toml"), "{wrong}");
    let path = REWEIGHTING.replace("SOURCE", "dir = \"/etc\"");
    let path = world.submit(&path).await.expect_err("a refusal");
    assert_eq!(path.code(), Code::InvalidArgument);
    assert!(path.message().contains("reads no paths"), "{path}");
    let missing = format!("hash = \"{}\"", "ab".repeat(32));
    let missing = REWEIGHTING.replace("SOURCE", &missing);
    let missing = world.submit(&missing).await.expect_err("a refusal");
    assert_eq!(missing.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn uploaded_data_is_fetched_bit_by_bit_and_can_be_named() {
    let world = empty().await;
    let data = Dataset::bundled();
    let hash = data.hash();
    let messages = std::iter::once(Message::Header(v1::UploadHeader {
        hash: hash.0.to_vec().into(),
        total_bytes: data.content().len() as u64,
    }))
    .chain(
        data.content()
            .chunks(CHUNK_BYTES)
            .map(|chunk| Message::Chunk(chunk.to_vec().into())),
    )
    .map(|message| v1::UploadDataRequest {
        message: Some(message),
    });
    let upload = tokio_stream::iter(messages.collect::<Vec<_>>());
    world.work().upload_data(upload).await.expect("upload");

    let request = v1::FetchDataRequest {
        hash: hash.0.to_vec().into(),
    };
    let stream = world.work().fetch_data(request).await.expect("fetch");
    let chunks: Vec<_> = stream.into_inner().collect().await;
    let chunks = chunks.into_iter().map(|chunk| chunk.expect("no error"));
    let content: Vec<u8> = chunks.flat_map(|chunk| chunk.chunk).collect();
    assert_eq!(content, data.content());

    let document = REWEIGHTING.replace("SOURCE", &format!("hash = \"{hash}\""));
    world.submit(&document).await.expect("submit");
}
