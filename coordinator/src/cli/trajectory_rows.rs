//! STAND-IN for the rows of exported trajectories.
#![allow(missing_docs)]

use std::io::{self, Write};

use bistable_common::wire::v1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Distances,
    Curves,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
}

pub struct TrajectoryRows<W> {
    out: W,
}

impl<W: Write> TrajectoryRows<W> {
    pub fn new(out: W, _what: What, _format: Format) -> io::Result<Self> {
        Ok(Self { out })
    }

    pub fn unit(&mut self, unit: &v1::StreamTrajectoriesResponse) -> io::Result<()> {
        writeln!(self.out, "{unit:?}")
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}
