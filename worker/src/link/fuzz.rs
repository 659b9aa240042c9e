//! Fuzz target: what coordinators say, and where users say they are. See the engine of `common/tests/fuzz`.

use bistable_common::{
    ids::LeaseToken,
    sweep::Sweep,
    wire::v1::{self, session_response::Message as Heard},
};
use prost::Message;

use super::{Address, lease::Lease};
use crate::{
    fuzzing::{Language, Target},
    testing,
};

fn read_letter(sweep: &Sweep, bytes: &[u8]) -> String {
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
        Some(Heard::Sweep(document)) => {
            match Sweep::from_canonical_json(&document.canonical_json) {
                Ok(_) => "a sweep".into(),
                Err(error) => error.to_string(),
            }
        }
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
    let facts = testing::quadratic_facts(40, 10);
    let sweep = Sweep::new("fuzz".into(), 0.9, testing::names(&facts), facts);
    let sweep = sweep.expect("a sweep");
    let letters = [
        Heard::Welcome(v1::Welcome {
            beat_interval_ms: 1000,
            ..Default::default()
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
        words: &[
            b"[", b"]", b":", b"@", b"%", b"http://", b"::", b"65536", &[0xff; 9],
        ],
    };
    target.run(|bytes| read_letter(&sweep, bytes));
}
