//! Fuzz targets: what workers say, what they report and what becomes of it, what readers ask. See the engine of
//! `common/tests/fuzz`.

use bistable_common::{
    draw::measured_order,
    ids::{Block, CellId, Hash, Replicate, UnitId},
    plan::Plan,
    sweep::Sweep,
    trajectory::{CurvePoint, Experiment, Record, ReplaceOne, Stop, Trajectory, curve_rounds},
    wire::{
        PROTOCOL,
        v1::{self, session_request::Message as Said},
    },
};
use prost::Message;

use super::{
    estimate_wire::{query_from_wire, to_wire},
    orders::Orders,
    query::check_solvers,
    report::read,
    session::{check_hello, event},
};
use crate::{
    board::{Priority, SessionId, Timestamp, fixture},
    dispatch::{Known, Registry},
    estimate::{Query, report},
    fuzzing::{Language, Target},
    store::{Lifecycle, StoreAddress},
};

const NUMERICS: Hash = Hash([7; 32]);

fn hello() -> v1::Hello {
    v1::Hello {
        protocol: PROTOCOL,
        worker: "w".into(),
        host: "host".into(),
        slots: 2,
        numerics: NUMERICS.0.to_vec().into(),
        build: "test".into(),
        held: vec![vec![1; 16].into(), vec![2; 16].into()],
        remaining_ms: Some(1000),
        proof: vec![3; 16].into(),
    }
}

fn read_said(bytes: &[u8]) -> String {
    let request = match v1::SessionRequest::decode(bytes) {
        Ok(request) => request,
        Err(error) => return error.to_string(),
    };
    if let Some(Said::Hello(hello)) = request.message {
        return match check_hello(hello, NUMERICS) {
            Ok(arrival) => {
                assert!(arrival.slots > 0 && arrival.host.len() <= 256);
                "an arrival".into()
            }
            Err(error) => error.to_string(),
        };
    }
    match event(SessionId(1), request) {
        Ok(event) => {
            let told = format!("{event:?}");
            assert!(told.len() < 200_000, "{} bytes are kept", told.len());
            told
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn fuzz_what_workers_say() {
    let unit = v1::UnitId {
        sweep: "0123456789abcdef".into(),
        ..v1::UnitId::default()
    };
    let failed = v1::UnitFailed {
        token: vec![1; 16].into(),
        unit: Some(unit),
        error: format!("x{}", "é".repeat(3000)),
        kind: v1::FailureKind::Data.into(),
        log: vec!["one".into(), "two".repeat(4000)],
    };
    let token = || vec![1; 16].into();
    let said = [
        Said::Hello(hello()),
        Said::Credit(v1::Credit { leases: 3 }),
        Said::HandBack(v1::HandBack { token: token() }),
        Said::Finished(v1::Finished { token: token() }),
        Said::UnitFailed(failed),
    ];
    let said = said.map(|message| {
        let message = Some(message);
        v1::SessionRequest { message }.encode_to_vec()
    });
    let target = Target {
        name: "what workers say",
        language: Language::Messages,
        seeds: said.to_vec(),
        words: &[&[7; 32], &[1; 16], "é".as_bytes(), &[0xff; 9], &[0xf0]],
    };
    target.run(read_said);
}

fn known(sweep: &Sweep) -> Known {
    Known {
        plan: Plan::new(sweep.facts()),
        canonical_json: sweep.to_canonical_json(),
        sweep: sweep.clone(),
        submitted_at: Timestamp(1),
        lifecycle: Lifecycle::Running,
        priority: Priority::default(),
        foreign: false,
    }
}

/// What the one unit of a replicate returns.
fn trajectory(sweep: &Sweep, replicate: u32) -> Trajectory {
    let cell = sweep.cell(CellId(0));
    let losses = ReplaceOne {
        perturbed_at_original: 1.0,
        base_at_original: 2.0,
        base_at_replacement: 3.0,
        perturbed_at_replacement: 5.0,
    };
    let record = Record {
        dx2: 0.5,
        dy2: 0.25,
        dz2: None,
        loss: losses,
        error: None,
    };
    let point = |k| CurvePoint {
        k,
        val_loss: 1.0,
        test_loss: 2.0,
        val_error: None,
        test_error: None,
        drawn: k,
    };
    let order = measured_order(sweep.facts(), cell, Replicate(replicate), &[]);
    Trajectory {
        base_stop: Stop::Completed,
        base_states: vec![[1; 32]; cell.ks.len()],
        curve: curve_rounds(&cell.ks).into_iter().map(point).collect(),
        experiments: order
            .into_iter()
            .map(|index| Experiment {
                index,
                first_drawn: Some(0),
                stop: Stop::Completed,
                records: vec![record; cell.ks.len()],
            })
            .collect(),
    }
}

/// Estimates of two replicates, of which `first` is one: whatever is stored must be readable.
fn estimates(sweep: &Sweep, query: &Query, first: &Trajectory) -> String {
    let runs = |_, Replicate(replicate)| {
        let unit = match replicate {
            0 => first.clone(),
            _ => trajectory(sweep, replicate),
        };
        Ok::<_, std::convert::Infallible>(vec![(Block(0), unit)])
    };
    let Ok(report) = report(sweep, query, runs, false);
    let answer = to_wire(report, sweep);
    let ends = |estimate: &v1::Estimate| estimate.beta1.map(|beta| beta.lo.is_some());
    let ends: Vec<_> = answer.estimates.iter().map(ends).collect();
    format!("digest {} {ends:?}", answer.digest.is_some())
}

#[test]
fn fuzz_reports_and_what_becomes_of_them() {
    let sweep = fixture::sweep(3, 2, 1);
    let (registry, orders) = (Registry::default(), Orders::default());
    registry.put(known(&sweep));
    let diverged = |at| {
        let mut trajectory = trajectory(&sweep, 0);
        trajectory.experiments[1].stop = Stop::Diverged { at };
        trajectory.experiments[1].records.truncate(1);
        trajectory
    };
    let reports = [trajectory(&sweep, 0), diverged(3)].map(|trajectory| {
        let unit = UnitId {
            sweep: sweep.id(),
            key: fixture::unit(0, 0),
        };
        let unit = v1::UnitReport {
            unit: Some(unit.into()),
            token: vec![0; 16].into(),
            trajectory: trajectory.encode().into(),
            compute_us: 7,
            computed_us: 0,
        };
        v1::ReportRequest {
            worker: "w".into(),
            numerics: NUMERICS.0.to_vec().into(),
            build: "test".into(),
            units: vec![unit],
            sent_us: 0,
        }
        .encode_to_vec()
    });
    let target = Target {
        name: "reports",
        language: Language::Messages,
        seeds: reports.to_vec(),
        words: &[
            &[0; 8],
            &[0xff; 8],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xef, 0x7f],
        ],
    };
    target.run(|bytes| {
        let request = match v1::ReportRequest::decode(bytes) {
            Ok(request) => request,
            Err(error) => return error.to_string(),
        };
        match read(&registry, &orders, request) {
            Ok(results) => {
                let known = results
                    .iter()
                    .filter(|result| result.unit.sweep == sweep.id());
                let told = known.map(|result| {
                    let trajectory = Trajectory::decode(&result.trajectory);
                    let trajectory = trajectory.expect("what is recorded can be read");
                    estimates(&sweep, &Query::default(), &trajectory)
                });
                told.collect()
            }
            Err(error) => error.to_string(),
        }
    });
}

fn kind_of(address: &StoreAddress) -> String {
    assert!(!address.to_string().is_empty());
    match address {
        StoreAddress::Sqlite(_) => "a file".into(),
        StoreAddress::Postgres(_) => "a database".into(),
    }
}

#[test]
fn fuzz_questions_and_addresses() {
    let sweep = fixture::sweep(3, 2, 1);
    let first = trajectory(&sweep, 0);
    let question = v1::QueryEstimatesRequest {
        id: sweep.id().to_string(),
        solvers: vec!["ssgd".into()],
        m1: vec![3],
        k: vec![2, 4],
        t: vec![1],
        group_by: vec![v1::Axis::K.into(), v1::Axis::Solver.into()],
        confidence: Some(1.0 - f64::EPSILON / 2.0),
    };
    let addresses = [
        "results.sqlite",
        "sqlite://a/b",
        "postgres://me:secret@db:5432/x?sslmode=disable",
        "postgresql://me@%2Frun%2Fpg/x?connect_timeout=1&host=a,b&port=1,2",
    ];
    let addresses = addresses.map(|text| text.as_bytes().to_vec());
    let target = Target {
        name: "questions and addresses",
        language: Language::Messages,
        seeds: [vec![question.encode_to_vec()], addresses.to_vec()].concat(),
        words: &[
            b"%",
            b"%00",
            b"@",
            b"[",
            b"://",
            b"?",
            b"&",
            b",",
            b"hostaddr=",
            b"keepalives=",
            b"target_session_attrs=",
            &[0xff; 9],
        ],
    };
    target.run(|bytes| {
        let address = String::from_utf8_lossy(bytes).parse::<StoreAddress>();
        let address = address.map_or_else(|error| error.to_string(), |address| kind_of(&address));
        match v1::QueryEstimatesRequest::decode(bytes).map(query_from_wire) {
            Ok(Ok((_, query))) => match check_solvers(&sweep, &query) {
                Ok(()) => estimates(&sweep, &query, &first),
                Err(error) => error.to_string(),
            },
            Ok(Err(status)) => status.message().to_owned(),
            Err(error) => format!("{error} {address}"),
        }
    });
}
