//! A small saddle-point problem whose derivatives differ from sample to sample and from place to place, component by
//! component:
//!
//! `g_i = a_i/2 (y - c_i x)^2 + q/4 y^4 + b_i y z + e_i x z - d_i/2 z^2` and
//! `f_i = 1/2 (y - p_i)^2 + r/2 (x - s_i)^2 + h_i x z + x y`.

use bistable_common::draw::{Key, Purpose};
use ndarray::Array1;

use super::{
    WHO,
    textbook::{copy, mean},
};
use crate::{
    kernel::Aligned,
    problem::{Dims, Iterate, Metrics, Oracle, Table},
};

pub type Vector = Array1<f64>;

const Q: f64 = 0.3;
const R: f64 = 1.5;

/// With 10 validation samples, their replacements, and 12 training samples.
pub struct Saddles {
    dim: usize,
    /// a, b, c, d, e.
    training: Vec<[f64; 5]>,
    /// p, s, h.
    validation: Vec<[f64; 3]>,
}

/// Where a run is.
#[derive(Clone)]
pub struct Place {
    pub x: Vector,
    pub y: Vector,
    pub z: Vector,
}

impl From<&Iterate<f64>> for Place {
    fn from(at: &Iterate<f64>) -> Self {
        Self {
            x: Array1::from(at.x.clone()),
            y: Array1::from(at.y.to_vec()),
            z: Array1::from(at.z.clone()),
        }
    }
}

fn drawn<const N: usize>(purpose: Purpose, rows: u64, least: [f64; N]) -> Vec<[f64; N]> {
    let mut key = Key::new(1, WHO, purpose);
    let row = |row| {
        let mut stream = key.stream(row, 0);
        least.map(|least| least + stream.unit())
    };
    (0..rows).map(row).collect()
}

impl Saddles {
    pub fn new(dim: usize) -> Self {
        Self {
            dim,
            training: drawn(Purpose::Training, 12, [0.7, 0.4, -0.9, 0.5, 0.2]),
            validation: drawn(Purpose::Validation, 20, [-0.3, 0.4, 0.6]),
        }
    }

    pub fn g(&self, at: &Place, rows: &[u32]) -> f64 {
        let Place { x, y, z } = at;
        mean(rows, 0.0, |row| {
            let [a, b, c, d, e] = self.training[row];
            let bowl = 0.5 * a * (y - c * x).mapv(|o| o * o) + 0.25 * Q * y.mapv(|y| y.powi(4));
            (bowl + b * y * z + e * x * z - 0.5 * d * z * z).sum()
        })
    }

    pub fn g_y(&self, at: &Place, rows: &[u32]) -> Vector {
        let Place { x, y, z } = at;
        mean(rows, Array1::zeros(self.dim), |row| {
            let [a, b, c, _, _] = self.training[row];
            a * (y - c * x) + Q * y.mapv(|y| y.powi(3)) + b * z
        })
    }

    pub fn g_z(&self, at: &Place, rows: &[u32]) -> Vector {
        let Place { x, y, z } = at;
        mean(rows, Array1::zeros(self.dim), |row| {
            let [_, b, _, d, e] = self.training[row];
            b * y + e * x - d * z
        })
    }

    pub fn f(&self, at: &Place, rows: &[u32]) -> f64 {
        let Place { x, y, z } = at;
        mean(rows, 0.0, |row| {
            let [p, s, h] = self.validation[row];
            let bowls = 0.5 * (y - p).mapv(|o| o * o) + 0.5 * R * (x - s).mapv(|o| o * o);
            (bowls + h * x * z + x * y).sum()
        })
    }

    pub fn f_x(&self, at: &Place, rows: &[u32]) -> Vector {
        let Place { x, y, z } = at;
        mean(rows, Array1::zeros(self.dim), |row| {
            let [_, s, h] = self.validation[row];
            R * (x - s) + h * z + y
        })
    }

    fn f_y(&self, at: &Place, rows: &[u32]) -> Vector {
        mean(rows, Array1::zeros(self.dim), |row| {
            &at.y - self.validation[row][0] + &at.x
        })
    }
}

impl Oracle for Saddles {
    type Real = f64;

    fn dims(&self) -> Dims {
        let dim = self.dim;
        Dims {
            x: dim,
            y: dim,
            z: dim,
        }
    }

    fn start(&self) -> Iterate<f64> {
        Iterate {
            x: vec![0.2; self.dim],
            y: Aligned::from_slice(&vec![-0.3; self.dim]),
            z: vec![0.5; self.dim],
        }
    }

    fn work_words(&self) -> usize {
        0
    }

    fn inner_grad(&self, at: &Iterate<f64>, batch: &[u32], out: &mut [f64], _: &mut [f64]) {
        copy(&self.g_y(&at.into(), batch), out);
    }

    fn dual_grad(&self, at: &Iterate<f64>, batch: &[u32], out: &mut [f64], _: &mut [f64]) {
        copy(&self.g_z(&at.into(), batch), out);
    }

    fn outer_grads(
        &self,
        at: &Iterate<f64>,
        batch: &[u32],
        gx: &mut [f64],
        gy: &mut [f64],
        _: &mut [f64],
    ) {
        copy(&self.f_x(&at.into(), batch), gx);
        copy(&self.f_y(&at.into(), batch), gy);
    }

    fn inner_hvp(&self, _: &Iterate<f64>, _: &[u32], _: &[f64], _: &mut [f64], _: &mut [f64]) {
        panic!("no solver of a saddle asks for second derivatives");
    }

    fn cross_vp(&self, _: &Iterate<f64>, _: &[u32], _: &[f64], _: &mut [f64], _: &mut [f64]) {
        panic!("no solver of a saddle asks for second derivatives");
    }

    fn inner_value(&self, at: &Iterate<f64>, batch: &[u32]) -> f64 {
        self.g(&at.into(), batch)
    }

    fn metrics(&self, at: &Iterate<f64>, _: Table, rows: &[u32]) -> Metrics {
        Metrics {
            loss: self.f(&at.into(), rows),
            error: None,
        }
    }
}

#[test]
fn derivatives_are_central_differences() {
    let saddles = Saddles::new(2);
    let rows = [3, 7, 0, 7];
    let at = Place {
        x: Array1::from(vec![0.3, -0.2]),
        y: Array1::from(vec![0.4, -0.7]),
        z: Array1::from(vec![-0.6, 0.9]),
    };
    let along = Array1::from(vec![0.5, -1.0]);
    let near = |ours: &Vector, value: &dyn Fn(&Vector) -> f64| {
        let h = 1e-5;
        let slope = (value(&(h * &along)) - value(&(-h * &along))) / (2.0 * h);
        assert!((ours.dot(&along) - slope).abs() < 1e-8, "{ours} {slope}");
    };
    let by = |step: &Vector, which: fn(&mut Place) -> &mut Vector| {
        let mut moved = at.clone();
        *which(&mut moved) += step;
        moved
    };
    near(&saddles.g_y(&at, &rows), &|d| {
        saddles.g(&by(d, |at| &mut at.y), &rows)
    });
    near(&saddles.g_z(&at, &rows), &|d| {
        saddles.g(&by(d, |at| &mut at.z), &rows)
    });
    near(&saddles.f_x(&at, &rows), &|d| {
        saddles.f(&by(d, |at| &mut at.x), &rows)
    });
    near(&saddles.f_y(&at, &rows), &|d| {
        saddles.f(&by(d, |at| &mut at.y), &rows)
    });
}
