//! Who a worker says it is.

use std::{env, fs};

use bistable_common::{
    ids::Hash,
    wire::{PROTOCOL, v1},
};

use super::surroundings::Name;

/// The hello of a new worker process.
pub(super) fn hello(name: Name, threads: usize, numerics: Hash) -> v1::Hello {
    let Name {
        worker,
        host,
        proof,
    } = name;
    v1::Hello {
        protocol: PROTOCOL,
        worker,
        host,
        slots: u32::try_from(threads).unwrap_or(u32::MAX),
        numerics: numerics.0.to_vec().into(),
        build: env!("CARGO_PKG_VERSION").to_owned(),
        // What changes from session to session is the connector's to fill in.
        held: Vec::new(),
        remaining_ms: None,
        proof: proof.to_vec().into(),
    }
}

/// What every report says of the worker of `hello`.
pub(super) fn sender(hello: &v1::Hello) -> v1::ReportRequest {
    v1::ReportRequest {
        worker: hello.worker.clone(),
        numerics: hello.numerics.clone(),
        build: hello.build.clone(),
        units: Vec::new(),
        // Said when it is sent.
        sent_us: 0,
    }
}

/// What this machine is called.
pub fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}
