//! Fuzz target: every method of every service, by a real connection. See the engine of `common/tests/fuzz`.

use bistable_common::{
    ids::UnitId,
    wire::v1::{self, session_request::Message as Say, upload_data_request::Message as Upload},
};
use prost::{
    Message,
    bytes::{Buf, BufMut, Bytes},
};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

use super::{
    fuzzing::{Language, Target},
    siege::{PATIENCE, nothing_panicked, watch_for_panics},
    support::{NUMERICS, World, hello, key, sweep, trajectory},
};

const METHODS: [&str; 19] = [
    "SweepService/SubmitSweep",
    "SweepService/GetSweep",
    "SweepService/ListSweeps",
    "SweepService/WatchSweep",
    "SweepService/PauseSweep",
    "SweepService/ResumeSweep",
    "SweepService/CancelSweep",
    "SweepService/RetrySweep",
    "SweepService/DeleteSweep",
    "WorkService/Session",
    "WorkService/Beat",
    "WorkService/Report",
    "WorkService/StatData",
    "WorkService/FetchData",
    "WorkService/UploadData",
    "ResultService/QueryEstimates",
    "ResultService/WatchEstimates",
    "ResultService/StreamTrajectories",
    "NoService/NoMethod",
];

const DOCUMENT: &str = "name = \"n\"\nreplicates = 1\n[problem]\nkind = \"quadratic\"\n[grid]\nm1 = 16\nK = [2, 4]\n\
                        eta_x = 0.1\neta_y = 0.1\n[[solvers]]\npreset = \"ssgd\"\n";

/// An input: what is sent to which method. A message itself, so that mutations reach into what it sends.
#[derive(Clone, PartialEq, Message)]
struct Call {
    #[prost(uint32, tag = "1")]
    method: u32,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    messages: Vec<Bytes>,
}

/// Messages as the bytes that they are.
#[derive(Clone, Copy)]
struct AsBytes;

impl Codec for AsBytes {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, bytes: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(bytes);
        Ok(())
    }
}

impl Decoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Makes a call and reads the first of its answers.
async fn call(channel: Channel, call: Call) -> Result<String, Status> {
    let method = METHODS[call.method as usize % METHODS.len()];
    let path = format!("/bistable.v1.{method}");
    let path = PathAndQuery::try_from(path).expect("a path");
    let mut client = Grpc::new(channel);
    client.ready().await.expect("the connection lives");
    let said = Request::new(tokio_stream::iter(call.messages));
    let answers = client.streaming(said, path, AsBytes).await?;
    let first = answers.into_inner().message().await?;
    Ok(format!("{method} {}", first.is_some()))
}

fn one(method: &str, message: impl Message) -> Call {
    several(method, vec![message])
}

fn several(method: &str, messages: Vec<impl Message>) -> Call {
    let named = |known: &str| known.ends_with(&format!("/{method}"));
    let method = METHODS.iter().position(|known| named(known));
    Call {
        method: method.expect("a method") as u32,
        messages: messages.iter().map(|m| m.encode_to_vec().into()).collect(),
    }
}

fn calls_of_clients(id: &str) -> Vec<Call> {
    let id = || id.to_owned();
    let query = v1::QueryEstimatesRequest {
        id: id(),
        solvers: vec!["ssgd".into()],
        k: vec![2],
        group_by: vec![1, 4],
        confidence: Some(0.9),
        ..Default::default()
    };
    let submission = v1::SubmitSweepRequest {
        document: DOCUMENT.into(),
        format: v1::DocumentFormat::Toml.into(),
        origin: "n.toml".into(),
        priority: Some(3),
    };
    let retry = v1::RetrySweepRequest {
        id: id(),
        units: vec![v1::SweepUnit::default()],
    };
    let export = v1::StreamTrajectoriesRequest {
        id: id(),
        cells: vec![0],
        replicates: vec![0],
    };
    vec![
        one("SubmitSweep", submission),
        one("GetSweep", v1::GetSweepRequest { id: id() }),
        one("ListSweeps", v1::ListSweepsRequest {}),
        one("WatchSweep", v1::WatchSweepRequest { id: id() }),
        one("PauseSweep", v1::PauseSweepRequest { id: id() }),
        one("ResumeSweep", v1::ResumeSweepRequest { id: id() }),
        one("RetrySweep", retry),
        one("QueryEstimates", query.clone()),
        one(
            "WatchEstimates",
            v1::WatchEstimatesRequest { query: Some(query) },
        ),
        one("StreamTrajectories", export),
    ]
}

fn calls_of_workers(unit: UnitId, trajectory: Vec<u8>) -> Vec<Call> {
    let report = v1::ReportRequest {
        worker: "w".into(),
        numerics: NUMERICS.0.to_vec().into(),
        build: "test".into(),
        units: vec![v1::UnitReport {
            unit: Some(unit.into()),
            token: vec![0; 16].into(),
            trajectory: trajectory.into(),
            compute_us: 5,
            computed_us: 0,
        }],
        sent_us: 0,
    };
    let said = [
        Say::Hello(hello("w")),
        Say::Credit(v1::Credit { leases: 2 }),
        Say::Finished(v1::Finished {
            token: vec![0; 16].into(),
        }),
    ];
    let said = said.map(|message| v1::SessionRequest {
        message: Some(message),
    });
    let beat = v1::BeatRequest {
        worker: "w".into(),
        tokens: vec![vec![0; 16].into()],
    };
    let hash = || vec![3; 32].into();
    let upload = [
        Upload::Header(v1::UploadHeader {
            hash: hash(),
            total_bytes: 4,
        }),
        Upload::Chunk(vec![1, 2, 3, 4].into()),
    ];
    let upload = upload.map(|message| v1::UploadDataRequest {
        message: Some(message),
    });
    vec![
        one("Report", report),
        several("Session", said.to_vec()),
        several("Beat", vec![beat; 2]),
        one("StatData", v1::StatDataRequest { hash: hash() }),
        one("FetchData", v1::FetchDataRequest { hash: hash() }),
        several("UploadData", upload.to_vec()),
    ]
}

#[test]
fn fuzz_requests() {
    watch_for_panics();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let sweep = sweep(1, 1);
    let world = runtime.block_on(World::of(&sweep));
    let unit = UnitId {
        sweep: sweep.id(),
        key: key(0, 0, 0),
    };
    let bits = trajectory(&sweep, unit.key, 0.5).encode();
    let calls = [
        calls_of_clients(&sweep.id().to_string()),
        calls_of_workers(unit, bits),
    ];
    let target = Target {
        name: "requests",
        language: Language::Messages,
        seeds: calls.concat().iter().map(Call::encode_to_vec).collect(),
        words: &[&[0; 16], &[7; 32], &[0xff; 9], b"\n"],
    };
    target.run(|bytes| {
        let Ok(said) = Call::decode(bytes) else {
            return "no call".into();
        };
        let answer = call(world.channel(), said);
        let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, answer).await });
        match answer.expect("an answer in time") {
            Ok(answer) => answer,
            Err(status) => {
                let broken = matches!(status.code(), tonic::Code::Internal | tonic::Code::Unknown);
                assert!(!broken || is_framing(&status), "{status:?}");
                format!("{:?} {}", status.code(), status.message())
            }
        }
    });
    let alive = runtime.block_on(world.sweeps().list_sweeps(v1::ListSweepsRequest {}));
    alive.expect("the server goes on");
    nothing_panicked();
}

/// What the library says of bytes that are no message, and of calls without one.
fn is_framing(status: &Status) -> bool {
    let message = status.message();
    message.contains("failed to decode Protobuf message")
        || message.contains("Missing request message")
}
