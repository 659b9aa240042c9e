//! Fuzz targets of what a worker reads: files of data sets, and what coordinators and users send. See the engine of
//! `common/tests/fuzz`.

use std::io::Write;

use bistable_common::{ids::LeaseToken, sweep::Sweep, wire::v1};
use prost::Message;

use crate::{
    data::Dataset,
    fuzzing::{Language, Target},
    link::{Address, Lease},
    testing,
};

const IMAGES: [u8; 20] = [
    0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4,
];
const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 1, 0];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).expect("memory takes it");
    packed.finish().expect("memory takes it")
}

/// What is true of every data set.
fn check(data: &Dataset) -> String {
    let last = data.samples() - 1;
    assert_eq!(data.image(last).len(), data.features() as usize);
    assert!(u32::from(data.label(last)) < data.classes());
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
            pair(&gzip(&[0; 1 << 16]), &LABELS),
        ],
        words: &[&[0, 0, 8, 3], &[0, 0, 8, 1], &[0x1f, 0x8b, 8, 0], &[0xff; 4]],
    };
    target.run(read_files);
}

fn read_letter(sweep: &Sweep, bytes: &[u8]) -> String {
    use v1::session_response::Message as Heard;
    let address = String::from_utf8_lossy(bytes).parse::<Address>();
    if let Ok(address) = address {
        assert_eq!(address.to_string().parse(), Ok(address.clone()));
        let _ = address.endpoint();
        return "an address".into();
    }
    let heard = match v1::SessionResponse::decode(bytes) {
        Ok(response) => response.message,
        Err(error) => return error.to_string(),
    };
    match heard {
        Some(Heard::Lease(lease)) => match Lease::try_from(lease) {
            Ok(lease) => match lease.check_against(sweep) {
                Ok(()) => format!("a lease of {}", lease.blocks.len()),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        },
        Some(Heard::Sweep(document)) => match Sweep::from_canonical_json(&document.canonical_json) {
            Ok(_) => "a sweep".into(),
            Err(error) => error.to_string(),
        },
        Some(Heard::Revoke(v1::Revoke { token })) => match LeaseToken::try_from(&token[..]) {
            Ok(_) => "a revocation".into(),
            Err(error) => error.to_string(),
        },
        Some(Heard::Welcome(_)) => "welcome".into(),
        None => "nothing".into(),
    }
}

#[test]
fn fuzz_letters_and_addresses() {
    use v1::session_response::Message as Heard;
    let sweep = testing::sweep();
    let letters = [
        Heard::Welcome(v1::Welcome {
            beat_interval_ms: 1000,
        }),
        Heard::Sweep(v1::SweepDocument {
            sweep: sweep.id().to_string(),
            canonical_json: sweep.to_canonical_json(),
        }),
        Heard::Lease(v1::Lease {
            token: vec![7; 16].into(),
            sweep: sweep.id().to_string(),
            cell: 0,
            replicate: 1,
            first_block: 0,
            end_block: 2,
            attempt: 1,
        }),
        Heard::Revoke(v1::Revoke {
            token: vec![7; 16].into(),
        }),
    ];
    let letters = letters.map(|message| {
        let message = Some(message);
        v1::SessionResponse { message }.encode_to_vec()
    });
    let addresses = ["http://node7:7431", "[::1]:80", "10.0.0.1", "a.b:1/"];
    let addresses = addresses.map(|text| text.as_bytes().to_vec());
    let target = Target {
        name: "letters and addresses",
        language: Language::Messages,
        seeds: [letters, addresses].concat(),
        words: &[b"[", b"]", b":", b"@", b"%", b"http://", b"::", b"65536", &[0xff; 9]],
    };
    target.run(|bytes| read_letter(&sweep, bytes));
}
