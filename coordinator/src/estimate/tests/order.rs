//! The order in which results arrive, and in which indices were dealt to blocks, changes no bit.

use bistable_common::{
    draw::{Key, Purpose},
    ids::Replicate,
    sweep::Indices,
    trajectory::Experiment,
};

use super::fixture::*;
use crate::estimate::Query;

/// Forty indices with distances that do not add exactly.
fn uneven() -> Vec<Experiment> {
    (0..40u32)
        .map(|index| {
            let size = (0.1 + f64::from(index)).powi(7) * 1e-9;
            experiment(index, vec![record(size, size / 3.0)])
        })
        .collect()
}

#[test]
fn any_order_of_experiments_gives_the_same_bits() {
    for indices in [Indices::All, Indices::Count(40)] {
        let sweep = sweep(1, indices, vec![cell(40, 1, &[10])]);
        let ordered = [((0, 0), units(vec![curve(10, 40)], uneven()))].into();
        let expected = ask(&sweep, &Query::default(), &ordered);
        assert!(expected.digest.is_some());
        for seed in 0..50 {
            let mut order = Vec::new();
            Key::new(seed, Replicate(0), Purpose::IndexOrder)
                .stream(0, 0)
                .permutation(40, &mut order);
            let all = uneven();
            let shuffled = order.iter().map(|&i| all[i as usize].clone()).collect();
            let stored = [((0, 0), units(vec![curve(10, 40)], shuffled))].into();
            assert_eq!(ask(&sweep, &Query::default(), &stored), expected);
        }
    }
}
