//! What coordinators and workers find around them, as functions of a seed.

use std::{
    sync::{Arc, LazyLock, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use bistable_common::{
    ids::{Block, Hash, UnitId},
    trajectory::Trajectory,
};
use bistable_worker::{
    kernel::Simd,
    link::{
        Address, Bearer, Name, NoConnection, Numerics, Pace, Place, Runner, Surroundings, Wire,
    },
    unit::{RunError, Work},
};

use super::{network, trace::Moment};
use crate::{board::Timestamp, machine::Machine, random::Random, server::ServerError};

/// The fingerprint of the numerics, which takes a moment.
pub static FINGERPRINT: LazyLock<Hash> = LazyLock::new(|| Numerics(Simd::any()).fingerprint());

/// The numerics of this build.
pub struct Known;

impl Runner for Known {
    fn fingerprint(&self) -> Hash {
        *FINGERPRINT
    }

    fn run(
        &self,
        work: &Work,
        stop: &AtomicBool,
        done: &mut dyn FnMut(Block, Trajectory),
    ) -> Result<(), RunError> {
        Numerics(Simd::any()).run(work, stop, done)
    }
}

/// Chance that several may share.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<Random>>);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Random::new(seed))))
    }

    pub fn next(&self) -> u64 {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        random.next()
    }
}

/// A coordinator's machine, whose clock may be wrong.
pub struct Site {
    pub moment: Moment,
    pub ahead: Duration,
    pub chance: Chance,
}

impl Machine for Site {
    fn time(&self) -> Timestamp {
        self.moment.now() + self.ahead
    }

    fn secret(&self) -> Result<[u8; 32], ServerError> {
        let bytes = [(); 4].map(|()| self.chance.next().to_le_bytes());
        Ok(std::array::from_fn(|index| bytes[index / 8][index % 8]))
    }
}

/// What a worker finds around it.
pub struct Node {
    pub host: String,
    pub chance: Chance,
}

/// How long a unit takes at most.
const SLOWEST_MS: u64 = 6_000;

#[tonic::async_trait]
impl Surroundings for Node {
    fn name(&self) -> Name {
        let halves = [(); 2].map(|()| self.chance.next().to_le_bytes());
        Name {
            worker: format!("{}-{:08x}", self.host, self.chance.next() >> 32),
            host: self.host.clone(),
            proof: std::array::from_fn(|at| halves[at / 8][at % 8]),
        }
    }

    async fn connect(&self, address: &Address) -> Result<Wire, NoConnection> {
        let channel = network::connect(address).await?;
        Ok(Bearer::default().over(channel))
    }

    fn random(&self) -> u64 {
        self.chance.next()
    }

    fn place(&self) -> Place {
        let chance = self.chance.clone();
        let pace: Pace =
            Arc::new(move |_: UnitId| Duration::from_millis(1 + chance.next() % SLOWEST_MS));
        Place::Here(pace)
    }
}
