//! Estimates of hand-made trajectories against numbers worked out by hand.

mod fixture;
mod grouping;
mod order;
mod quantities;
mod whole;
