//! How a run must end.

use crate::{
    fleet::COORDINATORS,
    processes::{Watch, bistable, json},
    run::{LONGEST, Run},
    workload::Sweep,
};

/// In a tally: reports of units that had a result.
const REPEATED: &str = "unit reported again";

/// In a tally: ends of terms that their leader lived to see.
const DEPOSED: &str = "leader deposed";

/// In a tally: leases that were taken from a worker that was silent for too long.
const FENCED: &str = "silent worker fenced";

/// What must have happened in some run, beside every kind of fault.
pub const CONSEQUENCES: [&str; 3] = [REPEATED, DEPOSED, FENCED];

impl Run {
    /// Sees a sweep to its end, as a user does.
    pub fn compare(&mut self, sweep: &Sweep) {
        let watch = Watch::start(sweep.id(), &self.fleet.urls());
        let (last, code) = watch.last_within(LONGEST);
        assert_eq!(
            (&last["state"], code),
            (&"complete".into(), Some(0)),
            "{last}"
        );
        assert_eq!(last["units_done"], last["units_total"], "{last}");
        for coordinator in 0..COORDINATORS {
            let url = self.fleet.url(coordinator);
            let results = ["results", sweep.id(), "--json", "--coordinator", &url];
            let results = json(&bistable(results));
            assert_eq!(results["digest"], sweep.expected["digest"]);
            assert_eq!(results, sweep.expected);
        }
    }

    /// Looks into the books when everybody has left.
    pub async fn audit(&mut self) {
        self.fleet.leave();
        let ledger = self.ledger.as_ref().expect("a database");
        assert_eq!(ledger.count("results").await, self.units);
        for nothing in ["conflicts", "leases", "failures"] {
            assert_eq!(ledger.count(nothing).await, 0, "{nothing}");
        }
        let unit = "sweep, cell, replicate, block";
        for distinct in [unit, &format!("{unit}, content")] {
            let reported = format!("(SELECT DISTINCT {distinct} FROM reports) _");
            assert_eq!(ledger.count(&reported).await, self.units, "{distinct}");
        }
        let repeated = ledger.count("reports").await - self.units;
        self.tally.insert(REPEATED, repeated);
        for (member, log) in &self.fleet.logs {
            assert!(!log.contains("panicked"), "{member:?}: {log}");
            let mut count = |what, words| {
                *self.tally.entry(what).or_default() += log.matches(words).count() as u64;
            };
            count(DEPOSED, "no longer leading");
            count(FENCED, "was lost: it stopped beating");
            count(FENCED, "its worker did not come back");
        }
    }
}
