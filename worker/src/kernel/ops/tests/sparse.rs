//! Products with sparse rows.

use ndarray::{Array2, Axis};

use super::{LANES, Lab, WIDTHS, bits, hold, matrix, roundings};
use crate::kernel::{Columns, Layout, Real, Rows, ops};

/// Rows of bytes.
pub struct Samples {
    columns: usize,
    bytes: Vec<Vec<u8>>,
}

impl Samples {
    /// An empty row, rows with nothing but the first or the last column, a full one, then any.
    pub fn new(lab: &mut Lab, columns: usize) -> Self {
        let mut bytes = vec![vec![0; columns]; 4];
        bytes[1][0] = 200;
        bytes[2][columns - 1] = 100;
        bytes[3].fill(77);
        for row in 0..20 {
            let any = |lab: &mut Lab| {
                let bits = lab.bits();
                let kept = bits >> 32 & 15 < row;
                if kept { (bits % 255) as u8 + 1 } else { 0 }
            };
            bytes.push((0..columns).map(|_| any(lab)).collect());
        }
        Self { columns, bytes }
    }

    fn rows<R: Real>(&self, layout: Layout) -> Rows<R> {
        let value = |byte: u8| R::from_f64(byte.into()) / R::from_f64(255.0);
        let rows = self.bytes.iter().map(|row| {
            let columns = (0..).zip(row).filter(|(_, byte)| **byte != 0);
            columns.map(|(column, &byte)| (column, value(byte)))
        });
        Rows::with_layout(self.columns, rows, layout)
    }

    /// Rows of a batch, some of them more than once; which ones depends on `salt`.
    fn batch(&self, size: usize, salt: usize) -> Vec<u32> {
        let row = |b: usize| (b * b * 5 + b + salt) % self.bytes.len();
        (0..size).map(|b| row(b) as u32).collect()
    }

    /// A batch as a matrix of what the type makes of its bytes.
    fn matrix<R: Real>(&self, batch: &[u32]) -> Array2<f64> {
        let value = |byte: u8| (R::from_f64(byte.into()) / R::from_f64(255.0)).to_f64();
        Array2::from_shape_fn((batch.len(), self.columns), |(b, column)| {
            value(self.bytes[batch[b] as usize][column])
        })
    }
}

/// `z += x w`.
pub fn check_forward<R: Real>(lab: &mut Lab, samples: &Samples, size: usize, vectors: usize) {
    let width = vectors * LANES;
    let batch = samples.batch(size, vectors);
    let w = lab.input::<R>(samples.columns * width);
    let z: Vec<R> = lab.numbers(size * width);
    let of = |layout| {
        let rows = samples.rows(layout);
        let [ours] = lab.run([&z], |simd, [z]| {
            ops::sparse_forward(simd, &rows, &batch, &w, width, z);
        });
        ours
    };
    let ours = of(Layout::Sparse);
    let dense = of(Layout::Dense);
    assert!(ours.iter().map(bits).eq(dense.iter().map(bits)), "layouts");

    let x = samples.matrix::<R>(&batch);
    let (w, z) = (matrix(&w, width), matrix(&z, width));
    let reference = &z + &x.dot(&w);
    let absolute = z.abs() + x.dot(&w.abs());
    let bound = absolute * roundings::<R>(samples.columns);
    let what = format!("{size} samples of {}, width {width}", samples.columns);
    hold(&ours, reference.view(), bound.view(), &what);
}

/// `w += x' delta`, for up to sixteen samples.
pub fn check_update<R: Real>(lab: &mut Lab, samples: &Samples, size: usize, vectors: usize) {
    let width = vectors * LANES;
    let batch = samples.batch(size, vectors);
    let delta = lab.input::<R>(size * width);
    let w: Vec<R> = lab.numbers(samples.columns * width);
    let of = |layout| {
        let columns = turned(&samples.rows(layout), &batch);
        let [ours] = lab.run([&w], |simd, [w]| {
            ops::sparse_update(simd, &columns, &delta, width, w);
        });
        ours
    };
    let ours = of(Layout::Sparse);
    let dense = of(Layout::Dense);
    assert!(ours.iter().map(bits).eq(dense.iter().map(bits)), "layouts");
    if vectors == 1 {
        let rows = samples.rows(Layout::Sparse);
        let [scattered] = lab.run([&w], |simd, [w]| {
            ops::sparse_scatter(simd, &rows, &batch, &delta, w);
        });
        let same = ours.iter().map(bits).eq(scattered.iter().map(bits));
        assert!(same, "sample by sample");
    }

    let x = samples.matrix::<R>(&batch);
    let (delta, w) = (matrix(&delta, width), matrix(&w, width));
    let reference = &w + &x.t().dot(&delta);
    // Where no sample has a value nothing may change.
    let untouched = x.sum_axis(Axis(0)).mapv(|sum| f64::from(sum > 0.0));
    let absolute = (w.abs() + x.t().dot(&delta.abs())) * untouched.insert_axis(Axis(1));
    let bound = absolute * roundings::<R>(size);
    let what = format!("{size} samples of {}, width {width}", samples.columns);
    hold(&ours, reference.view(), bound.view(), &what);
}

/// Turned around, after others were: what they left must be gone.
fn turned<R: Real>(rows: &Rows<R>, batch: &[u32]) -> Columns<R> {
    let mut columns = Columns::new(rows.columns());
    columns.turn(rows, [&[3, 9, 7][..], &[20; 20]].into_iter());
    let (first, second) = batch.split_at(batch.len() / 3);
    columns.turn(rows, [first, second].into_iter());
    columns
}

/// One more than the inner products of a batch with up to sixteen others.
pub fn check_gather<R: Real>(lab: &mut Lab, samples: &Samples, size: usize, others: usize) {
    let (batch, turn) = (samples.batch(size, others), samples.batch(others, size));
    let before: Vec<R> = lab.numbers(size * LANES);
    let of = |layout| {
        let rows = samples.rows(layout);
        let columns = turned(&rows, &turn);
        let [ours] = lab.run([&before], |simd, [out]| {
            ops::gather(simd, &rows, &batch, &columns, out);
        });
        ours
    };
    let ours = of(Layout::Sparse);
    let dense = of(Layout::Dense);
    assert!(ours.iter().map(bits).eq(dense.iter().map(bits)), "layouts");

    let (x, y) = (samples.matrix::<R>(&batch), samples.matrix::<R>(&turn));
    let mut reference = Array2::ones((size, LANES));
    let mut used = reference.slice_mut(ndarray::s![.., ..others]);
    used += &x.dot(&y.t());
    let bound = &reference * roundings::<R>(samples.columns + 1);
    let what = format!("{size} by {others} samples of {}", samples.columns);
    hold(&ours, reference.view(), bound.view(), &what);
}

/// A dense first layer is a combination of turned columns: the same bits as walking the rows.
fn check_dense_forward<R: Real>(lab: &mut Lab, samples: &Samples, size: usize, vectors: usize) {
    let width = vectors * LANES;
    let batch = samples.batch(size, vectors);
    let rows = samples.rows::<R>(Layout::Dense);
    let columns = turned(&rows, &batch);
    let w = lab.input::<R>(samples.columns * width);
    let z: Vec<R> = lab.numbers(size * width);
    let [combined] = lab.run([&z], |simd, [z]| {
        ops::combine(simd, columns.values(), LANES, &w, width, z);
    });
    let [walked] = lab.run([&z], |simd, [z]| {
        ops::sparse_forward(simd, &rows, &batch, &w, width, z);
    });
    assert!(combined.iter().map(bits).eq(walked.iter().map(bits)));
}

fn check_all<R: Real>() {
    let mut lab = Lab::new(64);
    for columns in [1, 2, 19] {
        let samples = Samples::new(&mut lab, columns);
        for size in 1..=20 {
            for vectors in WIDTHS {
                check_forward::<R>(&mut lab, &samples, size, vectors);
                if size <= LANES {
                    check_update::<R>(&mut lab, &samples, size, vectors);
                    check_dense_forward::<R>(&mut lab, &samples, size, vectors);
                }
            }
            for others in 1..=LANES {
                check_gather::<R>(&mut lab, &samples, size, others);
            }
        }
    }
}

#[test]
fn sparse_products_are_matrix_products_in_f32() {
    check_all::<f32>();
}

#[test]
fn sparse_products_are_matrix_products_in_f64() {
    check_all::<f64>();
}

/// More weights than are walked at a time, in blocks of any width.
#[test]
fn sparse_products_go_through_the_weights_in_pieces() {
    let mut lab = Lab::new(64);
    for columns in [57, 130, 500, 950] {
        let samples = Samples::new(&mut lab, columns);
        for vectors in [1, 4, 5, 8, 16, 29] {
            for size in [1, 17] {
                check_forward::<f32>(&mut lab, &samples, size, vectors);
                check_forward::<f64>(&mut lab, &samples, size, vectors);
            }
            check_update::<f32>(&mut lab, &samples, 16, vectors);
            check_update::<f64>(&mut lab, &samples, 16, vectors);
        }
        check_gather::<f32>(&mut lab, &samples, 20, 16);
        check_gather::<f64>(&mut lab, &samples, 20, 16);
    }
}
