//! The vector operations, on rows padded to a multiple of sixteen. Each is compiled for every instruction set and called
//! with the one in use; what calls them is ordinary code.

mod algebra;
mod combine;
mod distance;
mod dots;
mod group;
mod layers;
mod narrow;
mod sparse;
#[cfg(test)]
mod tests;

pub use algebra::{add_multiple, dot, scale, shift};
pub use combine::combine;
pub use distance::distance2;
pub use dots::{add_dots, dot_rows};
pub use group::{
    descend, dot_lanes, mean_products_lanes, scale_lanes, softmax_along_lanes, softmax_lanes,
};
pub use layers::{
    activate, add_rows, bend_rows, cross_entropies, exponentials, judge, misses, multiply,
    multiply_add, scale_rows, sigmoids, softmax, softmax_along,
};
pub use narrow::sparse_scatter;
pub use sparse::{gather, sparse_forward, sparse_update};

use super::LANES;

/// Declares a function that runs `$body`, a function of the lanes in use, as a kernel.
macro_rules! kernel {
    ($(#[$doc:meta])* pub fn $name:ident<$a:lifetime, R>($($arg:ident: $ty:ty),* $(,)?) $(-> $out:ty)? = $body:expr) => {
        $(#[$doc])*
        pub fn $name<$a, R: $crate::kernel::Real>(
            simd: $crate::kernel::Simd,
            $($arg: $ty),*
        ) $(-> $out)? {
            struct Call<$a, R> {
                $($arg: $ty),*
            }
            impl<$a, R: $crate::kernel::Real> $crate::kernel::simd::Kernel for Call<$a, R> {
                type Output = kernel!(@output $($out)?);

                #[inline(always)]
                fn run<S: $crate::kernel::simd::Isa>(self, isa: S) -> Self::Output {
                    $body(R::lanes(isa), $(self.$arg),*)
                }
            }
            simd.run(Call { $($arg),* })
        }
    };
    (@output) => { () };
    (@output $out:ty) => { $out };
}
pub(crate) use kernel;

/// A padded row as vectors.
#[inline(always)]
fn vectors<R>(row: &[R]) -> &[[R; LANES]] {
    row.as_chunks().0
}

/// A padded row as vectors.
#[inline(always)]
fn vectors_mut<R>(row: &mut [R]) -> &mut [[R; LANES]] {
    row.as_chunks_mut().0
}

/// `N` vectors from `first` on.
#[inline(always)]
fn block<const N: usize, R>(vectors: &[[R; LANES]], first: usize) -> &[[R; LANES]; N] {
    vectors[first..]
        .first_chunk()
        .expect("callers pass blocks that lie inside")
}

/// `N` vectors from `first` on.
#[inline(always)]
fn block_mut<const N: usize, R>(vectors: &mut [[R; LANES]], first: usize) -> &mut [[R; LANES]; N] {
    vectors[first..]
        .first_chunk_mut()
        .expect("callers pass blocks that lie inside")
}
