//! Plain arrays and single numbers: the meaning of every operation, for machines and compilers of any kind.

use super::{Arithmetic, LANES, Lanes, Real};

/// One number.
#[derive(Debug, Clone, Copy)]
pub struct Scalar;

impl<R: Real> Arithmetic<R> for Scalar {
    type V = R;

    #[inline(always)]
    fn splat(self, value: R) -> R {
        value
    }

    #[inline(always)]
    fn add(self, a: R, b: R) -> R {
        a + b
    }

    #[inline(always)]
    fn sub(self, a: R, b: R) -> R {
        a - b
    }

    #[inline(always)]
    fn mul(self, a: R, b: R) -> R {
        a * b
    }

    #[inline(always)]
    fn div(self, a: R, b: R) -> R {
        a / b
    }

    #[inline(always)]
    fn neg(self, a: R) -> R {
        -a
    }

    #[inline(always)]
    fn fma(self, a: R, b: R, c: R) -> R {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn fnma(self, a: R, b: R, c: R) -> R {
        (-a).mul_add(b, c)
    }

    #[inline(always)]
    fn select_gt(self, a: R, b: R, yes: R, no: R) -> R {
        if a > b { yes } else { no }
    }

    #[inline(always)]
    fn exp2_of_rounded(self, rounded: R) -> R {
        R::exp2_of_rounded(rounded)
    }
}

/// Sixteen numbers in an array.
#[derive(Debug, Clone, Copy)]
pub struct Arrays;

/// An operation of [`Scalar`] on every lane.
macro_rules! each_lane {
    ($($name:ident($($v:ident),*)),* $(,)?) => {$(
        #[inline(always)]
        fn $name(self, $($v: Self::V),*) -> Self::V {
            let mut out = [R::ZERO; LANES];
            for lane in 0..LANES {
                out[lane] = Scalar.$name($($v[lane]),*);
            }
            out
        }
    )*};
}

impl<R: Real> Arithmetic<R> for Arrays {
    type V = [R; LANES];

    #[inline(always)]
    fn splat(self, value: R) -> Self::V {
        [value; LANES]
    }

    each_lane!(
        add(a, b),
        sub(a, b),
        mul(a, b),
        div(a, b),
        neg(a),
        fma(a, b, c),
        fnma(a, b, c),
        select_gt(a, b, yes, no),
        exp2_of_rounded(rounded),
    );
}

impl<R: Real> Lanes<R> for Arrays {
    const ACCUMULATORS: usize = 4;

    #[inline(always)]
    fn load(self, from: &[R; LANES]) -> Self::V {
        *from
    }

    #[inline(always)]
    fn store(self, v: Self::V, to: &mut [R; LANES]) {
        *to = v;
    }

    #[inline(always)]
    fn tree(self, v: Self::V) -> R {
        let mut sums = v;
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
            width /= 2;
        }
        sums[0]
    }
}
