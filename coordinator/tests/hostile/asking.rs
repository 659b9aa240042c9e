//! Clients that submit and ask for absurd things.

use std::fmt::Write;

use bistable_common::wire::v1;
use tonic::{Code, Request};

use super::siege::{Siege, invalid, refused};

fn submission(document: impl Into<String>) -> v1::SubmitSweepRequest {
    v1::SubmitSweepRequest {
        document: document.into(),
        format: v1::DocumentFormat::Toml.into(),
        origin: "hostile.toml".into(),
        priority: Some(i32::MAX),
    }
}

/// A quadratic sweep with a grid.
fn document(top: &str, grid: &str) -> String {
    format!(
        "name = \"n\"\n{top}\n[problem]\nkind = \"quadratic\"\n[grid]\n{grid}\neta_x = 0.1\neta_y = 0.1\n\
         [[solvers]]\npreset = \"tsgd\"\n"
    )
}

fn numbers(count: usize) -> String {
    (1..=count).fold(String::new(), |mut text, number| {
        let _ = write!(text, "{number},");
        text
    })
}

#[tokio::test]
async fn documents_that_nobody_can_run_are_refused_with_the_reason() {
    let siege = Siege::begin().await;
    let many = format!("m1 = [{}]\nK = 1\nT = [{}]", numbers(512), numbers(512));
    let mistakes = (0..40).fold(String::new(), |mut text, number| {
        let _ = write!(
            text,
            "[[solvers]]\nlabel = \"é{number}\"\npreset = \"no such preset ×××\"\n"
        );
        text
    });
    let documents = [
        ("not TOML", "\0\u{1}garbage".to_owned()),
        ("not TOML", "[".repeat(1_000_000)),
        ("at most 1048576 are read", "#".repeat(2 << 20)),
        (
            "replicates",
            document("replicates = 1000000000000000000", "m1 = 1\nK = 1"),
        ),
        (
            "units",
            document("replicates = 1048576", "m1 = 1000000\nK = 1"),
        ),
        (
            "m1",
            document("replicates = 1", "m1 = 1152921504606846976\nK = 1"),
        ),
        (
            "K",
            document("replicates = 1", "m1 = 1\nK = 18446744073709551616"),
        ),
        ("take", document("replicates = 1", &many)),
        (
            "preset",
            document("replicates = 1", "m1 = 1\nK = 1") + &mistakes,
        ),
    ];
    for (why, document) in documents {
        invalid(why, siege.world.sweeps().submit_sweep(submission(document))).await;
    }
    let unnamed = v1::SubmitSweepRequest {
        format: 77,
        ..submission("")
    };
    invalid("format", siege.world.sweeps().submit_sweep(unnamed)).await;
    let wordy = v1::SubmitSweepRequest {
        origin: "o".repeat(1 << 20),
        ..submission("")
    };
    invalid("origin", siege.world.sweeps().submit_sweep(wordy)).await;
    let huge = submission("#".repeat(100 << 20));
    let status = refused(siege.world.sweeps().submit_sweep(huge)).await;
    assert!(matches!(status.code(), Code::OutOfRange), "{status:?}");
    assert_eq!(siege.world.store.sweeps().expect("sweeps").len(), 1);
    siege.ends_well().await;
}

#[tokio::test]
async fn questions_that_mean_nothing_are_refused_with_the_reason() {
    let siege = Siege::begin().await;
    let id = siege.sweep.id().to_string();
    let query = || v1::QueryEstimatesRequest {
        id: id.clone(),
        ..Default::default()
    };
    let level = |level| v1::QueryEstimatesRequest {
        confidence: Some(level),
        ..query()
    };
    let questions = [
        ("confidence", level(2.0)),
        ("confidence", level(f64::NAN)),
        ("confidence", level(f64::NEG_INFINITY)),
        (
            "group_by",
            v1::QueryEstimatesRequest {
                group_by: vec![99],
                ..query()
            },
        ),
        (
            "group_by: 2000 values",
            v1::QueryEstimatesRequest {
                group_by: vec![1; 2000],
                ..query()
            },
        ),
        (
            "k: 1000000 values",
            v1::QueryEstimatesRequest {
                k: vec![1; 1_000_000],
                ..query()
            },
        ),
        (
            "no solver `s",
            v1::QueryEstimatesRequest {
                solvers: vec!["s".repeat(1 << 20)],
                ..query()
            },
        ),
        (
            "id",
            v1::QueryEstimatesRequest {
                id: "é".repeat(1 << 20),
                ..query()
            },
        ),
    ];
    for (why, question) in questions {
        invalid(why, siege.world.results().query_estimates(question.clone())).await;
        let query = Some(question);
        let watch = v1::WatchEstimatesRequest { query };
        invalid(why, siege.world.results().watch_estimates(watch)).await;
    }
    let bare = v1::WatchEstimatesRequest { query: None };
    invalid("query", siege.world.results().watch_estimates(bare)).await;
    for confidence in [f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0] {
        let answer = siege
            .world
            .results()
            .query_estimates(level(confidence))
            .await;
        answer.expect("an odd level is a level");
    }
    let units = vec![v1::SweepUnit {
        cell: u32::MAX,
        replicate: 0,
        block: 0,
    }];
    let retry = v1::RetrySweepRequest {
        id: id.clone(),
        units,
    };
    invalid("has no unit", siege.world.sweeps().retry_sweep(retry)).await;
    let units = vec![v1::SweepUnit::default(); 65_537];
    let retry = v1::RetrySweepRequest { id, units };
    invalid("more than 65536", siege.world.sweeps().retry_sweep(retry)).await;
    let id = "0123456789abcdef".to_owned();
    let unknown = refused(
        siege
            .world
            .sweeps()
            .pause_sweep(v1::PauseSweepRequest { id }),
    )
    .await;
    assert_eq!(unknown.code(), Code::NotFound);
    siege.ends_well().await;
}

#[tokio::test]
async fn watchers_that_never_read_hold_nothing_up() {
    let siege = Siege::begin().await;
    let id = siege.sweep.id().to_string();
    let mut watching = Vec::new();
    for _ in 0..150 {
        let watch = v1::WatchSweepRequest { id: id.clone() };
        let stream = siege.world.sweeps().watch_sweep(watch).await;
        watching.push(stream.expect("a stream").into_inner());
    }
    let other = siege.world.another_connection().await;
    let mut results = v1::result_service_client::ResultServiceClient::new(other);
    let mut estimating = Vec::new();
    for _ in 0..150 {
        let query = Some(v1::QueryEstimatesRequest {
            id: id.clone(),
            ..Default::default()
        });
        let watch = Request::new(v1::WatchEstimatesRequest { query });
        let stream = results.watch_estimates(watch).await;
        estimating.push(stream.expect("a stream").into_inner());
    }
    siege.ends_well().await;
}

#[tokio::test]
async fn nobody_makes_a_coordinator_read_a_file_or_open_an_address() {
    let siege = Siege::begin().await;
    let here = env!("CARGO_MANIFEST_DIR");
    let places = [
        "/etc/passwd".to_owned(),
        "../../etc/passwd".to_owned(),
        format!("{here}/Cargo.toml"),
        format!("{here}/../worker/src/data/mnist5k"),
        "file:///etc/passwd".to_owned(),
        "http://127.0.0.1:1/data".to_owned(),
        "https://example.org/data.csv".to_owned(),
        "ftp://example.org/data".to_owned(),
        "//server/share".to_owned(),
        "s3://bucket/key".to_owned(),
        String::new(),
    ];
    let keys = ["path", "dir", "source", "hash", "url", "file"];
    for (place, key) in places.iter().flat_map(|place| keys.map(|key| (place, key))) {
        for extra in ["", "format = \"csv\"\nlabel = \"y\""] {
            let table = format!("[data]\n{key} = {place:?}\n{extra}\n");
            let document = document("replicates = 1", "m1 = 1\nK = 1").replace(
                "[problem]\nkind = \"quadratic\"",
                "[problem]\nkind = \"reweighting\"",
            );
            let mut sweeps = siege.world.sweeps();
            let call = sweeps.submit_sweep(submission(document + &table));
            let status = refused(call).await;
            assert_eq!(status.code(), Code::InvalidArgument, "{table}: {status:?}");
            let shown = status.message();
            assert!(
                !shown.contains("root:") && !shown.contains("[package]"),
                "{shown}"
            );
            assert!(
                !shown.contains("No such file") && !shown.contains("refused"),
                "{shown}"
            );
        }
    }
    // A place that it does not look at is the same whether it is there or not.
    let mut answers = Vec::new();
    for place in [format!("{here}/Cargo.toml"), format!("{here}/Cargo.none")] {
        let table = format!("[data]\npath = {place:?}\n");
        let document = document("replicates = 1", "m1 = 1\nK = 1").replace(
            "[problem]\nkind = \"quadratic\"",
            "[problem]\nkind = \"reweighting\"",
        );
        let mut sweeps = siege.world.sweeps();
        let status = refused(sweeps.submit_sweep(submission(document + &table))).await;
        answers.push(status.message().replace(&place, "PLACE"));
    }
    assert_eq!(answers[0], answers[1]);
    siege.ends_well().await;
}
