//! The quadratic, sixteen replicas a group: components are `[component][16]`, one replica a SIMD lane.

use bistable_common::spec::QuadraticSpec;

use super::{Matrix, Quadratic};
use crate::{
    kernel::{Aligned, LANES, Simd, ops},
    problem::{Dims, Footprint, Iterate, Metrics, Oracle, OuterBatch, Problem, Shape, Table},
};

/// The problem in groups of sixteen replicas.
#[derive(Debug, Clone)]
pub struct QuadraticReplicas {
    problem: Quadratic,
    simd: Simd,
}

/// Scratch space: the tape, and room for gradients.
#[derive(Debug)]
pub struct QuadraticScratch {
    /// Step sizes; the Hessians are the same everywhere.
    tape: Vec<f64>,
    offset: Aligned<f64>,
    gx: Aligned<f64>,
    gy: Aligned<f64>,
    lambda: Aligned<f64>,
    /// For evaluations, replica by replica.
    single: Vec<f64>,
}

impl QuadraticReplicas {
    /// Groups of replicas of `problem`.
    pub fn new(problem: Quadratic, simd: Simd) -> Self {
        Self { problem, simd }
    }

    /// What the problem will need.
    pub fn footprint(spec: &QuadraticSpec, shape: Shape) -> Footprint {
        let (x, y) = (spec.dim_x as usize, spec.dim_y as usize);
        let bytes = |words: usize| (words * size_of::<f64>()) as u64;
        Footprint {
            state: bytes(x + y),
            replicas: LANES,
            group: bytes((x + y) * LANES),
            scratch: bytes(shape.tape + (2 * x + 3 * y) * LANES + x + y),
        }
    }

    /// `z` minus the mean of the batch's samples, in each lane.
    fn offset(
        &self,
        group: &Iterate<f64>,
        samples: &[f64],
        batch: OuterBatch<'_>,
        offset: &mut [f64],
    ) {
        let (offset, _) = offset.as_chunks_mut::<LANES>();
        offset.fill([0.0; LANES]);
        for (position, &row) in batch.rows.iter().enumerate() {
            let here = batch.replaced.iter().filter(|r| r.position == position);
            for (c, sum) in offset.iter_mut().enumerate() {
                let mut values = [self.problem.sample(samples, row)[c]; LANES];
                for replaced in here.clone() {
                    values[replaced.lane] = self.problem.sample(samples, replaced.row)[c];
                }
                for (sum, value) in sum.iter_mut().zip(values) {
                    *sum += value;
                }
            }
        }
        let (x, _) = group.x.as_chunks::<LANES>();
        let (y, _) = group.y.as_chunks::<LANES>();
        let count = batch.rows.len() as f64;
        for (mean, z) in offset.iter_mut().zip(x.iter().chain(y)) {
            for (mean, z) in mean.iter_mut().zip(z) {
                *mean = z - *mean / count;
            }
        }
    }

    /// `out = H[first_row.., first_column..] v` in each lane: as many rows as `out` has, as many columns as `v` has.
    fn block_times(
        &self,
        h: &Matrix,
        first_row: usize,
        first_column: usize,
        v: &[f64],
        out: &mut [f64],
    ) {
        out.fill(0.0);
        // The matrix is symmetric: its column is a row.
        let coefficients = &h.rows_from(first_column)[first_row..];
        ops::combine(self.simd, coefficients, h.dim(), v, LANES, out);
    }
}

impl Problem for QuadraticReplicas {
    type Real = f64;
    type Scratch = QuadraticScratch;
    const REPLICAS: usize = LANES;

    fn dims(&self) -> Dims {
        self.problem.dims()
    }

    fn start(&self) -> Iterate<f64> {
        self.problem.start()
    }

    fn group_dims(&self) -> Dims {
        let Dims { x, y, z } = self.dims();
        Dims {
            x: x * LANES,
            y: y * LANES,
            z,
        }
    }

    fn put(&self, state: &Iterate<f64>, lane: usize, group: &mut Iterate<f64>) {
        put_lane(&state.x, lane, &mut group.x);
        put_lane(&state.y, lane, &mut group.y);
    }

    fn get(&self, group: &Iterate<f64>, lane: usize, state: &mut Iterate<f64>) {
        get_lane(&group.x, lane, &mut state.x);
        get_lane(&group.y, lane, &mut state.y);
    }

    fn scratch(&self, shape: Shape) -> QuadraticScratch {
        let Dims { x, y, z: _ } = self.group_dims();
        QuadraticScratch {
            tape: vec![0.0; shape.tape],
            offset: Aligned::zeros(x + y),
            gx: Aligned::zeros(x),
            gy: Aligned::zeros(y),
            lambda: Aligned::zeros(y),
            single: vec![0.0; self.problem.dim()],
        }
    }

    fn scratch_bytes(&self, shape: Shape) -> u64 {
        Self::footprint(&self.problem.spec, shape).scratch
    }

    fn inner_step(
        &self,
        scratch: &mut QuadraticScratch,
        group: &mut Iterate<f64>,
        batch: &[u32],
        eta: f64,
        slot: usize,
    ) {
        if let Some(step) = scratch.tape.get_mut(slot) {
            *step = eta;
        }
        let problem = &self.problem;
        let batch = OuterBatch {
            rows: batch,
            replaced: &[],
        };
        let QuadraticScratch { offset, gy, .. } = scratch;
        self.offset(group, &problem.training, batch, offset);
        self.block_times(&problem.g, problem.dim_x(), 0, offset, gy);
        ops::descend(self.simd, eta, gy, &mut group.y);
    }

    fn direction(
        &self,
        scratch: &mut QuadraticScratch,
        group: &Iterate<f64>,
        batch: OuterBatch<'_>,
        steps: usize,
        out: &mut [f64],
    ) {
        let QuadraticScratch {
            tape,
            offset,
            gx,
            gy,
            lambda,
            ..
        } = scratch;
        let problem = &self.problem;
        let (f, g, dim_x) = (&problem.f, &problem.g, problem.dim_x());
        self.offset(group, &problem.validation, batch, offset);
        self.block_times(f, 0, 0, offset, out);
        if steps == 0 {
            return;
        }
        // Reverse mode through the inner steps (Ji21 Proposition 2), as for any problem.
        self.block_times(f, dim_x, 0, offset, lambda);
        for (t, &eta) in tape[..steps].iter().enumerate().rev() {
            self.block_times(g, 0, dim_x, lambda, gx);
            ops::descend(self.simd, eta, gx, out);
            if t > 0 {
                self.block_times(g, dim_x, dim_x, lambda, gy);
                ops::descend(self.simd, eta, gy, lambda);
            }
        }
    }

    fn evaluate(
        &self,
        scratch: &mut QuadraticScratch,
        at: &Iterate<f64>,
        table: Table,
        rows: &[u32],
    ) -> Metrics {
        self.problem.risk(at, table, rows, &mut scratch.single)
    }

    fn inner_value(&self, _: &mut QuadraticScratch, at: &Iterate<f64>, batch: &[u32]) -> f64 {
        Oracle::inner_value(&self.problem, at, batch)
    }
}

fn put_lane(values: &[f64], lane: usize, group: &mut [f64]) {
    for (to, value) in group[lane..].iter_mut().step_by(LANES).zip(values) {
        *to = *value;
    }
}

fn get_lane(group: &[f64], lane: usize, values: &mut [f64]) {
    for (value, from) in values.iter_mut().zip(group[lane..].iter().step_by(LANES)) {
        *value = *from;
    }
}
