//! The index orders of runs, which say which experiments a unit holds. Each is computed once while it is in use.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bistable_common::{
    draw::{first_draws, measured_order},
    ids::{CellId, Replicate, SweepId},
    sweep::{Indices, Sweep},
};

/// Indices that are remembered in all; a single order may be longer.
const MAX_INDICES: usize = 1 << 20;

type Run = (SweepId, CellId, Replicate);

/// Orders by run, the ones used first forgotten first.
#[derive(Clone, Default)]
pub(crate) struct Orders(Arc<Mutex<Cache>>);

#[derive(Default)]
struct Cache {
    orders: HashMap<Run, Arc<[u32]>>,
    oldest: VecDeque<Run>,
    indices: usize,
}

impl Orders {
    /// The indices that are replaced in a run, in order. The cell is one of the sweep's.
    pub fn get(&self, sweep: &Sweep, cell: CellId, replicate: Replicate) -> Arc<[u32]> {
        let run = (sweep.id(), cell, replicate);
        let known = self.with(|cache| cache.orders.get(&run).cloned());
        // Two who compute it at the same time compute the same.
        known.unwrap_or_else(|| {
            let order: Arc<[u32]> = compute(sweep, cell, replicate).into();
            self.with(|cache| cache.keep(run, Arc::clone(&order)));
            order
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Cache {
    fn keep(&mut self, run: Run, order: Arc<[u32]>) {
        self.indices += order.len();
        match self.orders.insert(run, order) {
            Some(same) => self.indices -= same.len(),
            None => self.oldest.push_back(run),
        }
        while self.indices > MAX_INDICES
            && let Some(oldest) = self.oldest.pop_front()
        {
            let forgotten = self.orders.remove(&oldest);
            self.indices -= forgotten.map_or(0, |order| order.len());
        }
    }
}

fn compute(sweep: &Sweep, id: CellId, replicate: Replicate) -> Vec<u32> {
    let (facts, cell) = (sweep.facts(), sweep.cell(id));
    let first = match facts.indices {
        // All are in it, whenever they are drawn.
        Indices::All => Vec::new(),
        Indices::Count(_) => first_draws(facts, cell, replicate),
    };
    measured_order(facts, cell, replicate, &first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::fixture;

    #[test]
    fn an_order_is_the_draws_own_and_computed_once() {
        let sweep = fixture::sweep(40, 2, 1);
        let (facts, cell) = (sweep.facts(), sweep.cell(CellId(0)));
        let orders = Orders::default();
        let get = |replicate| orders.get(&sweep, CellId(0), Replicate(replicate));
        let first = first_draws(facts, cell, Replicate(1));
        let expected = measured_order(facts, cell, Replicate(1), &first);
        assert_eq!(get(1)[..], expected);
        assert_ne!(get(0), get(1));
        assert!(Arc::ptr_eq(&get(1), &get(1)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut cache = Cache::default();
        let run = |replicate| (SweepId([0; 8]), CellId(0), Replicate(replicate));
        for replicate in 0..5 {
            cache.keep(run(replicate), vec![0; MAX_INDICES / 2].into());
            cache.keep(run(replicate), vec![0; MAX_INDICES / 2].into());
        }
        assert_eq!((cache.orders.len(), cache.indices), (2, MAX_INDICES));
        assert!(cache.orders.contains_key(&run(4)));
    }
}
