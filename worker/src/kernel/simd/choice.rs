//! Which instructions are used: asked for once a process, checked against the machine, then passed along as a value.

use std::fmt;

use super::{Arrays, Kernel};

/// What `--simd` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Mode {
    /// The widest that this machine has
    #[default]
    Auto,
    /// AVX-512 (x86-64)
    Avx512,
    /// AVX2 with FMA (x86-64)
    Avx2,
    /// NEON (AArch64)
    Neon,
    /// Plain arrays, with fused multiply-add in hardware
    Scalar,
    /// Plain arrays, also on a machine without fused multiply-add: the same results there, far slower
    Soft,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Scalar => "scalar",
            Self::Soft => "soft",
        })
    }
}

/// Why a mode cannot be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// It was asked for by name.
    #[error(
        "this machine does not have the instructions of `--simd {0}`; leave it out to use the widest there are"
    )]
    Asked(Mode),
    /// There is nothing that is fast enough to be chosen unasked.
    #[error(
        "this machine has no fused multiply-add instruction; `--simd soft` computes the same results without, far slower"
    )]
    NoFma,
}

/// Instructions that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simd(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512(super::avx512::Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(super::avx2::Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(super::neon::Neon),
    Scalar(Fma),
    Soft,
}

/// Proof that fused multiply-add runs in hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fma(());

impl Fma {
    fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        let has = std::arch::is_x86_feature_detected!("fma");
        #[cfg(not(target_arch = "x86_64"))]
        let has = cfg!(target_arch = "aarch64");
        has.then_some(Self(()))
    }
}

impl Simd {
    /// The instructions that `mode` asks for.
    ///
    /// # Errors
    /// If this machine does not have them.
    pub fn new(mode: Mode) -> Result<Self, Unavailable> {
        let set = match mode {
            Mode::Auto => return Self::widest().ok_or(Unavailable::NoFma),
            Mode::Avx512 => Self::avx512(),
            Mode::Avx2 => Self::avx2(),
            Mode::Neon => Self::neon(),
            Mode::Scalar => Fma::detect().map(|fma| Self(Set::Scalar(fma))),
            Mode::Soft => Some(Self(Set::Soft)),
        };
        set.ok_or(Unavailable::Asked(mode))
    }

    /// Every set that this machine has, the widest first.
    pub fn all() -> Vec<Self> {
        let modes = [
            Mode::Avx512,
            Mode::Avx2,
            Mode::Neon,
            Mode::Scalar,
            Mode::Soft,
        ];
        modes
            .into_iter()
            .filter_map(|mode| Self::new(mode).ok())
            .collect()
    }

    /// The widest that this machine has, software if need be: for one who computes little, such as a coordinator.
    pub fn any() -> Self {
        Self::widest().unwrap_or(Self(Set::Soft))
    }

    /// Software: what every machine has.
    pub fn soft() -> Self {
        Self(Set::Soft)
    }

    /// The mode that chooses exactly these instructions.
    pub fn mode(self) -> Mode {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => Mode::Avx512,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => Mode::Avx2,
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => Mode::Neon,
            Set::Scalar(_) => Mode::Scalar,
            Set::Soft => Mode::Soft,
        }
    }

    fn widest() -> Option<Self> {
        let scalar = || Fma::detect().map(|fma| Self(Set::Scalar(fma)));
        Self::avx512()
            .or_else(Self::avx2)
            .or_else(Self::neon)
            .or_else(scalar)
    }

    #[cfg(target_arch = "x86_64")]
    fn avx512() -> Option<Self> {
        super::avx512::Avx512::detect().map(|token| Self(Set::Avx512(token)))
    }

    #[cfg(target_arch = "x86_64")]
    fn avx2() -> Option<Self> {
        super::avx2::Avx2::detect().map(|token| Self(Set::Avx2(token)))
    }

    #[cfg(target_arch = "x86_64")]
    fn neon() -> Option<Self> {
        None
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn avx512() -> Option<Self> {
        None
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn avx2() -> Option<Self> {
        None
    }

    #[cfg(target_arch = "aarch64")]
    fn neon() -> Option<Self> {
        Some(Self(Set::Neon(super::neon::Neon::detect()?)))
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn neon() -> Option<Self> {
        None
    }

    /// Runs `kernel` with these instructions.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // SAFETY (all of them): the token was made by looking for the features.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(token) => unsafe { super::avx512::run(token, kernel) },
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(token) => unsafe { super::avx2::run(token, kernel) },
            #[cfg(target_arch = "aarch64")]
            Set::Neon(token) => kernel.run(token),
            #[cfg(target_arch = "x86_64")]
            Set::Scalar(_) => unsafe { run_with_fma(kernel) },
            #[cfg(not(target_arch = "x86_64"))]
            Set::Scalar(_) => kernel.run(Arrays),
            Set::Soft => kernel.run(Arrays),
        }
    }
}

/// Plain arrays, whatever the compiler makes of them. Must only be called on a machine with FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma")]
fn run_with_fma<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Arrays)
}
