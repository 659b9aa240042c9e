//! Places for connections: so many in all, and fewer for each address, so that one address cannot take them all.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use crate::guard::{is_loopback, network};

/// Who has which places.
#[derive(Clone)]
pub(super) struct Places(Arc<Inner>);

struct Inner {
    total: usize,
    per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("{0} connections are open: one more is closed")]
    Everywhere(usize),
    #[error("{1} has {0} connections: one more is closed")]
    There(usize, IpAddr),
}

/// A place, until it is dropped.
pub(super) struct Place {
    places: Places,
    network: Option<IpAddr>,
}

impl Places {
    pub fn new(total: usize, per_address: usize) -> Self {
        Self(Arc::new(Inner {
            total,
            per_address,
            taken: Mutex::default(),
        }))
    }

    /// Takes a place for a peer. Those on this machine, among them tunnels and proxies, are held to the total only.
    pub fn take(&self, peer: Option<SocketAddr>) -> Result<Place, Full> {
        let network = peer.filter(|peer| !is_loopback(*peer)).map(network);
        self.with(|taken| {
            if taken.total >= self.0.total {
                return Err(Full::Everywhere(self.0.total));
            }
            if let Some(network) = network {
                let there = taken.by_address.entry(network).or_insert(0);
                if *there >= self.0.per_address {
                    return Err(Full::There(*there, network));
                }
                *there += 1;
            }
            taken.total += 1;
            Ok(())
        })?;
        Ok(Place {
            places: self.clone(),
            network,
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Taken) -> T) -> T {
        work(&mut self.0.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.with(|taken| {
            taken.total -= 1;
            if let Some(network) = self.network
                && let Some(there) = taken.by_address.get_mut(&network)
            {
                *there -= 1;
                if *there == 0 {
                    taken.by_address.remove(&network);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<SocketAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn an_address_has_its_share_and_others_have_theirs() {
        let places = Places::new(5, 2);
        let take = |text: &str| places.take(peer(text));
        let first = take("10.0.0.1:1").expect("a place");
        let _second = take("10.0.0.1:2").expect("a place");
        assert!(matches!(take("10.0.0.1:3"), Err(Full::There(2, _))));
        let _other = take("10.0.0.2:1").expect("a place");
        drop(first);
        let _again = take("10.0.0.1:3").expect("a place");
        // This machine's tunnels have as many as there are.
        let near: Vec<_> = (1..=2)
            .map_while(|port| take(&format!("127.0.0.1:{port}")).ok())
            .collect();
        assert_eq!(near.len(), 2);
        assert!(matches!(take("127.0.0.1:9"), Err(Full::Everywhere(5))));
        assert!(matches!(take("10.0.0.3:1"), Err(Full::Everywhere(5))));
    }

    #[test]
    fn nothing_is_kept_of_those_who_left() {
        let places = Places::new(100, 1);
        for number in 0..100 {
            drop(
                places
                    .take(peer(&format!("10.0.0.{number}:1")))
                    .expect("a place"),
            );
        }
        let left = places.with(|taken| (taken.total, taken.by_address.len()));
        assert_eq!(left, (0, 0));
    }
}
