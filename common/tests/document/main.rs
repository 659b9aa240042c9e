//! Sweep documents: what they mean, and what is said about wrong ones.

mod ascent;
mod garbage;
mod meaning;
mod misfits;
mod mistakes;
mod problems;
mod solvers;
mod support;
