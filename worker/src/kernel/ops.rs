//! The vector operations of dense and sparse layers, on padded rows. `B` samples, layers `i -> o`.
//!
//! Everything here is `#[inline(always)]` so that [`super::dispatch`] can compile it for wider instructions. Weights of
//! the first layer are input-major (`[i][o]`, a pixel's row is contiguous), those of all others output-major (`[o][i]`).

use super::{LANES, Real, SparseRows, dispatch::Kernel};

/// Lanes that are carried side by side, to hide the latency of an addition.
const GROUP: usize = 4;

/// One group of lanes. Kernels work on local copies of them: behind two references the compiler must assume an overlap,
/// and then does one element at a time.
pub type Lanes<R> = [R; LANES];

/// A padded row as groups of lanes.
#[inline(always)]
pub fn lanes<R: Real>(row: &[R]) -> &[Lanes<R>] {
    row.as_chunks().0
}

/// A padded row as groups of lanes.
#[inline(always)]
pub fn lanes_mut<R: Real>(row: &mut [R]) -> &mut [Lanes<R>] {
    row.as_chunks_mut().0
}

/// `sum + factor * row`, lane by lane.
#[inline(always)]
pub fn fma<R: Real>(mut sum: Lanes<R>, factor: R, row: &Lanes<R>) -> Lanes<R> {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum = factor.mul_add(*value, *sum);
    }
    sum
}

#[inline(always)]
fn fma_pairs<R: Real>(mut sum: Lanes<R>, a: &Lanes<R>, b: &Lanes<R>) -> Lanes<R> {
    for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
        *sum = a.mul_add(*b, *sum);
    }
    sum
}

/// Adds 16 lanes by the one tree: halves onto halves.
#[inline(always)]
pub fn tree<R: Real>(lanes: &Lanes<R>) -> R {
    let mut sums = *lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for j in 0..width {
            sums[j] += sums[j + width];
        }
        width /= 2;
    }
    sums[0]
}

/// `<a, b>`; both padded.
#[inline(always)]
pub fn dot<R: Real>(a: &[R], b: &[R]) -> R {
    let mut sum = [R::ZERO; LANES];
    for (a, b) in lanes(a).iter().zip(lanes(b)) {
        sum = fma_pairs(sum, a, b);
    }
    tree(&sum)
}

/// `GROUP` dot products with a common left side.
#[inline(always)]
fn dots<R: Real>(a: &[R], rows: [&[R]; GROUP]) -> [R; GROUP] {
    let mut sums = [[R::ZERO; LANES]; GROUP];
    let chunks = lanes(a);
    let rows = rows.map(|row| &lanes(row)[..chunks.len()]);
    for (c, a) in chunks.iter().enumerate() {
        sums = std::array::from_fn(|n| fma_pairs(sums[n], a, &rows[n][c]));
    }
    sums.map(|sum| tree(&sum))
}

/// First layer, forward: `z[b] = bias + sum_p x[b][p] w[p]`.
#[inline(always)]
pub fn sparse_forward<R: Real>(
    data: &SparseRows<R>,
    batch: &[u32],
    w: &[R],
    bias: &[R],
    z: &mut [R],
) {
    let width = bias.len();
    for (&row, z) in batch.iter().zip(z.chunks_exact_mut(width)) {
        let (columns, values) = data.row(row);
        let mut first = 0;
        while first + GROUP * LANES <= width {
            sparse_chunk::<R, GROUP>(columns, values, w, bias, z, first);
            first += GROUP * LANES;
        }
        while first < width {
            sparse_chunk::<R, 1>(columns, values, w, bias, z, first);
            first += LANES;
        }
    }
}

/// `N` groups of lanes of one sample's first layer, kept in registers over all of its pixels.
#[inline(always)]
fn sparse_chunk<R: Real, const N: usize>(
    columns: &[u16],
    values: &[R],
    w: &[R],
    bias: &[R],
    z: &mut [R],
    first: usize,
) {
    let width = bias.len();
    let mut sums = [[R::ZERO; LANES]; N];
    let range = first..first + N * LANES;
    for (sum, bias) in sums.iter_mut().zip(lanes(&bias[range.clone()])) {
        *sum = *bias;
    }
    for (&column, &value) in columns.iter().zip(values) {
        let start = usize::from(column) * width + first;
        let row = lanes(&w[start..start + N * LANES]);
        for (sum, row) in sums.iter_mut().zip(row) {
            *sum = fma(*sum, value, row);
        }
    }
    for (z, sum) in lanes_mut(&mut z[range]).iter_mut().zip(sums) {
        *z = sum;
    }
}

/// First layer, update: `w[p] += x[b][p] delta[b]`, `bias += delta[b]`, sample by sample.
#[inline(always)]
pub fn sparse_update<R: Real>(
    data: &SparseRows<R>,
    batch: &[u32],
    delta: &[R],
    w: &mut [R],
    bias: &mut [R],
) {
    let width = bias.len();
    for (&row, delta) in batch.iter().zip(delta.chunks_exact(width)) {
        let (columns, values) = data.row(row);
        for (&column, &value) in columns.iter().zip(values) {
            let start = usize::from(column) * width;
            axpy(value, delta, &mut w[start..start + width]);
        }
        add(delta, bias);
    }
}

/// `y += a x`.
#[inline(always)]
pub fn axpy<R: Real>(a: R, x: &[R], y: &mut [R]) {
    for (y, x) in lanes_mut(y).iter_mut().zip(lanes(x)) {
        *y = fma(*y, a, x);
    }
}

/// `y += x`.
#[inline(always)]
pub fn add<R: Real>(x: &[R], y: &mut [R]) {
    for (y, x) in lanes_mut(y).iter_mut().zip(lanes(x)) {
        let mut sum = *y;
        for (sum, x) in sum.iter_mut().zip(x) {
            *sum += *x;
        }
        *y = sum;
    }
}

/// Later layers, forward: `z[b][o] += <a[b], w[o]>`, for the `outputs` that are not padding.
#[inline(always)]
pub fn dense_forward<R: Real>(a: &[R], inputs: usize, w: &[R], outputs: usize, z: &mut [R]) {
    let width = outputs.next_multiple_of(LANES);
    for (a, z) in a.chunks_exact(inputs).zip(z.chunks_exact_mut(width)) {
        let row = |o: usize| &w[o * inputs..(o + 1) * inputs];
        let mut o = 0;
        while o + GROUP <= outputs {
            let sums = dots(a, [row(o), row(o + 1), row(o + 2), row(o + 3)]);
            for (z, sum) in z[o..o + GROUP].iter_mut().zip(sums) {
                *z += sum;
            }
            o += GROUP;
        }
        while o < outputs {
            z[o] += dot(a, row(o));
            o += 1;
        }
    }
}

/// Later layers, backward: `u[b] += sum_o delta[b][o] w[o]`, in the order of outputs.
#[inline(always)]
pub fn dense_backward<R: Real>(delta: &[R], w: &[R], outputs: usize, inputs: usize, u: &mut [R]) {
    let width = outputs.next_multiple_of(LANES);
    for (delta, u) in delta.chunks_exact(width).zip(u.chunks_exact_mut(inputs)) {
        for (delta, w) in delta[..outputs].iter().zip(w.chunks_exact(inputs)) {
            axpy(*delta, w, u);
        }
    }
}

/// Later layers, update: `w[o] += delta[b][o] a[b]`, `bias += delta[b]`, sample by sample.
#[inline(always)]
pub fn dense_update<R: Real>(
    delta: &[R],
    outputs: usize,
    a: &[R],
    inputs: usize,
    w: &mut [R],
    bias: Option<&mut [R]>,
) {
    let width = outputs.next_multiple_of(LANES);
    for (delta, a) in delta.chunks_exact(width).zip(a.chunks_exact(inputs)) {
        for (delta, w) in delta[..outputs].iter().zip(w.chunks_exact_mut(inputs)) {
            axpy(*delta, a, w);
        }
    }
    if let Some(bias) = bias {
        delta.chunks_exact(width).for_each(|delta| add(delta, bias));
    }
}

/// `out = a * b`, element by element.
#[inline(always)]
pub fn multiply<R: Real>(a: &[R], b: &[R], out: &mut [R]) {
    for ((out, a), b) in lanes_mut(out).iter_mut().zip(lanes(a)).zip(lanes(b)) {
        let mut product = *a;
        for (product, b) in product.iter_mut().zip(b) {
            *product = *product * *b;
        }
        *out = product;
    }
}

/// `out += a * b`, element by element, with one rounding.
#[inline(always)]
pub fn multiply_add<R: Real>(a: &[R], b: &[R], out: &mut [R]) {
    for ((out, a), b) in lanes_mut(out).iter_mut().zip(lanes(a)).zip(lanes(b)) {
        *out = fma_pairs(*out, a, b);
    }
}

/// `rows[b] = source[b] * factors[b]`, for rows of `width`.
#[inline(always)]
pub fn scale_rows<R: Real>(source: &[R], factors: &[R], width: usize, rows: &mut [R]) {
    let pairs = source.chunks_exact(width).zip(rows.chunks_exact_mut(width));
    for ((source, row), &factor) in pairs.zip(factors) {
        for (row, source) in lanes_mut(row).iter_mut().zip(lanes(source)) {
            *row = source.map(|value| factor * value);
        }
    }
}

/// Squared Euclidean distance, accumulated in f64.
pub struct Distance2<'a, R> {
    /// One end.
    pub a: &'a [R],
    /// The other end, of the same length.
    pub b: &'a [R],
}

impl<R: Real> Kernel for Distance2<'_, R> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        assert_eq!(self.a.len(), self.b.len());
        let mut sum = [0.0f64; LANES];
        let (a, b) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        for (a, b) in a.0.iter().zip(b.0) {
            for j in 0..LANES {
                let difference = a[j].to_f64() - b[j].to_f64();
                sum[j] = difference.mul_add(difference, sum[j]);
            }
        }
        for (j, (a, b)) in a.1.iter().zip(b.1).enumerate() {
            let difference = a.to_f64() - b.to_f64();
            sum[j] = difference.mul_add(difference, sum[j]);
        }
        tree(&sum)
    }
}
