//! The generated protocol, and every conversion between it and the domain. No other module sees a protobuf type but the
//! services and clients that send it.

mod trajectory;
mod unit;

pub use unit::InvalidUnit;

/// The generated types of `bistable.v1`.
#[allow(missing_docs, clippy::all, unused_qualifications)]
pub mod v1 {
    tonic::include_proto!("bistable.v1");
}

/// The compiled protocol, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bistable.bin"));

/// The version of the session protocol that this build speaks. Version 1 had no coordinator's version in its welcome.
pub const PROTOCOL: u32 = 2;

/// Whether this build works with one that speaks `other`: a version more or less, so that a fleet can be upgraded one
/// process after the other.
pub fn understands(other: u32) -> bool {
    other != 0 && other.abs_diff(PROTOCOL) <= 1
}

/// The largest chunk of a data set in a message.
pub const CHUNK_BYTES: usize = 1 << 20;

/// The largest message of a session that a worker reads: a sweep of [`crate::sweep::MAX_CANONICAL_BYTES`] among them.
pub const MAX_LETTER_BYTES: usize = crate::sweep::MAX_CANONICAL_BYTES + (1 << 20);

/// The metadata of an UNAVAILABLE answer that says where the leading coordinator can be reached; empty while nobody leads.
pub const LEADER_KEY: &str = "bistable-leader";

/// The metadata of a RESOURCE_EXHAUSTED answer that says how many milliseconds to wait before the next try.
pub const PUSHBACK_KEY: &str = "grpc-retry-pushback-ms";
