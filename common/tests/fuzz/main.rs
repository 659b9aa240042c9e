//! Fuzz targets of the vocabulary: sweep documents, canonical sweeps, trajectories, names. See `engine`.

mod engine;

use std::path::Path;

use bistable_common::{
    draw::measured_order,
    ids::{CellId, Hash, LeaseToken, Replicate, SweepId, UnitId},
    plan::Plan,
    sweep::{
        Catalog, DataInfo, DataSource, Format, Indices, Source, Sweep, data_source, parse,
        with_data_hash,
    },
    trajectory::{CurvePoint, Experiment, Record, ReplaceOne, Stop, Trajectory, curve_rounds},
    wire::v1,
};
use engine::{Language, Target};
use prost::Message;

/// Knows every data set.
struct Shelf;

impl Catalog for Shelf {
    fn resolve(&self, source: &DataSource) -> Result<DataInfo, String> {
        if let DataSource::Hash(Hash([0, ..])) = source {
            return Err("unknown here".into());
        }
        // Digits, and files of two classes.
        let two = Hash::of(b"two");
        let (hash, classes) = match source {
            DataSource::Path(..) => (two, 2),
            DataSource::Hash(hash) if *hash == two => (two, 2),
            _ => (Hash::of(b"ten"), 10),
        };
        Ok(DataInfo {
            hash,
            samples: 60_000,
            features: 784,
            classes,
            name: "shelf".into(),
        })
    }
}

/// The hash of the data that a document names.
fn shelved(source: &Source) -> Hash {
    let named = data_source(source).ok().flatten();
    let info = named.and_then(|named| Shelf.resolve(&named).ok());
    info.map_or(Hash::of(b"x"), |info| info.hash)
}

/// The sweeps in `deploy/examples`.
fn examples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples");
    let files = std::fs::read_dir(folder).expect("the examples");
    let paths = files.map(|file| file.expect("a file").path());
    let sweeps = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    let mut texts: Vec<String> = sweeps
        .map(|path| std::fs::read_to_string(path).expect("a text"))
        .collect();
    texts.sort();
    texts
}

fn source(text: &str, format: Format) -> Source<'_> {
    Source {
        name: "sweep",
        text,
        format,
    }
}

const KEYS: [&[u8]; 48] = [
    b"name = \"n\"\n",
    b"replicates = ",
    b"seed = ",
    b"indices = ",
    b"\"all\"",
    b"test = ",
    b"precision = \"f64\"\n",
    b"confidence = 0.9\n",
    b"[problem]\n",
    b"kind = \"quadratic\"\n",
    b"kind = \"reweighting\"\n",
    b"hidden = [16384, 16384]\n",
    b"activation = \"tanh\"\n",
    b"dim_x = 1024\n",
    b"mu_f = ",
    b"l_g = ",
    b"kind = \"logistic\"\n",
    b"kind = \"binary_logistic\"\n",
    b"family = \"nc-nc\"\n",
    b"kappa_f = 2\n",
    b"coupling = 0.5\n",
    b"log_penalty = -3\n",
    b"[data]\n",
    b"path = \"a.csv\"\nlabel = 0\n",
    b"format = \"libsvm\"\n",
    b"source = \"mnist5k\"\n",
    b"dir = \"data\"\n",
    b"hash = ",
    b"[grid]\n",
    b"m1 = [",
    b"K = [",
    b"T = [1, 65536]\n",
    b"m2 = ",
    b"eta_x = { rule = \"geometric\", c = 5.0, ratio = 0.5 }\n",
    b"rule = \"theorem2\"",
    b"clock = \"inner\"",
    b"batch_y = 65536\n",
    b"[[solvers]]\n",
    b"preset = \"ud\"\n",
    b"label = \"l\"\n",
    b"start = \"reinit\"\n",
    b"order = \"simultaneous\"\n",
    b"direction = \"unrolled\"\n",
    b"sampling = \"epoch\"\n",
    b"\xc3\xa9",
    b"\"\"\"",
    b"\\u0000",
    b"1979-05-27",
];

/// Reads a document in every way; the answer, and what must be true of it.
fn read_document(bytes: &[u8], format: Format) -> String {
    let text = String::from_utf8_lossy(bytes);
    let source = source(&text, format);
    let named = data_source(&source);
    let hashed = with_data_hash(&source, shelved(&source));
    match parse(&source, &Shelf) {
        Ok(sweep) => {
            assert!(named.is_ok(), "a sweep's data source can be read alone");
            let hashed = hashed.expect("a sweep can be sent");
            let sent = parse(&self::source(&hashed, Format::Json), &Shelf);
            assert!(sent.expect("what is sent can be read").facts() == sweep.facts());
            check_sweep(&sweep)
        }
        Err(error) => {
            let rendered = error.render();
            assert!(rendered.contains('×'), "{rendered}");
            error.to_string()
        }
    }
}

/// What is true of every checked sweep.
fn check_sweep(sweep: &Sweep) -> String {
    let json = sweep.to_canonical_json();
    let again = Sweep::from_canonical_json(&json).expect("a checked sweep reads back");
    assert!(again == *sweep, "and is the same");
    assert_eq!(again.id(), sweep.id());
    assert_eq!(again.to_canonical_json(), json);
    let plan = Plan::new(sweep.facts());
    let units: u64 = (0..plan.cells())
        .map(|cell| u64::from(plan.blocks(CellId(cell))) * u64::from(plan.replicates()))
        .sum();
    assert_eq!(plan.units(), units);
    let cell = sweep.cell(CellId(0));
    assert!(curve_rounds(&cell.ks).len() <= cell.ks.len() + 50);
    if cell.m1 < 1000 && sweep.facts().indices == Indices::All {
        let order = measured_order(sweep.facts(), cell, Replicate(0), &[]);
        assert_eq!(order.len(), cell.m1 as usize);
    }
    format!("a sweep of {units}")
}

#[test]
fn fuzz_toml_documents() {
    let target = Target {
        name: "toml documents",
        language: Language::Text,
        seeds: examples().into_iter().map(String::into_bytes).collect(),
        words: &KEYS,
    };
    target.run(|bytes| read_document(bytes, Format::Toml));
}

#[test]
fn fuzz_json_documents_and_canonical_sweeps() {
    let sweeps = examples().into_iter().map(|text| {
        let written = source(&text, Format::Toml);
        let sweep = parse(&written, &Shelf).expect("an example is right");
        let document = with_data_hash(&written, shelved(&written)).expect("it can be sent");
        [
            document.into_bytes(),
            sweep.to_canonical_json().into_bytes(),
        ]
    });
    let target = Target {
        name: "json documents and canonical sweeps",
        language: Language::Text,
        seeds: sweeps.flatten().collect(),
        words: &[
            b"null",
            b"[]",
            b"{}",
            b"\"\\ud800\"",
            b"\"\\u0000\"",
            b",",
            b":",
            b"1e400",
            b"{\"count\":0}",
            b"\"all\"",
            b"\"seed\":",
            b"[[[[[[[[[[[[[[[[[[",
            b"\"ks\":[1,2]",
            b"\"name\":\"n\",",
        ],
    };
    target.run(|bytes| {
        let document = read_document(bytes, Format::Json);
        let text = String::from_utf8_lossy(bytes);
        match Sweep::from_canonical_json(&text) {
            Ok(sweep) => check_sweep(&sweep),
            Err(error) => format!("{document}; {error}"),
        }
    });
}

fn trajectory() -> Trajectory {
    let losses = ReplaceOne {
        perturbed_at_original: 1.0,
        base_at_original: -0.0,
        base_at_replacement: 1e-300,
        perturbed_at_replacement: 4.0,
    };
    let record = |error| Record {
        dx2: 0.5,
        dy2: 0.25,
        dz2: None,
        loss: losses,
        error,
    };
    let saddle = Record {
        dz2: Some(0.125),
        ..record(None)
    };
    let experiment = |index, records| Experiment {
        index,
        first_drawn: Some(3),
        stop: Stop::Diverged { at: 9 },
        records,
    };
    let point = |error| CurvePoint {
        k: 4,
        val_loss: 1.0,
        test_loss: 2.0,
        val_error: error,
        test_error: error,
        drawn: 7,
    };
    Trajectory {
        base_stop: Stop::Completed,
        base_states: vec![[7; 32]; 3],
        curve: vec![point(None), point(Some(0.5))],
        experiments: vec![
            experiment(0, vec![record(None); 3]),
            experiment(5, vec![record(Some(losses)), saddle]),
            experiment(9, vec![]),
        ],
    }
}

#[test]
fn fuzz_trajectories() {
    let target = Target {
        name: "trajectories",
        language: Language::Binary,
        seeds: vec![trajectory().encode()],
        words: &[&[0; 8], &[0xff; 8], &[0; 32], &[1, 0, 0, 0, 0, 0, 0, 0]],
    };
    target.run(|bytes| match Trajectory::decode(bytes) {
        Ok(trajectory) => {
            assert_eq!(trajectory.encode(), bytes, "equal facts have equal bytes");
            let unit = UnitId {
                sweep: SweepId([1; 8]),
                key: bistable_common::ids::UnitKey {
                    cell: CellId(0),
                    replicate: Replicate(0),
                    block: bistable_common::ids::Block(0),
                },
            };
            let message = v1::StreamTrajectoriesResponse::new(unit, &[1, 2, 3], trajectory);
            let lengths = (message.base.len(), message.curve.len());
            format!("a trajectory of {lengths:?}")
        }
        Err(error) => error.to_string(),
    });
}

/// Texts and bytes that name things.
fn read_names(bytes: &[u8]) -> String {
    let mut answer = String::new();
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(hash) = text.parse::<Hash>() {
            assert_eq!(hash.to_string(), text.to_lowercase());
            answer += "hash ";
        }
        if let Ok(id) = text.parse::<SweepId>() {
            assert_eq!(id.to_string(), text.to_lowercase());
            answer += "sweep ";
        }
    }
    if let Ok(hash) = Hash::try_from(bytes) {
        assert_eq!(hash.to_string().parse(), Ok(hash));
        answer += "hash bytes ";
    }
    if let Ok(token) = LeaseToken::try_from(bytes) {
        assert_eq!(token.0, *bytes);
        answer += "token ";
    }
    match v1::UnitId::decode(bytes).map(UnitId::try_from) {
        Ok(Ok(unit)) => {
            assert_eq!(UnitId::try_from(v1::UnitId::from(unit)), Ok(unit));
            answer + "unit"
        }
        Ok(Err(error)) => format!("{answer}{error}"),
        Err(error) => format!("{answer}{error}"),
    }
}

#[test]
fn fuzz_names() {
    let unit = v1::UnitId {
        sweep: "0123456789abcdef".into(),
        cell: 3,
        replicate: 200,
        block: 70_000,
    };
    let target = Target {
        name: "names",
        language: Language::Messages,
        seeds: vec![
            unit.encode_to_vec(),
            b"0123456789abcdef".to_vec(),
            Hash::of(b"x").to_string().into_bytes(),
            vec![7; 16],
            vec![7; 32],
        ],
        words: &[b"+1", b"0x", b"F", "é".as_bytes(), &[0xff; 9]],
    };
    target.run(read_names);
}
