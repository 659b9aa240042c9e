//! Every operation of every instruction set against its meaning on one number, bit for bit.

use clap::ValueEnum;

use super::{Arithmetic, Isa, Kernel, Lanes, Mode, Scalar, Simd, Unavailable};
use crate::kernel::{
    LANES, Real,
    elementary::{exp_of, expm1_of, sigmoid_of, tanh_of},
};

type Vector<R> = [R; LANES];

/// A type's bits, and values on which operations are most likely to differ.
trait Bits: Real {
    /// The exponents of normal powers of two.
    const EXPONENTS: std::ops::RangeInclusive<i32>;
    /// Zeros, units, ends of every range, infinities, quiet and signalling NaN.
    const SPECIAL: &'static [Self];

    fn from_bits(bits: u64) -> Self;
    fn bits(self) -> u64;
    fn power_of_two(n: i32) -> Self;
}

macro_rules! bits {
    ($real:ident, $word:ident, $exponents:expr, $signalling:literal) => {
        impl Bits for $real {
            const EXPONENTS: std::ops::RangeInclusive<i32> = $exponents;
            const SPECIAL: &'static [Self] = &[
                0.0,
                -0.0,
                1.0,
                -1.0,
                1.0 + $real::EPSILON,
                -1.0 + $real::EPSILON / 2.0,
                0.1,
                -3.7,
                1e5,
                $real::from_bits(1),
                -$real::from_bits(1),
                $real::MIN_POSITIVE,
                -$real::MIN_POSITIVE / 2.0,
                $real::MAX,
                $real::MIN,
                $real::INFINITY,
                $real::NEG_INFINITY,
                $real::NAN,
                -$real::NAN,
                $real::from_bits($signalling),
            ];

            fn from_bits(bits: u64) -> Self {
                $real::from_bits(bits as $word)
            }

            fn bits(self) -> u64 {
                self.to_bits().into()
            }

            fn power_of_two(n: i32) -> Self {
                $real::from(2u8).powi(n)
            }
        }
    };
}
bits!(f32, u32, -126..=127, 0x7f80_1234);
bits!(f64, u64, -1022..=1023, 0x7ff0_0000_0000_1234);

/// Equal bits; where arithmetic gives NaN, which one is nobody's promise, but it must be NaN in both.
fn same<R: Bits>(a: R, b: R) -> bool {
    a.bits() == b.bits() || (a.to_f64().is_nan() && b.to_f64().is_nan())
}

/// SplitMix64.
fn random_bits(count: usize) -> impl Iterator<Item = u64> {
    (1..=count as u64).map(|j| {
        let z = j.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// Operands that fill sixteen lanes, `N` to an operation: all combinations of the special values, then any bits.
fn operands<R: Bits, const N: usize>(random: usize) -> Vec<[Vector<R>; N]> {
    let special = R::SPECIAL;
    let all = (0..special.len().pow(N as u32))
        .map(|j| std::array::from_fn(|k| special[j / special.len().pow(k as u32) % special.len()]));
    let any: Vec<R> = random_bits(N * random).map(R::from_bits).collect();
    let any = any
        .chunks_exact(N)
        .map(|chunk| std::array::from_fn(|k| chunk[k]));
    let tuples: Vec<[R; N]> = all.chain(any).collect();
    let groups = tuples.chunks_exact(LANES);
    groups
        .map(|group| std::array::from_fn(|k| std::array::from_fn(|lane| group[lane][k])))
        .collect()
}

/// Names a group of operations on vectors and runs it with an instruction set.
macro_rules! group {
    ($group:ident<$n:literal>($s:ident, [$($v:ident),*]) -> $out:ty { $($name:ident: $body:expr),* $(,)? }) => {
        struct $group<'a, R>(&'a [Vector<R>; $n]);

        impl<R: Real> Kernel for $group<'_, R> {
            type Output = Vec<(&'static str, $out)>;

            #[inline(always)]
            fn run<S: Isa>(self, isa: S) -> Self::Output {
                let $s = R::lanes(isa);
                let [$($v),*] = self.0;
                $(let $v = $s.load($v);)*
                vec![$((stringify!($name), $body)),*]
            }
        }
    };
}

#[inline(always)]
fn stored<R: Real, S: Lanes<R>>(s: S, v: S::V) -> Vector<R> {
    let mut out = [R::ZERO; LANES];
    s.store(v, &mut out);
    out
}

group!(Arithmetics<3>(s, [a, b, c]) -> Vector<R> {
    add: stored(s, s.add(a, b)),
    sub: stored(s, s.sub(a, b)),
    mul: stored(s, s.mul(a, b)),
    div: stored(s, s.div(a, b)),
    fma: stored(s, s.fma(a, b, c)),
    fnma: stored(s, s.fnma(a, b, c)),
});

/// The meaning of each of [`Arithmetics`].
fn arithmetic<R: Real>(name: &str, [a, b, c]: [R; 3]) -> R {
    match name {
        "add" => a + b,
        "sub" => a - b,
        "mul" => a * b,
        "div" => a / b,
        "fma" => a.mul_add(b, c),
        "fnma" => (-a).mul_add(b, c),
        _ => unreachable!("{name}"),
    }
}

fn check_arithmetic<R: Bits>() {
    for operands in operands::<R, 3>(8192) {
        for simd in Simd::all() {
            for (name, ours) in simd.run(Arithmetics(&operands)) {
                for (lane, ours) in ours.into_iter().enumerate() {
                    let of = operands.map(|v| v[lane]);
                    let expected = arithmetic(name, of);
                    assert!(
                        same(ours, expected),
                        "{name} of {of:?} is {ours:?}, not {expected:?}, in {simd:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn arithmetic_is_ieee_754_in_every_set() {
    check_arithmetic::<f32>();
    check_arithmetic::<f64>();
}

/// A hash (FNV-1a) of all results of fused multiply-add on the operands, whatever NaN there is.
fn fused_bits<R: Bits>() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for operands in operands::<R, 3>(8192) {
        let results = Simd::any().run(Arithmetics(&operands));
        let fused = results.iter().filter(|(name, _)| name.ends_with("fma"));
        for value in fused.flat_map(|(_, values)| values) {
            let bits = match value.to_f64().is_nan() {
                true => u64::MAX,
                false => value.bits(),
            };
            hash = (hash ^ bits).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// On a machine without the instruction this is what holds software to what hardware gives.
#[test]
fn golden_bits_of_fused_multiply_add_never_change() {
    assert_eq!(fused_bits::<f32>(), 0xed36_a990_604f_b392);
    assert_eq!(fused_bits::<f64>(), 0x34fa_d083_351c_1249);
}

group!(Moves<4>(s, [a, b, c, d]) -> Vector<R> {
    load_and_store: stored(s, a),
    splat: {
        let first = stored(s, a)[0];
        stored(s, s.splat(first))
    },
    neg: stored(s, s.neg(a)),
    select_gt: stored(s, s.select_gt(a, b, c, d)),
    exp2_of_rounded: stored(s, s.exp2_of_rounded(a)),
});

/// The meaning of each of [`Moves`], in lane `lane`.
fn moved<R: Real>(name: &str, lane: usize, [a, b, c, d]: &[Vector<R>; 4]) -> R {
    match name {
        "load_and_store" => a[lane],
        "splat" => a[0],
        "neg" => -a[lane],
        "select_gt" if a[lane] > b[lane] => c[lane],
        "select_gt" => d[lane],
        "exp2_of_rounded" => R::exp2_of_rounded(a[lane]),
        _ => unreachable!("{name}"),
    }
}

/// These only move bits, so even a NaN keeps its own.
fn check_moves<R: Bits>() {
    let pairs = operands::<R, 2>(4096).into_iter();
    for ([a, b], [c, d]) in pairs.zip(operands::<R, 2>(4096).into_iter().rev()) {
        let operands = [a, b, c, d];
        for simd in Simd::all() {
            for (name, ours) in simd.run(Moves(&operands)) {
                for (lane, ours) in ours.into_iter().enumerate() {
                    let expected = moved(name, lane, &operands);
                    assert!(
                        ours.bits() == expected.bits(),
                        "{name} gives {ours:?}, not {expected:?}, in lane {lane} of {operands:?} in {simd:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn moves_keep_every_bit_in_every_set() {
    check_moves::<f32>();
    check_moves::<f64>();
}

fn check_powers<R: Bits>() {
    for n in R::EXPONENTS {
        let rounded = R::from_f64(n.into()) + R::ROUNDER;
        let operands = [[rounded; LANES]; 4];
        for simd in Simd::all() {
            let results = simd.run(Moves(&operands));
            let power = results.iter().find(|(name, _)| *name == "exp2_of_rounded");
            let expected = [R::power_of_two(n); LANES];
            assert_eq!(power.map(|p| p.1), Some(expected), "2^{n} in {simd:?}");
        }
    }
}

#[test]
fn powers_of_two_are_exact_over_the_whole_range() {
    check_powers::<f32>();
    check_powers::<f64>();
}

group!(Trees<4>(s, [a, b, c, d]) -> [R; 4] {
    tree: [s.tree(a), s.tree(b), s.tree(c), s.tree(d)],
    trees: s.trees([a, b, c, d]),
});

/// The one order of a horizontal sum: halves onto halves.
fn tree<R: Real>(lanes: &[R]) -> R {
    match lanes {
        [sum] => *sum,
        _ => {
            let (low, high) = lanes.split_at(lanes.len() / 2);
            let sums: Vec<R> = low.iter().zip(high).map(|(&a, &b)| a + b).collect();
            tree(&sums)
        }
    }
}

fn check_trees<R: Bits>(operands: &[[Vector<R>; 4]]) {
    for operands in operands {
        let expected = operands.map(|v| tree(&v));
        for simd in Simd::all() {
            for (name, ours) in simd.run(Trees(operands)) {
                for (ours, expected) in ours.into_iter().zip(expected) {
                    assert!(
                        same(ours, expected),
                        "{name} is {ours:?}, not {expected:?}, of {operands:?} in {simd:?}"
                    );
                }
            }
        }
    }
}

/// Numbers of like size, of which every order of addition makes another sum.
fn numbers<R: Bits>(count: usize) -> Vec<[Vector<R>; 4]> {
    let values: Vec<R> = random_bits(count * 4 * LANES)
        .map(|bits| R::from_f64((bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0))
        .collect();
    let vectors = |chunk: &[R]| std::array::from_fn(|k| std::array::from_fn(|j| chunk[16 * k + j]));
    values.chunks_exact(4 * LANES).map(vectors).collect()
}

/// Zero but for two lanes, so that every pair of special values meets.
fn pairs_of_lanes<R: Bits>() -> Vec<[Vector<R>; 4]> {
    let mut all = Vec::new();
    for lane in 0..LANES {
        for other in 0..lane {
            for pair in R::SPECIAL.windows(2) {
                let mut v = [-R::ZERO; LANES];
                (v[lane], v[other]) = (pair[0], pair[1]);
                all.push([v, [R::ONE; LANES], v, [R::ZERO; LANES]]);
            }
        }
    }
    all
}

#[test]
fn sums_over_lanes_have_one_order_in_every_set() {
    check_trees(&numbers::<f32>(256));
    check_trees(&numbers::<f64>(256));
    check_trees(&pairs_of_lanes::<f32>());
    check_trees(&pairs_of_lanes::<f64>());
}

group!(Elementary<1>(s, [z]) -> Vector<R> {
    exp: stored(s, exp_of(s, z)),
    expm1: stored(s, expm1_of(s, z)),
    tanh: stored(s, tanh_of(s, z)),
    sigmoid: stored(s, sigmoid_of(s, z)),
});

fn elementary<R: Real>(name: &str, z: R) -> R {
    match name {
        "exp" => exp_of(Scalar, z),
        "expm1" => expm1_of(Scalar, z),
        "tanh" => tanh_of(Scalar, z),
        "sigmoid" => sigmoid_of(Scalar, z),
        _ => unreachable!("{name}"),
    }
}

fn check_elementary<R: Bits>() {
    let numbers = numbers::<R>(64).into_iter().flatten();
    let numbers = numbers.map(|v| [v.map(|z| z * R::from_f64(100.0))]);
    for operands in operands::<R, 1>(4096).into_iter().chain(numbers) {
        for simd in Simd::all() {
            for (name, ours) in simd.run(Elementary(&operands)) {
                for (ours, z) in ours.into_iter().zip(operands[0]) {
                    let expected = elementary(name, z);
                    assert!(
                        same(ours, expected),
                        "{name}({z:?}) is {ours:?}, not {expected:?}, in {simd:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn elementary_functions_of_vectors_are_those_of_numbers() {
    check_elementary::<f32>();
    check_elementary::<f64>();
}

#[test]
fn a_mode_is_what_it_says_or_refused() {
    for mode in Mode::value_variants() {
        match Simd::new(*mode) {
            Ok(simd) if *mode == Mode::Auto => assert_eq!(Some(&simd), Simd::all().first()),
            Ok(simd) => assert_eq!(simd.mode(), *mode),
            Err(error) if *mode == Mode::Auto => assert_eq!(error, Unavailable::NoFma),
            Err(error) => {
                assert_eq!(error, Unavailable::Asked(*mode));
                assert_eq!(
                    error.to_string(),
                    format!(
                        "this machine does not have the instructions of `--simd {mode}`; leave it out to use the widest there are"
                    )
                );
            }
        }
        let name = mode.to_possible_value().map(|v| v.get_name().to_owned());
        assert_eq!(name, Some(mode.to_string()));
    }
    let modes = [Mode::Neon, Mode::Avx2].map(|mode| Simd::new(mode).is_ok());
    assert_ne!(modes, [true, true], "no machine has both");
}

#[test]
fn auto_is_the_widest_and_never_software() {
    let all = Simd::all();
    let last = all.last().map(|simd| simd.mode());
    assert_eq!(last, Some(Mode::Soft), "software runs everywhere");
    match Simd::new(Mode::Auto) {
        Ok(widest) => {
            assert_eq!(widest, all[0]);
            assert_ne!(widest.mode(), Mode::Soft);
            assert_eq!(widest, Simd::any());
        }
        Err(error) => {
            assert_eq!(all.len(), 1);
            assert_eq!(Simd::any().mode(), Mode::Soft);
            assert!(error.to_string().contains("`--simd soft`"));
        }
    }
}
