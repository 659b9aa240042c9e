//! What most tests begin with: a coordinator that has a sweep to measure.

use crate::processes::{Coordinator, Runs, Watch, Worker, number, undisturbed};

/// A coordinator with one sweep, which is watched from its beginning.
pub struct Scene {
    pub runs: Runs,
    pub coordinator: Coordinator,
    pub id: String,
    pub watch: Watch,
    document: String,
}

impl Scene {
    pub fn of(document: String) -> Self {
        Self::with_workers(document, []).0
    }

    /// The same with workers that were there before the sweep, so that none of them comes too late.
    pub fn with_workers<const N: usize>(document: String, workers: [(); N]) -> (Self, [Worker; N]) {
        let runs = Runs::new();
        let file = runs.write("sweep.toml", &document);
        let coordinator = Coordinator::start(&runs.store());
        let workers = workers.map(|()| Worker::start(&coordinator));
        let (id, watch) = coordinator.submit_watched(&file);
        let scene = Self {
            runs,
            coordinator,
            id,
            watch,
            document,
        };
        (scene, workers)
    }

    /// Kills the coordinator in the middle, and starts the next one at its address: nothing that was done is lost.
    pub fn with_next_coordinator(mut self) -> Self {
        let before = self.watch.until_under_way();
        let address = self.coordinator.address().to_owned();
        self.coordinator.process.kill();
        let coordinator = Coordinator::listening(&address, &self.runs.store());
        let first = coordinator.status(&self.id);
        let [done, total] = ["units_done", "units_total"].map(|key| number(&first, key));
        assert!(done >= number(&before, "units_done"), "{first}");
        assert!(done < total, "{first}");
        Self {
            coordinator,
            ..self
        }
    }

    /// Waits until the sweep is complete, with the digest of a run that nothing disturbs.
    pub fn completes(&self) {
        let digest = self.coordinator.complete(&self.id);
        assert_eq!(digest, undisturbed(&self.document, &[]));
    }
}
