//! Sweep documents: what they mean, and what is said about wrong ones.

mod garbage;
mod meaning;
mod misfits;
mod mistakes;
mod solvers;
mod support;
