//! How a process is watched: whether it lives, whether it is ready, and its metrics, by plain HTTP.
//!
//! What there is to say is the business of whoever is [`Watched`]; this only answers, to few at a time. Nobody who asks
//! can change anything, and nothing that is asked waits in the process's own queues for longer than a moment.

mod answer;
mod exposition;
mod process;
mod serve;
#[cfg(test)]
mod tests;

use bistable_common::ids::Hash;
use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

pub use self::{exposition::Exposition, serve::Monitor};

/// Labels of a metric whose values are known beforehand.
pub type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Someone who can be asked how it is.
#[tonic::async_trait]
pub trait Watched: Send + Sync + 'static {
    /// Whether its loop runs; why not. Whoever asks may end a process that does not live.
    async fn live(&self) -> Result<(), String>;

    /// Whether it can do what it is for; why not.
    async fn ready(&self) -> Result<(), String>;

    /// What it has counted.
    async fn metrics(&self, exposition: &mut Exposition);
}

/// A registry of metrics whose names begin with `bistable_`.
pub fn registry() -> Registry {
    Registry::with_prefix("bistable")
}

/// Says which build this is, and which numerics it has as soon as that is known.
pub fn build_info(registry: &mut Registry, numerics: Option<Hash>) {
    let family: Family<Vec<(&'static str, String)>, Gauge> = Family::default();
    let numerics = numerics.map_or_else(String::new, |numerics| numerics.to_string());
    let labels = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("numerics", numerics),
    ];
    family.get_or_create(&labels).set(1);
    registry.register(
        "build_info",
        "Version of this process, and the fingerprint of its numerics; always 1",
        family,
    );
}
