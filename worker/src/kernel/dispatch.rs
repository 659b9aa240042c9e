//! Chooses, once a call, the widest instructions that the machine has. The only unsafe code in Bistable.
//!
//! A kernel is written once, as plain loops over arrays, and compiled for each set of instructions. All of them compute
//! the same bits (see the module above), which a test checks.

#![expect(
    unsafe_code,
    reason = "calling a function compiled for instructions that the machine was just seen to have"
)]

use super::Real;

/// A kernel: a computation that is worth compiling for several instruction sets.
pub trait Kernel {
    /// What it returns.
    type Output;

    /// Runs it. Must be `#[inline(always)]`, as must everything that it calls, or the wider instructions are not used.
    fn run(self) -> Self::Output;
}

/// Runs `kernel` with the widest instructions that this machine has.
#[inline]
pub fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
        {
            // SAFETY: the machine has both features, as was just checked.
            return unsafe { run_avx2(kernel) };
        }
    }
    kernel.run()
}

/// Runs `kernel` without wider instructions: the slow path that the others are tested against.
pub fn run_plain<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

/// Whether fused multiply-adds run in hardware here; without, results are the same and some 90 times slower.
pub fn has_hardware_fma() -> bool {
    #[cfg(target_arch = "x86_64")]
    let has =
        std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let has = cfg!(target_arch = "aarch64");
    has
}

/// Squared Euclidean distance between `a` and `b`, accumulated in f64.
pub fn distance2<R: Real>(a: &[R], b: &[R]) -> f64 {
    run(super::ops::Distance2 { a, b })
}
