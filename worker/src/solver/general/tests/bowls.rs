//! A problem whose second derivatives differ from sample to sample and from place to place, so that a wrong batch or a
//! wrong point shows:
//!
//! `g_i = 1/2 |A_i y - C_i x - b_i|^2 + q/4 sum_j y_j^4` and `f_i = 1/2 |y - p_i|^2 + r/2 |x - s_i|^2`.

use bistable_common::draw::{Key, Purpose};
use ndarray::{Array1, Array2, ArrayView1};

use super::{
    WHO,
    textbook::{copy, mean},
};
use crate::{
    kernel::Aligned,
    problem::{Dims, Iterate, Metrics, Oracle, Table},
};

const R: f64 = 4.0;

pub struct Bowls {
    dims: Dims,
    q: f64,
    training: Vec<Training>,
    validation: Vec<Validation>,
}

struct Training {
    a: Array2<f64>,
    c: Array2<f64>,
    b: Array1<f64>,
}

struct Validation {
    p: Array1<f64>,
    s: Array1<f64>,
}

impl Bowls {
    /// With 10 validation samples, their replacements, and 12 training samples.
    pub fn new(x: usize, y: usize) -> Self {
        let training = |row: u64| {
            let mut key = Key::new(1, WHO, Purpose::Training);
            let mut stream = key.stream(row, 0);
            let mut next = || stream.unit() - 0.5;
            let noise = Array2::from_shape_simple_fn((y, y), &mut next) * 0.6;
            Training {
                a: Array2::eye(y) + noise,
                c: Array2::from_shape_simple_fn((y, x), &mut next) + 0.8,
                b: Array1::from_shape_simple_fn(y, &mut next) + 0.7,
            }
        };
        let validation = |row: u64| {
            let mut key = Key::new(1, WHO, Purpose::Validation);
            let mut stream = key.stream(row, 0);
            let mut next = || stream.unit() - 0.5;
            Validation {
                p: Array1::from_shape_simple_fn(y, &mut next) + 0.2,
                s: Array1::from_shape_simple_fn(x, &mut next) - 0.4,
            }
        };
        Self {
            dims: Dims { x, y, z: 0 },
            q: 0.1,
            training: (0..12).map(training).collect(),
            validation: (0..20).map(validation).collect(),
        }
    }

    pub fn g(&self, x: &Array1<f64>, y: &Array1<f64>, rows: &[u32]) -> f64 {
        mean(rows, 0.0, |row| {
            let offset = self.offset(row, x, y);
            0.5 * offset.dot(&offset) + 0.25 * self.q * y.mapv(|y| y.powi(4)).sum()
        })
    }

    pub fn g_y(&self, x: &Array1<f64>, y: &Array1<f64>, rows: &[u32]) -> Array1<f64> {
        mean(rows, Array1::zeros(self.dims.y), |row| {
            let pull = self.training[row].a.t().dot(&self.offset(row, x, y));
            pull + self.q * y.mapv(|y| y.powi(3))
        })
    }

    /// `d_yy g`.
    pub fn g_yy(&self, y: &Array1<f64>, rows: &[u32]) -> Array2<f64> {
        mean(rows, Array2::zeros((self.dims.y, self.dims.y)), |row| {
            let a = &self.training[row].a;
            a.t().dot(a) + Array2::from_diag(&y.mapv(|y| 3.0 * self.q * y * y))
        })
    }

    /// `d_x d_y g`: a row for each component of x.
    pub fn g_xy(&self, rows: &[u32]) -> Array2<f64> {
        mean(rows, Array2::zeros((self.dims.x, self.dims.y)), |row| {
            -self.training[row].c.t().dot(&self.training[row].a)
        })
    }

    pub fn f(&self, x: &Array1<f64>, y: &Array1<f64>, rows: &[u32]) -> f64 {
        mean(rows, 0.0, |row| {
            let (dy, dx) = (y - &self.validation[row].p, x - &self.validation[row].s);
            0.5 * dy.dot(&dy) + 0.5 * R * dx.dot(&dx)
        })
    }

    pub fn f_x(&self, x: &Array1<f64>, rows: &[u32]) -> Array1<f64> {
        mean(rows, Array1::zeros(self.dims.x), |row| {
            R * (x - &self.validation[row].s)
        })
    }

    pub fn f_y(&self, y: &Array1<f64>, rows: &[u32]) -> Array1<f64> {
        mean(rows, Array1::zeros(self.dims.y), |row| {
            y - &self.validation[row].p
        })
    }

    fn offset(&self, row: usize, x: &Array1<f64>, y: &Array1<f64>) -> Array1<f64> {
        let Training { a, c, b } = &self.training[row];
        a.dot(y) - c.dot(x) - b
    }
}

pub fn x_of(at: &Iterate<f64>) -> Array1<f64> {
    Array1::from(at.x.clone())
}

pub fn y_of(at: &Iterate<f64>) -> Array1<f64> {
    Array1::from(at.y.to_vec())
}

impl Oracle for Bowls {
    type Real = f64;

    fn dims(&self) -> Dims {
        self.dims
    }

    fn start(&self) -> Iterate<f64> {
        Iterate {
            x: vec![0.2; self.dims.x],
            y: Aligned::from_slice(&vec![-0.3; self.dims.y]),
            z: Vec::new(),
        }
    }

    fn work_words(&self) -> usize {
        0
    }

    fn inner_grad(&self, at: &Iterate<f64>, batch: &[u32], out: &mut [f64], _: &mut [f64]) {
        copy(&self.g_y(&x_of(at), &y_of(at), batch), out);
    }

    fn outer_grads(
        &self,
        at: &Iterate<f64>,
        batch: &[u32],
        gx: &mut [f64],
        gy: &mut [f64],
        _: &mut [f64],
    ) {
        copy(&self.f_x(&x_of(at), batch), gx);
        copy(&self.f_y(&y_of(at), batch), gy);
    }

    fn inner_hvp(
        &self,
        at: &Iterate<f64>,
        batch: &[u32],
        v: &[f64],
        out: &mut [f64],
        _: &mut [f64],
    ) {
        copy(&self.g_yy(&y_of(at), batch).dot(&ArrayView1::from(v)), out);
    }

    fn cross_vp(&self, _: &Iterate<f64>, batch: &[u32], v: &[f64], out: &mut [f64], _: &mut [f64]) {
        copy(&self.g_xy(batch).dot(&ArrayView1::from(v)), out);
    }

    fn inner_value(&self, at: &Iterate<f64>, batch: &[u32]) -> f64 {
        self.g(&x_of(at), &y_of(at), batch)
    }

    fn metrics(&self, at: &Iterate<f64>, _: Table, rows: &[u32]) -> Metrics {
        Metrics {
            loss: self.f(&x_of(at), &y_of(at), rows),
            error: None,
        }
    }
}

#[test]
fn derivatives_are_central_differences() {
    let bowls = Bowls::new(4, 3);
    let rows = [3, 7, 0, 7];
    let x = Array1::from(vec![0.3, -0.2, 0.5, 0.1]);
    let y = Array1::from(vec![0.4, -0.7, 0.2]);
    let (dx, dy) = (
        Array1::from(vec![0.5, 1.0, -0.3, 0.2]),
        Array1::from(vec![-0.4, 0.6, 1.0]),
    );
    let h = 1e-5;
    let near = |ours: f64, up: f64, down: f64| {
        let slope = (up - down) / (2.0 * h);
        assert!((ours - slope).abs() < 1e-8, "{ours} {slope}");
    };
    let (y1, y0) = (&y + &(h * &dy), &y - &(h * &dy));
    let (x1, x0) = (&x + &(h * &dx), &x - &(h * &dx));
    near(
        bowls.g_y(&x, &y, &rows).dot(&dy),
        bowls.g(&x, &y1, &rows),
        bowls.g(&x, &y0, &rows),
    );
    near(
        bowls.f_y(&y, &rows).dot(&dy),
        bowls.f(&x, &y1, &rows),
        bowls.f(&x, &y0, &rows),
    );
    near(
        bowls.f_x(&x, &rows).dot(&dx),
        bowls.f(&x1, &y, &rows),
        bowls.f(&x0, &y, &rows),
    );
    let along = |x: &Array1<f64>, y: &Array1<f64>| bowls.g_y(x, y, &rows).dot(&dy);
    near(
        dy.dot(&bowls.g_yy(&y, &rows).dot(&dy)),
        along(&x, &y1),
        along(&x, &y0),
    );
    near(
        dx.dot(&bowls.g_xy(&rows).dot(&dy)),
        along(&x1, &y),
        along(&x0, &y),
    );
}
