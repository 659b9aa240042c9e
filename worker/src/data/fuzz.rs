//! Fuzz target: files of data sets, and their content as it travels. See the engine of `common/tests/fuzz`.

use std::io::Write;

use bistable_common::sweep::LabelColumn;

use super::{DataError, Dataset, csr, csv, libsvm};
use crate::fuzzing::{Language, Target};

const IMAGES: [u8; 20] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];
const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 1, 0];

const FLOATS: [u8; 20] = [
    0, 0, 0x0d, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0x3f, 0x80, 0, 0, 0xbf, 0x80, 0, 0,
];
const WIDE_LABELS: [u8; 16] = [0, 0, 0x0c, 1, 0, 0, 0, 2, 0, 0, 6, 0x56, 0, 0, 0, 0];

fn sparse() -> Vec<u8> {
    let rows = [(1, vec![(0, 1.0), (4, -2.5)]), (0, vec![(3, 0.5)])];
    let rows = rows
        .into_iter()
        .map(|(label, row)| (label, row.into_iter()));
    let data = Dataset::of_sparse(5, rows).expect("valid");
    data.content().to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).expect("memory takes it");
    packed.finish().expect("memory takes it")
}

/// What is true of every data set.
fn check(data: &Dataset) -> String {
    let last = data.samples() - 1;
    if data.features() <= 1 << 16 {
        data.dense(last, &mut vec![9.0f32; data.features() as usize]);
    }
    for (index, value) in data.sparse::<f32>(last) {
        assert!(index < data.features() && value.is_finite() && value != 0.0);
    }
    assert!(data.label(last) < data.classes());
    let again = Dataset::from_content(data.content().to_vec()).expect("content reads back");
    assert_eq!(again.hash(), data.hash());
    format!("{} samples", data.samples())
}

/// An input is two files: the first byte says where the second begins.
fn read_files(bytes: &[u8]) -> String {
    let (&at, files) = bytes.split_first().unwrap_or((&0, &[]));
    let (images, labels) = files.split_at(usize::from(at).min(files.len()));
    let content = match Dataset::from_content(files.to_vec()) {
        Ok(data) => check(&data),
        Err(error) => error.to_string(),
    };
    match Dataset::from_files(("images", images), ("labels", labels)) {
        Ok(data) => format!("{content}; {}", check(&data)),
        Err(error) => format!("{content}; {error}"),
    }
}

#[test]
fn fuzz_data_sets() {
    let pair = |images: &[u8], labels: &[u8]| {
        let at = u8::try_from(images.len()).expect("a short file");
        [&[at], images, labels].concat()
    };
    // A record of no pixels weighs nothing, however many there are.
    let weightless = [0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 9];
    let target = Target {
        name: "data sets",
        language: Language::Binary,
        seeds: vec![
            pair(&IMAGES, &LABELS),
            pair(&gzip(&IMAGES), &LABELS),
            pair(&gzip(&IMAGES), &gzip(&LABELS)),
            pair(&weightless, &LABELS),
            // Two images, one label.
            pair(&IMAGES, &[0, 0, 8, 1, 0, 0, 0, 1, 1]),
            pair(&gzip(&[0; 1 << 16]), &LABELS),
            pair(&[], &sparse()),
            pair(&FLOATS, &WIDE_LABELS),
        ],
        words: &[
            &[0, 0, 8, 3],
            &[0, 0, 8, 1],
            &[0x1f, 0x8b, 8, 0],
            &[0xff; 4],
            &csr::MAGIC,
            &[0, 0, 0x0d, 2],
            &[0, 0, 0x0c, 1],
        ],
    };
    target.run(read_files);
}

/// The same text as LIBSVM's and as CSV.
fn read_text(bytes: &[u8]) -> String {
    let told = |read: Result<Dataset, DataError>| match read {
        Ok(data) => check(&data),
        Err(error) => error.to_string(),
    };
    let label = LabelColumn::Position(0);
    let name = LabelColumn::Name("label".to_owned());
    [
        told(libsvm::read("file", bytes)),
        told(csv::read("file", bytes, Some(&label))),
        told(csv::read("file", bytes, Some(&name))),
    ]
    .join("; ")
}

#[test]
fn fuzz_text_files() {
    let target = Target {
        name: "text files",
        language: Language::Text,
        seeds: vec![
            b"+1 1:0.5 3:-2 # a comment\n\n-1\r\n-1 2:1e-3\n".to_vec(),
            b"1 16777216:1\n0 1:1\n".to_vec(),
            b"label,a,\"b, \"\"c\"\"\"\n1,2,3\n0,-1e3,0.5\n".to_vec(),
            b"1,2,3\n2,3,4\n".to_vec(),
        ],
        words: &[b"qid:1", b"1e39", b"nan", b"\"", b"#", b"\xef\xbb\xbf"],
    };
    target.run(read_text);
}
