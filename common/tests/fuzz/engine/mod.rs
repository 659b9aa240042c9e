//! Fuzzing on the stable toolchain: valid examples are mutated, and whatever a decoder answers in a new way is mutated
//! further. Without instrumentation the answers are the guide: new words are a new path.
//!
//! `cargo test` runs a fixed number of cases from a fixed seed. `BISTABLE_FUZZ_SECONDS=60` runs each target for that long
//! from a random seed instead. A failure prints the input, shrunk; `BISTABLE_FUZZ_INPUT=HEX` runs a target on it alone.
#![allow(dead_code, reason = "each crate uses its own part of it")]

mod message;
mod mutate;
mod random;

use std::{
    collections::HashSet,
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    thread::available_parallelism,
    time::{Duration, Instant},
};

use mutate::Mutator;
use random::Random;

/// Cases where no time is given.
const CASES: u64 = 2_000;

/// Inputs that were answered in a new way, at most; an old one makes room.
const MAX_CORPUS: usize = 4096;

/// The longest input that is tried.
const MAX_BYTES: usize = 1 << 16;

/// Far above what any case takes.
const HANG: Duration = Duration::from_secs(20);

/// Cases between two looks at the memory, whose inputs are remembered.
const LOOK_EVERY: usize = 64;

/// Address space that a process of fuzz targets may ever have taken, without its threads' arenas.
const MAX_KIB: u64 = 5 << 20;

/// Arenas for each core: the C library reserves up to eight of 64 MiB where many threads allocate.
const ARENAS_KIB: u64 = 8 * (64 << 10);

/// Words of an answer that tell its kind.
const KIND_WORDS: usize = 24;

/// Tries to make a failing input shorter.
const SHRINKS: usize = 400;

/// What mutations know of the inputs' language.
#[derive(Clone, Copy)]
pub enum Language {
    Binary,
    Text,
    /// Protocol buffers.
    Messages,
}

/// A fuzz target: `decode` panics or answers, and its answer says which way it went.
pub struct Target<'a> {
    pub name: &'a str,
    pub language: Language,
    /// Valid inputs, and what is not valid but near.
    pub seeds: Vec<Vec<u8>>,
    /// What mutations insert.
    pub words: &'a [&'a [u8]],
}

impl Target<'_> {
    pub fn run(self, decode: impl Fn(&[u8]) -> String) {
        if let Ok(input) = env::var("BISTABLE_FUZZ_INPUT") {
            println!("{}: {}", self.name, decode(&from_hex(&input)));
            return;
        }
        let budget = Budget::from_env();
        let seed = budget.seed();
        println!("{}: seed {seed}", self.name);
        let mut campaign = Campaign {
            mutator: Mutator::new(self.language, self.words),
            random: Random(seed),
            corpus: Vec::new(),
            seen: HashSet::new(),
            recent: Vec::new(),
            target: self,
        };
        let cases = campaign.run(&budget, &decode);
        println!(
            "{}: {cases} cases, {} kinds of answers",
            campaign.target.name,
            campaign.seen.len()
        );
    }
}

/// How long a target runs.
enum Budget {
    Cases(u64),
    Until(Instant),
}

impl Budget {
    #[allow(
        clippy::disallowed_methods,
        reason = "a fuzz campaign has a time of its own"
    )]
    fn from_env() -> Self {
        let seconds = env::var("BISTABLE_FUZZ_SECONDS").ok();
        seconds.map_or(Self::Cases(CASES), |text| {
            let seconds = text.parse().expect("BISTABLE_FUZZ_SECONDS is a number");
            Self::Until(Instant::now() + Duration::from_secs(seconds))
        })
    }

    fn seed(&self) -> u64 {
        let given = env::var("BISTABLE_FUZZ_SEED").ok();
        let given = given.map(|text| text.parse().expect("BISTABLE_FUZZ_SEED is a number"));
        given.unwrap_or_else(|| match self {
            Self::Cases(_) => 1,
            // A hasher of the standard library begins at random.
            Self::Until(_) => {
                use std::hash::{BuildHasher, RandomState};
                RandomState::new().build_hasher().finish()
            }
        })
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "a fuzz campaign has a time of its own"
    )]
    fn is_spent(&self, cases: u64) -> bool {
        match self {
            Self::Cases(limit) => cases >= *limit,
            Self::Until(end) => Instant::now() >= *end,
        }
    }
}

struct Campaign<'a> {
    target: Target<'a>,
    mutator: Mutator<'a>,
    random: Random,
    corpus: Vec<Vec<u8>>,
    seen: HashSet<u64>,
    recent: Vec<Vec<u8>>,
}

impl Campaign<'_> {
    fn run(&mut self, budget: &Budget, decode: &impl Fn(&[u8]) -> String) -> u64 {
        for seed in self.target.seeds.clone() {
            self.try_one(seed.clone(), decode);
            self.corpus.push(seed);
        }
        let mut cases = 0;
        while !budget.is_spent(cases) {
            let input = self.next_input();
            self.try_one(input, decode);
            cases += 1;
        }
        cases
    }

    fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.random.pick(&self.corpus).clone();
        for _ in 0..=self.random.below(4) {
            let other = self.random.pick(&self.corpus).clone();
            self.mutator.mutate(&mut self.random, &mut input, &other);
        }
        input.truncate(MAX_BYTES);
        input
    }

    #[allow(clippy::disallowed_methods, reason = "a hang is told by a clock")]
    fn try_one(&mut self, input: Vec<u8>, decode: &impl Fn(&[u8]) -> String) {
        let begun = Instant::now();
        let Ok(answer) = catch_unwind(AssertUnwindSafe(|| decode(&input))) else {
            self.fail("panicked", &shrink(input, decode));
        };
        if begun.elapsed() > HANG {
            self.fail("took far too long", &input);
        }
        if self.seen.insert(kind(&answer)) {
            if self.corpus.len() >= MAX_CORPUS {
                let oldest = self.random.below(MAX_CORPUS);
                self.corpus.swap_remove(oldest);
            }
            self.corpus.push(input.clone());
        }
        self.recent.push(input);
        if self.recent.len() >= LOOK_EVERY {
            self.look_at_memory();
            self.recent.clear();
        }
    }

    fn look_at_memory(&self) {
        let cores = available_parallelism().map_or(1, usize::from) as u64;
        if peak_kib().is_some_and(|kib| kib > MAX_KIB + cores * ARENAS_KIB) {
            let inputs = self.recent.iter().map(|input| to_hex(input));
            panic!(
                "{}: too much memory was asked for; one of\n{}",
                self.target.name,
                inputs.collect::<Vec<_>>().join("\n")
            );
        }
    }

    fn fail(&self, what: &str, input: &[u8]) -> ! {
        panic!(
            "{}: the decoder {what} on {} bytes: {:?}\nrepeat it with BISTABLE_FUZZ_INPUT={}",
            self.target.name,
            input.len(),
            String::from_utf8_lossy(&input[..input.len().min(400)]),
            to_hex(input)
        )
    }
}

/// An answer's kind: its first words, without numbers, names and what it quotes.
fn kind(answer: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words = answer.split([' ', ',', ':', ';', '\n']).filter(is_word);
    words
        .take(KIND_WORDS)
        .for_each(|word| word.hash(&mut hasher));
    hasher.finish()
}

/// A shorter input that fails, too.
fn shrink(mut input: Vec<u8>, decode: &impl Fn(&[u8]) -> String) -> Vec<u8> {
    let mut tries = 0;
    let mut piece = input.len() / 2;
    while piece > 0 && tries < SHRINKS {
        let mut at = 0;
        while at + piece <= input.len() && tries < SHRINKS {
            let mut shorter = input.clone();
            shorter.drain(at..at + piece);
            tries += 1;
            match catch_unwind(AssertUnwindSafe(|| decode(&shorter))) {
                Ok(_) => at += piece,
                Err(_) => input = shorter,
            }
        }
        piece /= 2;
    }
    input
}

/// The most address space that this process ever had, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    digits
        .map(|pair| byte(pair).expect("BISTABLE_FUZZ_INPUT is hexadecimal"))
        .collect()
}
