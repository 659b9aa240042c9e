//! Changes of an input: of its bytes, of the numbers in a text, of the fields of a message.

use super::{Language, Random, message};

/// Numbers at the edges of something.
const EDGES: [u64; 16] = [
    0,
    1,
    15,
    16,
    17,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
    1 << 60,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

/// The same, as a text writes them, with some that are no numbers.
const NUMBERS: [&str; 20] = [
    "0",
    "1",
    "-1",
    "16",
    "65535",
    "65537",
    "16777216",
    "4294967295",
    "4294967296",
    "1152921504606846976",
    "9223372036854775807",
    "18446744073709551615",
    "340282366920938463463374607431768211456",
    "0.0",
    "-0.0",
    "1e308",
    "1e-320",
    "1e999",
    "nan",
    "0x7fffffffffffffff",
];

pub struct Mutator<'w> {
    language: Language,
    words: &'w [&'w [u8]],
}

impl<'w> Mutator<'w> {
    pub fn new(language: Language, words: &'w [&'w [u8]]) -> Self {
        Self { language, words }
    }

    /// Changes `input` once; `other` is there to take from.
    pub fn mutate(&self, random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
        let special = random.below(3) > 0;
        match self.language {
            Language::Text if special => number(random, input),
            Language::Messages if special => message::mutate(random, input, other),
            _ => self.bytes(random, input, other),
        }
    }

    fn bytes(&self, random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
        match random.below(10) {
            0 => flip(random, input),
            1 => overwrite(random, input),
            2 => input.truncate(random.below(input.len() + 1)),
            3 => drop(input.drain(random.piece(input.len()))),
            4 => {
                let piece = input[random.piece(input.len())].to_vec();
                insert(random, input, &piece);
            }
            5 => {
                let piece = other[random.piece(other.len())].to_vec();
                insert(random, input, &piece);
            }
            6 => {
                // The beginning of one, the end of the other.
                input.truncate(random.below(input.len() + 1));
                input.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            7 => {
                let noise: Vec<u8> = (0..=random.below(8)).map(|_| random.next() as u8).collect();
                insert(random, input, &noise);
            }
            8 if !self.words.is_empty() => {
                let word = *random.pick(self.words);
                insert(random, input, word);
            }
            _ => {
                let piece = input[random.piece(input.len())].to_vec();
                for _ in 0..random.below(20) {
                    insert(random, input, &piece);
                }
            }
        }
    }
}

fn insert(random: &mut Random, input: &mut Vec<u8>, piece: &[u8]) {
    let at = random.below(input.len() + 1);
    input.splice(at..at, piece.iter().copied());
}

fn flip(random: &mut Random, input: &mut [u8]) {
    if !input.is_empty() {
        let at = random.below(input.len());
        input[at] ^= 1 << random.below(8);
    }
}

/// Writes a number over what is there, as formats do: 1, 4 or 8 bytes, either end first.
fn overwrite(random: &mut Random, input: &mut [u8]) {
    let number = match random.below(4) {
        0 => random.next(),
        1 => random
            .pick(&[f64::NAN, f64::INFINITY, -1.0, 5e-324])
            .to_bits(),
        _ => *random.pick(&EDGES),
    };
    let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
    let bytes = match random.below(5) {
        0 => &little[..1],
        1 => &little[..4],
        2 => &little,
        3 => &big[4..],
        _ => &big,
    };
    if input.len() >= bytes.len() {
        // Formats have their numbers at even places.
        let at = random.below(input.len() - bytes.len() + 1) & !(random.below(2) * 3);
        input[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// Writes another number where a text has one.
fn number(random: &mut Random, input: &mut Vec<u8>) {
    let digit = |at: &usize| input[*at].is_ascii_digit();
    let starts = (0..input.len()).filter(|at| digit(at) && (*at == 0 || !digit(&(at - 1))));
    let starts: Vec<usize> = starts.collect();
    if starts.is_empty() {
        return flip(random, input);
    }
    let start = *random.pick(&starts);
    let length = input[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number = random.pick(&NUMBERS).bytes();
    input.splice(start..start + length, number);
}

/// A number for a field.
pub fn edge(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => random.next() >> random.below(64),
        _ => *random.pick(&EDGES),
    }
}
