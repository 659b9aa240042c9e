//! Measures what this machine can do on one thread (fused multiply-adds, reads of the second-level cache) and prints each
//! kernel of the reference task (784-256-10, ELU, batch 8, bundled MNIST, f32) as a fraction of its bound: the operations
//! that it cannot avoid at the first rate, or the distinct bytes that it must bring from the second-level cache at the
//! second, whichever takes longer. Times are minima over many short blocks, so that a busy machine disturbs little.
//!
//! `cargo bench -p bistable-worker --bench roofline [-- --simd avx2]`

mod task;

use std::{hint::black_box, time::Instant};

use bistable_common::spec::Activation;
use bistable_worker::{
    kernel::{
        Aligned, Columns, Real, Rows, Simd, ops,
        simd::{Arithmetic, Isa, Kernel, Lanes},
    },
    problem::{OuterBatch, Problem, Table},
    solver::shape,
};

const WIDTH: usize = 256;
const CLASSES: usize = 10;
const BATCH: usize = 8;
const HEAD: usize = 16;

/// The least seconds a call takes, over blocks of about a millisecond.
fn seconds(mut call: impl FnMut()) -> f64 {
    let mut timed = |calls: u32| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() / f64::from(calls)
    };
    let once = timed(3);
    let calls = (1e-3 / once).clamp(1.0, 1e6) as u32;
    let blocks = (0.5 / (once * f64::from(calls))).clamp(20.0, 500.0) as u32;
    (0..blocks).map(|_| timed(calls)).fold(once, f64::min)
}

/// All of it as one number, so that nothing is left out as unused.
#[inline(always)]
fn total<S: Lanes<f32>>(s: S, sums: &[S::V]) -> f32 {
    let mut all = s.splat(0.0);
    for sum in sums {
        all = s.add(all, *sum);
    }
    s.tree(all)
}

/// Chains of fused multiply-adds that wait for nothing but each other.
struct Peak;

impl Peak {
    const CHAINS: usize = 12;
    const ROUNDS: usize = 1000;
    const FLOP: f64 = (2 * 16 * Self::CHAINS * Self::ROUNDS) as f64;
}

impl Kernel for Peak {
    type Output = f32;

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> f32 {
        let s = f32::lanes(isa);
        let (a, b) = (s.splat(black_box(0.999)), s.splat(black_box(1e-3)));
        let mut sums = [s.splat(1.0); Self::CHAINS];
        for _ in 0..Self::ROUNDS {
            for sum in &mut sums {
                *sum = s.fma(*sum, a, b);
            }
        }
        total(s, &sums)
    }
}

/// Reads everything once.
struct Read<'a>(&'a [f32]);

impl Kernel for Read<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> f32 {
        let s = f32::lanes(isa);
        let mut sums = [s.splat(0.0); 8];
        for group in self.0.as_chunks::<16>().0.chunks_exact(8) {
            for (sum, values) in sums.iter_mut().zip(group) {
                *sum = s.add(*sum, s.load(values));
            }
        }
        total(s, &sums)
    }
}

/// Fused multiply-adds that each read sixteen values of the first-level cache, as those with weights do.
struct Loaded<'a>(&'a [f32]);

impl Kernel for Loaded<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> f32 {
        let s = f32::lanes(isa);
        let a = s.splat(black_box(0.999));
        let mut sums = [s.splat(1.0); 8];
        for group in self.0.as_chunks::<16>().0.chunks_exact(8) {
            for (sum, values) in sums.iter_mut().zip(group) {
                *sum = s.fma(a, s.load(values), *sum);
            }
        }
        total(s, &sums)
    }
}

struct Machine {
    flops: f64,
    loaded: f64,
    bytes: f64,
}

impl Machine {
    fn measure(simd: Simd) -> Self {
        let flops = Peak::FLOP
            / seconds(|| {
                black_box(simd.run(Peak));
            });
        let near = Aligned::from_slice(&vec![1.0f32; 4 << 10]);
        let loaded = (2 * near.len()) as f64
            / seconds(|| {
                black_box(simd.run(Loaded(black_box(&near))));
            });
        let values = Aligned::from_slice(&vec![1.0f32; 512 << 8]);
        let bytes = (values.len() * 4) as f64;
        let read = seconds(|| {
            black_box(simd.run(Read(black_box(&values))));
        });
        Self {
            flops,
            loaded,
            bytes: bytes / read,
        }
    }

    fn print(&self, name: &str, work: Work, seconds: f64) {
        let (compute, memory) = (work.flop / self.flops, work.bytes / self.bytes);
        let us = 1e6;
        println!(
            "{name:<44} {:>9.2} {:>9.2} {:>9.2} {:>8.0} %",
            seconds * us,
            compute * us,
            memory * us,
            100.0 * compute.max(memory) / seconds
        );
    }
}

/// What cannot be avoided.
#[derive(Clone, Copy, Default)]
struct Work {
    flop: f64,
    bytes: f64,
}

impl Work {
    fn new(flop: usize, values: usize) -> Self {
        Self {
            flop: flop as f64,
            bytes: (4 * values) as f64,
        }
    }
}

impl std::ops::Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            flop: self.flop + other.flop,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// Values of a batch that are not zero, and columns in which there is one.
fn filled(rows: &Rows<f32>, batch: &[u32]) -> (usize, usize) {
    let mut columns = Columns::new(rows.columns());
    columns.turn(rows, [batch].into_iter());
    let values = batch.iter().map(|&row| rows.row(row).0.len()).sum();
    (values, columns.touched().len())
}

fn main() {
    let simd = task::simd_of_arguments();
    let machine = Machine::measure(simd);
    println!(
        "{}: {:.1} GFLOP/s, {:.1} with an operand from the first-level cache each, {:.1} GB/s from the second-level cache",
        simd.mode(),
        machine.flops / 1e9,
        machine.loaded / 1e9,
        machine.bytes / 1e9
    );
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>10}",
        "", "us", "compute", "memory", "of bound"
    );
    let facts = task::facts(1, &[1000]);
    let rows = task::rows(&facts);
    let batches: Vec<[u32; BATCH]> = (0..250)
        .map(|b| std::array::from_fn(|j| b * BATCH as u32 + j as u32))
        .collect();
    let mean = |count: fn((usize, usize)) -> usize| {
        let all: usize = batches.iter().map(|b| count(filled(&rows, b))).sum();
        all / batches.len()
    };
    let (values, touched) = (mean(|filled| filled.0), mean(|filled| filled.1));
    let first = Work::new(2 * values * WIDTH, touched * WIDTH);
    let head = Work::new(2 * BATCH * WIDTH * CLASSES, CLASSES * WIDTH);
    let step = first + first + head + head + head;
    kernels(simd, &machine, &rows, &batches, first, head);
    whole(simd, &machine, &batches, step, first + head);
}

/// The parts of a step.
fn kernels(
    simd: Simd,
    machine: &Machine,
    rows: &Rows<f32>,
    batches: &[[u32; BATCH]],
    first: Work,
    head: Work,
) {
    let features = rows.columns();
    let mut w = Aligned::from_slice(&vec![0.01f32; features * WIDTH]);
    let mut z = Aligned::from_slice(&vec![0.0f32; BATCH * WIDTH]);
    let a = Aligned::from_slice(&vec![1e-3f32; BATCH * WIDTH]);
    let mut upper = Aligned::from_slice(&vec![0.01f32; CLASSES * WIDTH]);
    let mut logits = Aligned::from_slice(&vec![0.0f32; BATCH * HEAD]);
    let mut columns = Columns::new(features);
    let mut next = 0;
    let mut batch = || {
        next = (next + 1) % batches.len();
        &batches[next]
    };
    let time = seconds(|| ops::sparse_forward(simd, rows, batch(), &w, WIDTH, &mut z));
    machine.print("first layer, forward", first, time);
    let turn = seconds(|| columns.turn(rows, [&batch()[..]].into_iter()));
    machine.print("samples turned around", Work::default(), turn);
    let time = seconds(|| {
        columns.turn(rows, [&batch()[..]].into_iter());
        ops::sparse_update(simd, &columns, &a, WIDTH, &mut w);
    });
    machine.print("first layer, update", first, time - turn);
    let mut slope = z.clone();
    let time = seconds(|| ops::activate(simd, Activation::Elu, &mut z, &mut slope));
    machine.print("activation (ELU)", Work::default(), time);
    let time = seconds(|| ops::add_dots(simd, &a, &upper, WIDTH, HEAD, &mut logits));
    machine.print("head, forward", head, time);
    let time = seconds(|| ops::softmax(simd, &mut logits, CLASSES, HEAD));
    machine.print("softmax", Work::default(), time);
    let turned = vec![1e-3f32; CLASSES * BATCH];
    let time = seconds(|| ops::combine(simd, &turned, BATCH, &upper, WIDTH, &mut z));
    machine.print("head, backward", head, time);
    let time = seconds(|| ops::combine(simd, &logits, HEAD, &a, WIDTH, &mut upper));
    machine.print("head, update", head, time);
    let terms = 128;
    let many = Aligned::from_slice(&vec![1e-3f32; terms * WIDTH]);
    let coefficients = vec![1e-3f32; terms * HEAD];
    let work = Work::new(2 * BATCH * terms * WIDTH, terms * WIDTH);
    let time = seconds(|| ops::combine(simd, &coefficients, HEAD, &many, WIDTH, &mut z));
    machine.print("second pass, first layer, 128 terms", work, time);
    let others: Vec<u32> = (0..128).collect();
    let mut out = vec![0.0f32; terms * HEAD];
    let values: usize = others.iter().map(|&row| rows.row(row).0.len()).sum();
    let work = Work::new(2 * values * 16, features * 16);
    let time = seconds(|| ops::gather(simd, rows, &others, &columns, &mut out));
    machine.print("inner products, 16 by 128 samples", work, time);
    let other = w.clone();
    let time = seconds(|| {
        black_box(ops::distance2(simd, &w, &other));
    });
    machine.print(
        "distance of two states",
        Work::new(3 * w.len(), 2 * w.len()),
        time,
    );
}

/// Operations that a solver calls.
fn whole(simd: Simd, machine: &Machine, batches: &[[u32; BATCH]], step: Work, forward: Work) {
    let facts = task::facts(1, &[1000]);
    let problem = task::network(&facts, simd);
    let mut scratch = problem.scratch(shape(&facts.cells[0]));
    let mut at = problem.start();
    let mut next = 0;
    let mut batch = || {
        next = (next + 1) % batches.len();
        &batches[next]
    };
    let time = seconds(|| problem.inner_step(&mut scratch, &mut at, batch(), 0.01, 0));
    machine.print("inner step", step, time);
    let rows: Vec<u32> = (0..500).collect();
    let time = seconds(|| {
        black_box(problem.evaluate(&mut scratch, &at, Table::Test, &rows));
    });
    let each = Work {
        flop: forward.flop / BATCH as f64,
        bytes: forward.bytes / BATCH as f64,
    };
    machine.print("evaluation of a sample", each, time / 500.0);
    let mut out = vec![0.0; at.x.len()];
    let time = seconds(|| {
        let batch = OuterBatch {
            rows: black_box(&[1, 5, 9, 13, 20, 30, 41, 99]),
            replaced: &[],
        };
        problem.direction(&mut scratch, &at, batch, 1, &mut out);
    });
    machine.print("direction, T = 1", forward + Work::new(4 * 2560, 0), time);
}
