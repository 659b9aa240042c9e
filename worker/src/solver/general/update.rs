//! What becomes of a direction before a step along it.

use bistable_common::spec::{Method, Update, numbers::power};

use crate::{
    kernel::{Real, Simd, ops},
    solver::state::Moments,
};

/// Shortens a direction that is longer than the update allows.
pub(super) fn clip<R: Real>(simd: Simd, update: &Update, direction: &mut [R]) {
    let Some(most) = update.clip else { return };
    let norm = ops::dot(simd, direction, direction).sqrt();
    if norm > most {
        ops::scale(simd, R::from_f64(most / norm), direction);
    }
}

/// Keeps components between the update's limits.
pub(super) fn clamp<R: Real>(update: &Update, values: &mut [R]) {
    let Some(limits) = update.clamp else { return };
    let [low, high] = limits.map(R::from_f64);
    for value in values {
        // What is not a number stays so, and is seen.
        if *value < low {
            *value = low;
        } else if *value > high {
            *value = high;
        }
    }
}

/// Takes notice of the direction `h`, and leaves what the variable moves along.
pub(super) fn aim<R: Real>(update: &Update, moments: &mut Moments<R>, h: &[R], along: &mut [R]) {
    match update.method {
        Method::Plain | Method::Lbfgs { .. } => along.copy_from_slice(h),
        Method::Averaged { beta } => {
            average(beta, h, &mut moments.first);
            along.copy_from_slice(&moments.first);
        }
        Method::Adam { beta1, beta2, .. } => {
            moments.count += 1;
            average(1.0 - beta1, h, &mut moments.first);
            let keep = R::from_f64(1.0 - beta2);
            for (second, &h) in moments.second.iter_mut().zip(h) {
                *second += keep * (h * h - *second);
            }
            let correction = R::from_f64(1.0 - power(beta1, moments.count));
            for (along, &first) in along.iter_mut().zip(&moments.first) {
                *along = first / correction;
            }
            precondition(update, moments, along);
        }
    }
}

/// `m <- (1 - weight) m + weight h`.
fn average<R: Real>(weight: f64, h: &[R], mean: &mut [R]) {
    let weight = R::from_f64(weight);
    for (mean, &h) in mean.iter_mut().zip(h) {
        *mean += weight * (h - *mean);
    }
}

/// `A^{-1} direction` with Adam's `A = diag(sqrt(v^) + epsilon)`, and the direction itself for others.
pub(super) fn precondition<R: Real>(update: &Update, moments: &Moments<R>, direction: &mut [R]) {
    let Method::Adam { beta2, epsilon, .. } = update.method else {
        return;
    };
    let correction = 1.0 - power(beta2, moments.count);
    for (direction, second) in direction.iter_mut().zip(&moments.second) {
        let root = (second.to_f64() / correction).sqrt() + epsilon;
        *direction = R::from_f64(direction.to_f64() / root);
    }
}
