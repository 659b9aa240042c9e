//! Who is stuck and who is not, who is ready and who is not.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{board::Timestamp, lead::Leading, store::memory::Memory};

struct World {
    cut: Arc<AtomicBool>,
    roles: watch::Sender<Role>,
    store: Arc<dyn Store>,
    counts: Counts,
    watch: Watch,
}

impl World {
    /// A coordinator that stands by.
    fn new() -> Self {
        let cut = Arc::<AtomicBool>::default();
        let store: Arc<dyn Store> =
            Arc::new(Memory::new(Arc::new(Timestamp::default)).handle(&cut));
        let (roles, seen) = watch::channel(Role::StandingBy { leader: None });
        let (watch, counts) = (Watch::default(), Counts::default());
        watch.serves(Inside {
            roles: seen,
            store: Arc::clone(&store),
            numerics: Hash([7; 32]),
            counts: counts.clone(),
        });
        Self {
            cut,
            roles,
            store,
            counts,
            watch,
        }
    }

    /// From now on it leads, with a loop that never listens.
    fn is_stuck(&self) -> impl Sized + use<> {
        let (dispatch, queue) = Dispatch::unheard(Arc::clone(&self.store), self.counts.clone());
        let store = Arc::clone(&self.store);
        let leading = Role::Leading(Leading { dispatch, store });
        self.roles.send_replace(leading);
        queue
    }

    async fn scrape(&self) -> String {
        let mut exposition = Exposition::default();
        self.watch.metrics(&mut exposition).await;
        format!("{exposition:?}")
    }
}

#[tokio::test(start_paused = true)]
async fn before_its_store_is_open_a_coordinator_lives_and_is_not_ready() {
    let watch = Watch::default();
    assert_eq!(watch.live().await, Ok(()));
    watch.ready().await.expect_err("no store");
    let mut exposition = Exposition::default();
    watch.metrics(&mut exposition).await;
    assert!(format!("{exposition:?}").contains("bistable_build_info"));
}

#[tokio::test(start_paused = true)]
async fn of_a_coordinator_that_leaves_nothing_is_held() {
    let world = World::new();
    assert_eq!(world.roles.receiver_count(), 1);
    world.watch.leaves();
    assert_eq!(world.roles.receiver_count(), 0);
    assert_eq!(world.watch.live().await, Ok(()));
    world.watch.ready().await.expect_err("it leaves");
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_does_not_answer_is_stuck_unless_it_waits_for_its_store() {
    let world = World::new();
    let _queue = world.is_stuck();
    world.watch.live().await.expect_err("stuck");
    let waiting = world.counts.at_store();
    assert_eq!(world.watch.live().await, Ok(()));
    drop(waiting);
    world.watch.live().await.expect_err("stuck again");
    // A scrape goes without it.
    let scrape = world.scrape().await;
    assert!(scrape.contains("bistable_leader 1\\n"), "{scrape}");
    assert!(
        scrape.contains("bistable_queue_length{queue=\\\"commands\\\"} 3\\n"),
        "{scrape}"
    );
    assert!(!scrape.contains("bistable_units{"), "{scrape}");
}

#[tokio::test(start_paused = true)]
async fn who_stands_by_is_ready_while_its_store_answers() {
    let world = World::new();
    assert_eq!(world.watch.ready().await, Ok(()));
    world.cut.store(true, Ordering::Relaxed);
    world.watch.ready().await.expect_err("no store");
    assert_eq!(
        world.watch.live().await,
        Ok(()),
        "another process has no other store"
    );
    world.cut.store(false, Ordering::Relaxed);
    assert_eq!(world.watch.ready().await, Ok(()));
    assert!(world.scrape().await.contains("bistable_leader 0\\n"));
}
