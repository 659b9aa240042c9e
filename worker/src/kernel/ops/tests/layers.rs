//! Activations, probabilities, their derivatives, and losses.

use bistable_common::spec::Activation;
use ndarray::{Array1, Array2, Axis, Zip};

use super::{LANES, Lab, WIDTHS, function, hold, matrix, roundings, unit};
use crate::kernel::{Real, Simd, ops, padded};

const ACTIVATIONS: [Activation; 2] = [Activation::Elu, Activation::Tanh];

/// An activation, its first and its second derivative, with what ours may be off: the function's ulps and the roundings
/// that follow.
struct Textbook {
    value: (f64, f64),
    slope: (f64, f64),
}

fn textbook<R: Real>(activation: Activation, z: f64) -> Textbook {
    match activation {
        Activation::Elu if z > 0.0 => Textbook {
            value: (z, 0.0),
            slope: (1.0, 0.0),
        },
        Activation::Elu => {
            let (below, slope) = (z.exp_m1(), z.exp());
            let off = function::<R>(2.0) * below.abs();
            Textbook {
                value: (below, off),
                slope: (slope, off + roundings::<R>(2) * slope),
            }
        }
        Activation::Tanh => {
            let (a, slope) = (z.tanh(), 1.0 / z.cosh().powi(2));
            let off = function::<R>(3.0) * a.abs();
            Textbook {
                value: (a, off),
                // 1 - a^2, in one rounding of a result of at most 1.
                slope: (slope, 2.0 * off * a.abs() + roundings::<R>(2)),
            }
        }
    }
}

/// Numbers in [-8, 8), and zeros of either sign.
fn arguments<R: Real>(lab: &mut Lab, len: usize) -> Vec<R> {
    let mut z: Vec<R> = lab.numbers(len);
    z.iter_mut().for_each(|z| *z = *z * R::from_f64(8.0));
    z[0] = R::ZERO;
    z[len - 1] = -R::ZERO;
    z
}

pub fn check_activate<R: Real>(lab: &mut Lab, activation: Activation, vectors: usize) {
    let z: Vec<R> = arguments(lab, vectors * LANES);
    let before: Vec<R> = lab.numbers(z.len());
    let [a, slope] = lab.run([&z, &before], |simd, [z, slope]| {
        ops::activate(simd, activation, z, slope);
    });

    let z = matrix(&z, LANES).mapv(|z| {
        let textbook = textbook::<R>(activation, z);
        [textbook.value, textbook.slope]
    });
    for (k, ours) in [a, slope].iter().enumerate() {
        let (reference, bound) = (z.mapv(|z| z[k].0), z.mapv(|z| z[k].1));
        let what = format!("{activation:?}, result {k}");
        hold(ours, reference.view(), bound.view(), &what);
    }
}

pub fn check_bend<R: Real>(lab: &mut Lab, activation: Activation, vectors: usize) {
    let len = vectors * LANES;
    let mut a = lab.numbers(len);
    a[len / 2] = R::ZERO;
    let a = lab.walled::<R>(&a, f64::NAN);
    let slope = lab.input::<R>(len);
    let (along, before): (Vec<R>, Vec<R>) = (lab.numbers(len), lab.numbers(len));
    let [z, bent] = lab.run([&along, &before], |simd, [z, bent]| {
        ops::bend_rows(simd, activation, &a, &slope, z, bent);
    });

    let (a, slope, along) = (
        matrix(&a, LANES),
        matrix(&slope, LANES),
        matrix(&along, LANES),
    );
    let second = match activation {
        Activation::Elu => Zip::from(&a)
            .and(&slope)
            .map_collect(|&a, &slope| if a < 0.0 { slope } else { 0.0 }),
        Activation::Tanh => &a * &slope * -2.0,
    };
    let changes = [(z, &slope * &along), (bent, second * &along)];
    for (ours, reference) in changes {
        let bound = reference.abs() * roundings::<R>(2);
        let what = format!("{activation:?} bent");
        hold(&ours, reference.view(), bound.view(), &what);
    }
}

#[test]
fn activations_are_their_functions() {
    for activation in ACTIVATIONS {
        for vectors in WIDTHS {
            check_activate::<f32>(&mut Lab::new(64), activation, vectors);
            check_activate::<f64>(&mut Lab::new(64), activation, vectors);
            check_bend::<f32>(&mut Lab::new(64), activation, vectors);
            check_bend::<f64>(&mut Lab::new(64), activation, vectors);
        }
    }
}

/// `values` with what `f` makes of each row.
fn by_row(values: &Array2<f64>, f: impl Fn(Array1<f64>) -> Array1<f64>) -> Array2<f64> {
    let mut out = values.clone();
    for mut row in out.rows_mut() {
        let new = f(row.to_owned());
        row.assign(&new);
    }
    out
}

fn probabilities(logits: Array1<f64>) -> Array1<f64> {
    let largest = logits.fold(f64::NEG_INFINITY, |m, &z| m.max(z));
    let p = (logits - largest).exp();
    let sum = p.sum();
    p / sum
}

pub fn check_softmax<R: Real>(lab: &mut Lab, rows: usize, classes: usize) {
    let width = padded(classes);
    let range = 8.0;
    let mut logits: Vec<R> = lab.numbers(rows * width);
    for z in &mut logits {
        *z = *z * R::from_f64(range / 2.0);
    }
    let [ours] = lab.run([&logits], |simd, [p]| ops::softmax(simd, p, classes, width));

    let padding = |row: &[R]| row[classes..].iter().all(|p| *p == R::ZERO);
    assert!(ours.chunks(width).all(padding));
    let logits = matrix(&logits, width);
    let used = logits.slice(ndarray::s![.., ..classes]).to_owned();
    let mut reference = Array2::zeros(logits.dim());
    reference
        .slice_mut(ndarray::s![.., ..classes])
        .assign(&by_row(&used, probabilities));
    // An exponential is off by its ulps and, relatively, by what its argument is off: a rounding of at most the range.
    // So is their sum, but for a chain and the tree; then there is a division.
    let exponential = function::<R>(1.5) + roundings::<R>(1) * range;
    let bound = &reference * (2.0 * exponential + roundings::<R>(width / LANES + 4 + 2));
    let what = format!("{rows} rows of {classes} classes");
    hold(&ours, reference.view(), bound.view(), &what);
}

pub fn check_softmax_along<R: Real>(lab: &mut Lab, rows: usize, vectors: usize) {
    let width = vectors * LANES;
    let p = lab.input::<R>(rows * width);
    let z: Vec<R> = lab.numbers(rows * width);
    let [ours] = lab.run([&z], |simd, [z]| ops::softmax_along(simd, &p, width, z));

    let (p, z) = (matrix(&p, width), matrix(&z, width));
    let mean = (&p * &z).sum_axis(Axis(1)).insert_axis(Axis(1));
    let absolute = (&p * &z).abs().sum_axis(Axis(1)).insert_axis(Axis(1));
    let off = absolute * roundings::<R>(vectors + 5);
    let difference = &z - &mean;
    let reference = &p * &difference;
    // The mean's error, then a subtraction and a product.
    let bound = (difference.abs() * roundings::<R>(3) + off * (1.0 + 1e-6)) * p.abs();
    let what = format!("{rows} rows of {width}");
    hold(&ours, reference.view(), bound.view(), &what);
}

fn check_rows<R: Real>() {
    let mut lab = Lab::new(64);
    for rows in 1..=20 {
        for classes in (1..=50).chain([100, 256]) {
            check_softmax::<R>(&mut lab, rows, classes);
        }
        for vectors in WIDTHS {
            check_softmax_along::<R>(&mut lab, rows, vectors);
        }
    }
}

#[test]
fn probabilities_and_their_derivatives_are_the_textbooks() {
    check_rows::<f32>();
    check_rows::<f64>();
}

#[test]
fn padding_is_no_class_whatever_stands_there() {
    for simd in Simd::all() {
        let mut p = [f32::NAN; LANES];
        p[..3].fill(-2.0);
        ops::softmax(simd, &mut p, 3, LANES);
        assert_eq!(p[..3], [1.0f32 / 3.0; 3]);
        assert_eq!(p[3..], [0.0; 13]);
    }
}

/// The operations that go through vectors one by one: products, sums of rows, sigmoids, exponentials.
pub fn check_elements<R: Real>(lab: &mut Lab, rows: usize, vectors: usize) {
    let width = vectors * LANES;
    let len = rows * width;
    let (a, b) = (lab.input::<R>(len), lab.input::<R>(len));
    let factors = lab.input::<R>(rows);
    let (before, sum): (Vec<R>, Vec<R>) = (lab.numbers(len), lab.numbers(width));
    let [product] = lab.run([&before], |simd, [out]| ops::multiply(simd, &a, &b, out));
    let [added] = lab.run([&before], |simd, [out]| {
        ops::multiply_add(simd, &a, &b, out)
    });
    let [scaled] = lab.run([&before], |simd, [out]| {
        ops::scale_rows(simd, &a, &factors, width, out);
    });
    let [total] = lab.run([&sum], |simd, [sum]| ops::add_rows(simd, &a, sum));
    let [sigmoids] = lab.run([&a], |simd, [z]| ops::sigmoids(simd, z));
    let [exponentials] = lab.run([&a], |simd, [z]| ops::exponentials(simd, z));

    let (a, b) = (matrix(&a, width), matrix(&b, width));
    let (before, sum) = (matrix(&before, width), matrix(&sum, width));
    let products = &a * &b;
    let what = format!("{rows} rows of {width}");
    let check = |ours: &[R], reference: Array2<f64>, absolute: Array2<f64>, relative: f64| {
        let bound = absolute * relative;
        hold(ours, reference.view(), bound.view(), &what);
    };
    let once = roundings::<R>(1);
    check(&product, products.clone(), products.abs(), once);
    let result = &before + &products;
    // The reference has two roundings, the first of the product.
    let absolute = result.abs() + products.abs() * unit::<f64>() / once;
    check(&added, result, absolute, once);
    let result = &a * &matrix(&factors, 1);
    check(&scaled, result.clone(), result.abs(), once);
    let column = |m: Array2<f64>| m.sum_axis(Axis(0)).insert_axis(Axis(0));
    let absolute = sum.abs() + column(a.abs());
    check(
        &total,
        sum + column(a.clone()),
        absolute,
        roundings::<R>(rows),
    );
    let result = a.mapv(|z| 1.0 / (1.0 + (-z).exp()));
    let sigmoid = function::<R>(3.0) + roundings::<f64>(3);
    check(&sigmoids, result.clone(), result, sigmoid);
    let result = a.mapv(f64::exp);
    let exponential = function::<R>(1.5) + roundings::<f64>(1);
    check(&exponentials, result.clone(), result, exponential);
}

#[test]
fn operations_on_elements_are_plain_arithmetic() {
    let mut lab = Lab::new(64);
    for rows in 1..=20 {
        for vectors in WIDTHS {
            check_elements::<f32>(&mut lab, rows, vectors);
            check_elements::<f64>(&mut lab, rows, vectors);
        }
    }
}

/// Cross-entropy and error of `classes` logits, for every label.
pub fn check_judge<R: Real>(lab: &mut Lab, classes: usize) {
    let mut logits: Vec<R> = arguments(lab, classes);
    // A tie, somewhere, with what may be the largest.
    let last = logits[classes - 1];
    logits[classes / 2] = last;
    let logits = lab.walled(&logits, f64::NAN);
    let z: Vec<f64> = logits.iter().map(|z| z.to_f64()).collect();
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = z.iter().position(|&z| z == largest);
    let sum: f64 = z.iter().map(|z| (z - largest).exp()).sum();
    for (label, own) in z.iter().enumerate() {
        let ours: Vec<[f64; 2]> = Simd::all()
            .into_iter()
            .map(|simd| ops::judge(simd, &logits, label as u32))
            .collect();
        let same = |[loss, error]: &[f64; 2]| {
            loss.to_bits() == ours[0][0].to_bits() && *error == ours[0][1]
        };
        assert!(ours.iter().all(same));
        let reference = sum.ln() - (own - largest);
        // Relative errors of the exponentials, whose arguments are off by a rounding of at most 16, and of two sums, are
        // absolute ones of the logarithm; then there are the logarithm's own ulp and two subtractions.
        let sums = function::<f64>(1.5) + 16.0 * unit::<f64>() + roundings::<f64>(classes + 4);
        let most = sums + 4.0 * unit::<f64>() * (sum.ln() + reference.abs() + 16.0);
        assert!((ours[0][0] - reference).abs() <= most);
        assert_eq!(ours[0][1], f64::from(u8::from(first != Some(label))));
    }
}

/// Cross-entropies of rows together, whatever stands in the padding, against those of one row.
pub fn check_cross_entropies<R: Real>(lab: &mut Lab, rows: usize, classes: usize) {
    let width = padded(classes);
    let mut logits: Vec<R> = lab.numbers(rows * width);
    check_losses(lab, &logits, classes, width, rows);
    // One that has left the finite numbers leaves the others alone.
    logits[(rows - 1) * width] = R::from_f64(f64::NAN);
    check_losses(lab, &logits, classes, width, rows - 1);
}

/// The losses of all rows, of which the first `finite` are numbers.
fn check_losses<R: Real>(lab: &mut Lab, logits: &[R], classes: usize, width: usize, finite: usize) {
    let rows = logits.len() / width;
    let logits = lab.walled(logits, f64::NAN);
    let labels: Vec<u32> = (0..rows).map(|b| (b * 7 % classes) as u32).collect();
    for simd in Simd::all() {
        let losses = ops::cross_entropies(simd, &logits, classes, width, &labels);
        let alone = logits.chunks_exact(width).zip(&labels);
        for (loss, (row, &label)) in losses.iter().zip(alone) {
            let [alone, _] = ops::judge(simd, &row[..classes], label);
            assert!(loss.to_bits() == alone.to_bits() || loss.is_nan() && alone.is_nan());
        }
        let are_numbers = losses[..finite].iter().all(|loss| *loss >= 0.0);
        assert!(are_numbers && losses[finite..rows].iter().all(|loss| loss.is_nan()));
    }
}

#[test]
fn losses_of_rows_together_are_those_of_each() {
    for rows in 1..=LANES {
        for classes in [1, 2, 10, 16, 17, 40] {
            check_cross_entropies::<f32>(&mut Lab::new(64), rows, classes);
            check_cross_entropies::<f64>(&mut Lab::new(64), rows, classes);
        }
    }
}

#[test]
fn losses_are_cross_entropies_and_errors_the_first_largest() {
    for classes in 1..=50 {
        check_judge::<f32>(&mut Lab::new(64), classes);
        check_judge::<f64>(&mut Lab::new(64), classes);
    }
}
