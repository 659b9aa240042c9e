//! Sixteen lanes as a few registers: [`super::Lanes`] from the operations on one register.

/// Implements `Arithmetic` and `Lanes` for a token, given a module `$ops` with the operations on one register of `$width`
/// values and `tree`, `trees` on all of them.
macro_rules! lanes {
    ($token:ty, $real:ty, [$register:ty; $count:literal], [$($k:literal)*], $width:literal, $accumulators:literal, $ops:ident) => {
        // No pointer can leave its sixteen values, so there is nothing to assert when the program runs: `load` and `store`
        // take references to arrays of sixteen, and the compiler checks here that every register is within them.
        const _: () = {
            assert!(size_of::<$register>() == $width * size_of::<$real>());
            assert!($count * $width == $crate::kernel::LANES);
            $(assert!(($k + 1) * $width <= $crate::kernel::LANES);)*
        };

        // SAFETY (every block below): a token exists only if the machine has the instructions; pointers are to sixteen
        // values, of which each register reads or writes its own.
        impl $crate::kernel::simd::Arithmetic<$real> for $token {
            type V = [$register; $count];

            #[inline(always)]
            fn splat(self, value: $real) -> Self::V {
                unsafe { [$ops::splat(value); $count] }
            }

            #[inline(always)]
            fn add(self, a: Self::V, b: Self::V) -> Self::V {
                unsafe { [$($ops::add(a[$k], b[$k])),*] }
            }

            #[inline(always)]
            fn sub(self, a: Self::V, b: Self::V) -> Self::V {
                unsafe { [$($ops::sub(a[$k], b[$k])),*] }
            }

            #[inline(always)]
            fn mul(self, a: Self::V, b: Self::V) -> Self::V {
                unsafe { [$($ops::mul(a[$k], b[$k])),*] }
            }

            #[inline(always)]
            fn div(self, a: Self::V, b: Self::V) -> Self::V {
                unsafe { [$($ops::div(a[$k], b[$k])),*] }
            }

            #[inline(always)]
            fn neg(self, a: Self::V) -> Self::V {
                unsafe { [$($ops::neg(a[$k])),*] }
            }

            #[inline(always)]
            fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                unsafe { [$($ops::fma(a[$k], b[$k], c[$k])),*] }
            }

            #[inline(always)]
            fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                unsafe { [$($ops::fnma(a[$k], b[$k], c[$k])),*] }
            }

            #[inline(always)]
            fn select_gt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
                unsafe { [$($ops::select_gt(a[$k], b[$k], yes[$k], no[$k])),*] }
            }

            #[inline(always)]
            fn exp2_of_rounded(self, rounded: Self::V) -> Self::V {
                unsafe { [$($ops::exp2_of_rounded(rounded[$k])),*] }
            }
        }

        impl $crate::kernel::simd::Lanes<$real> for $token {
            const ACCUMULATORS: usize = $accumulators;

            #[inline(always)]
            fn load(self, from: &[$real; $crate::kernel::LANES]) -> Self::V {
                let from = from.as_ptr();
                unsafe { [$($ops::load(from.add($k * $width))),*] }
            }

            #[inline(always)]
            fn store(self, v: Self::V, to: &mut [$real; $crate::kernel::LANES]) {
                let to = to.as_mut_ptr();
                unsafe { $($ops::store(to.add($k * $width), v[$k]);)* }
            }

            #[inline(always)]
            fn tree(self, v: Self::V) -> $real {
                unsafe { $ops::tree(v) }
            }

            #[inline(always)]
            fn trees(self, v: [Self::V; 4]) -> [$real; 4] {
                unsafe { $ops::trees(v) }
            }
        }
    };
}

pub(super) use lanes;
