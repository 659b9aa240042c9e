//! Coordinators, workers and clients as processes of their own, which meet on sockets and die at bad moments.

#![cfg(unix)]

mod crashes;
mod data;
mod one_answer;
mod outputs;
mod processes;
mod steering;
mod store;
mod sweeps;
mod trust;
