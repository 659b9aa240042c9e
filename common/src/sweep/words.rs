//! Solvers and problems in the words of sweep files: how results name their parts, and how a sweep file spells them out.
//! What is written here, [`parse`](super::parse) reads.

use std::{
    fmt::{self, Write as _},
    ops::RangeInclusive,
};

use super::Replace;
use crate::spec::{
    AdjointStart, Ascent, Batch, Bound, Clock, Direction, Growth, Inverse, Method, Order,
    ProblemSpec, Reset, Sampling, Schedule, Solver, Start, StepRule, StepSize, Tolerance, Turns,
    Update, numbers::Numbers, parameters::Visitor,
};

/// A part of a solver: which one it is, with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Phrase {
    /// The key of the word below, where the part is written as a table.
    key: &'static str,
    word: &'static str,
    parameters: Vec<(&'static str, Term)>,
}

/// A parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Term {
    Number(f64),
    Count(u32),
    Word(&'static str),
    Pair([f64; 2]),
    Falling(Tolerance),
    Samples(Batch),
}

impl Phrase {
    fn new(key: &'static str, word: &'static str) -> Self {
        let parameters = Vec::new();
        Self {
            key,
            word,
            parameters,
        }
    }

    fn with(mut self, key: &'static str, term: Term) -> Self {
        self.parameters.push((key, term));
        self
    }

    fn number(self, key: &'static str, value: f64) -> Self {
        self.with(key, Term::Number(value))
    }

    fn count(self, key: &'static str, value: u32) -> Self {
        self.with(key, Term::Count(value))
    }

    fn word(self, key: &'static str, word: &'static str) -> Self {
        self.with(key, Term::Word(word))
    }

    fn maybe(self, key: &'static str, term: Option<Term>) -> Self {
        match term {
            Some(term) => self.with(key, term),
            None => self,
        }
    }

    /// The word of `key`, which is the phrase's own or a parameter.
    pub(super) fn chosen(&self, key: &str) -> Option<&'static str> {
        match self.term(key) {
            Some(Term::Word(word)) => Some(word),
            _ => (self.key == key).then_some(self.word),
        }
    }

    /// A parameter.
    pub(super) fn term(&self, key: &str) -> Option<Term> {
        let found = self.parameters.iter().find(|(name, _)| *name == key);
        found.map(|(_, term)| *term)
    }

    /// As the value of a key: the word alone where nothing is to be added, else a table.
    fn to_toml(&self) -> String {
        match self.parameters.is_empty() {
            true => format!("\"{}\"", self.word),
            false => self.to_table(),
        }
    }

    fn to_table(&self) -> String {
        let mut text = format!("{{ {} = \"{}\"", self.key, self.word);
        for (key, term) in &self.parameters {
            let _ = write!(text, ", {key} = {}", term.to_toml());
        }
        text + " }"
    }
}

/// As results name it: `geometric(ratio=0.5)`.
impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)?;
        for (i, (key, term)) in self.parameters.iter().enumerate() {
            let before = if i == 0 { "(" } else { ", " };
            write!(f, "{before}{key}={term}")?;
        }
        match self.parameters.is_empty() {
            true => Ok(()),
            false => f.write_str(")"),
        }
    }
}

impl Term {
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn count(self) -> Option<u32> {
        match self {
            Self::Count(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn pair(self) -> Option<[f64; 2]> {
        match self {
            Self::Pair(values) => Some(values),
            _ => None,
        }
    }

    pub(super) fn falling(self) -> Option<Tolerance> {
        match self {
            Self::Falling(tolerance) => Some(tolerance),
            _ => None,
        }
    }

    fn to_toml(self) -> String {
        match self {
            Self::Number(value) => format!("{value:?}"),
            Self::Count(value) => value.to_string(),
            Self::Word(word) => format!("\"{word}\""),
            Self::Pair([low, high]) => format!("[{low:?}, {high:?}]"),
            Self::Falling(Tolerance { first, ratio }) => {
                format!("{{ first = {first:?}, ratio = {ratio:?} }}")
            }
            Self::Samples(Batch::Of(size)) => size.to_string(),
            Self::Samples(batch @ Batch::Full(_)) => format!("\"{batch}\""),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => f.write_str(&number(*value)),
            Self::Count(value) => value.fmt(f),
            Self::Word(word) => f.write_str(word),
            Self::Pair([low, high]) => write!(f, "[{}, {}]", number(*low), number(*high)),
            Self::Falling(tolerance) => f.write_str(&falling(tolerance)),
            Self::Samples(batch) => batch.fmt(f),
        }
    }
}

/// The shortest text that is this number; with an exponent where it would have many zeros.
fn number(value: f64) -> String {
    let exact = format!("{value:?}");
    match exact.contains('e') {
        true => exact,
        false => value.to_string(),
    }
}

/// A tolerance, as results write it.
pub fn falling(tolerance: &Tolerance) -> String {
    let Tolerance { first, ratio } = *tolerance;
    format!("{}*{}^k", number(first), number(ratio))
}

/// Where inner steps start.
pub fn start(start: Start) -> &'static str {
    match start {
        Start::Warm => "warm",
        Start::Reinit => "reinit",
        Start::Outer => "outer",
        Start::OuterHead => "outer_head",
    }
}

/// What moves first.
pub fn order(order: Order) -> &'static str {
    match order {
        Order::InnerFirst => "inner_first",
        Order::Simultaneous => "simultaneous",
        Order::OuterFirst => "outer_first",
    }
}

/// How batches are drawn.
pub fn sampling(sampling: Sampling) -> &'static str {
    match sampling {
        Sampling::Uniform => "uniform",
        Sampling::Epoch => "epoch",
    }
}

/// How T grows.
pub fn growth(growth: Growth) -> &'static str {
    match growth {
        Growth::Fixed => "fixed",
        Growth::Sqrt => "sqrt",
        Growth::FourthRoot => "fourth_root",
    }
}

fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Outer => "outer",
        Clock::Inner => "inner",
    }
}

fn bound(bound: Bound) -> &'static str {
    match bound {
        Bound::Constant => "constant",
        Bound::InverseSqrt => "inverse_sqrt",
        Bound::Inverse => "inverse",
    }
}

fn start_v(start: AdjointStart) -> &'static str {
    match start {
        AdjointStart::Cold => "cold",
        AdjointStart::Warm => "warm",
    }
}

fn reset(reset: Reset) -> Term {
    match reset {
        Reset::Bound => Term::Word("bound"),
        Reset::Keep => Term::Word("keep"),
        Reset::Grow(factor) => Term::Number(factor),
    }
}

/// The outer direction.
pub fn direction(direction: &Direction) -> Phrase {
    let implicit = match direction {
        Direction::Partial => return Phrase::new("kind", "partial"),
        Direction::Unrolled => return Phrase::new("kind", "unrolled"),
        Direction::Truncated { last } => {
            return Phrase::new("kind", "truncated").count("last", *last);
        }
        Direction::Implicit(implicit) => implicit,
    };
    let named = |word| Phrase::new("kind", "implicit").word("inverse", word);
    match implicit.inverse {
        Inverse::Cg {
            steps,
            tolerance,
            start_v: from,
        } => named("cg")
            .count("steps", steps)
            .maybe("tolerance", tolerance.map(Term::Falling))
            .word("start_v", start_v(from)),
        Inverse::FixedPoint {
            steps,
            eta_v,
            start_v: from,
        } => named("fixed_point")
            .count("steps", steps)
            .number("eta_v", eta_v)
            .word("start_v", start_v(from)),
        Inverse::Neumann {
            steps,
            eta_v,
            geometric,
        } => named("neumann")
            .count("steps", steps)
            .number("eta_v", eta_v)
            .maybe("mu", geometric.map(Term::Number)),
        Inverse::RandomNeumann { steps, eta_v } => named("random_neumann")
            .count("steps", steps)
            .number("eta_v", eta_v),
        Inverse::Identity { eta_v } => named("identity").number("eta_v", eta_v),
    }
    .with("batch_v", Term::Samples(implicit.batch_v))
}

/// A rule with its parameters; what it counts is said where that matters and is not the outer iteration. The scale is an
/// axis of results.
pub fn step(size: &StepSize) -> Phrase {
    let phrase = rule(&size.rule);
    match size.counts() && size.clock == Clock::Inner {
        true => phrase.word("clock", clock(size.clock)),
        false => phrase,
    }
}

/// The same with its scale, where no axis of results has it.
pub fn scaled_step(size: &StepSize) -> Phrase {
    let mut phrase = step(size);
    phrase.parameters.insert(0, ("c", Term::Number(size.scale)));
    phrase
}

pub(super) fn rule(rule: &StepRule) -> Phrase {
    let named = |word| Phrase::new("rule", word);
    match *rule {
        StepRule::Constant => named("constant"),
        StepRule::Inverse => named("inverse"),
        StepRule::InverseSqrt => named("inverse_sqrt"),
        StepRule::Power { exponent } => named("power").number("exponent", exponent),
        StepRule::Geometric { ratio } => named("geometric").number("ratio", ratio),
        StepRule::Theorem2 { l } => named("theorem2").number("l", l),
        StepRule::Theorem3 { l } => named("theorem3").number("l", l),
        StepRule::Polyak {
            divisor,
            floor,
            bound: falls,
        } => named("polyak")
            .number("divisor", divisor)
            .number("floor", floor)
            .word("bound", bound(falls)),
        StepRule::DecPolyak { divisor, floor } => named("dec_polyak")
            .number("divisor", divisor)
            .number("floor", floor),
        StepRule::Armijo {
            decrease,
            shrink,
            reset: begins,
            bound: falls,
        } => named("armijo")
            .number("decrease", decrease)
            .number("shrink", shrink)
            .with("reset", reset(begins))
            .word("bound", bound(falls)),
        StepRule::BilevelPolyak {
            divisor,
            floor,
            lower,
        } => named("bilevel_polyak")
            .number("divisor", divisor)
            .number("floor", floor)
            .number("lower", lower),
        StepRule::BilevelArmijo {
            decrease,
            shrink,
            reset: begins,
            slack,
        } => named("bilevel_armijo")
            .number("decrease", decrease)
            .number("shrink", shrink)
            .with("reset", reset(begins))
            .number("slack", slack),
        StepRule::Hoag => named("hoag"),
    }
}

/// When z steps.
pub fn turns(turns: Turns) -> Phrase {
    let named = |word| Phrase::new("ascent", word);
    match turns {
        Turns::Pairs => named("pairs"),
        Turns::Blocks { steps } => named("blocks").count("Q", steps),
    }
}

/// What becomes of a direction.
pub fn update(update: &Update) -> Phrase {
    let named = |word| Phrase::new("method", word);
    match update.method {
        Method::Plain => named("plain"),
        Method::Averaged { beta } => named("averaged").number("beta", beta),
        Method::Adam {
            beta1,
            beta2,
            epsilon,
        } => named("adam")
            .number("beta1", beta1)
            .number("beta2", beta2)
            .number("epsilon", epsilon),
        Method::Lbfgs { memory } => named("lbfgs").count("memory", memory),
    }
    .maybe("clip", update.clip.map(Term::Number))
    .maybe("clamp", update.clamp.map(Term::Pair))
}

/// Which samples are replaced.
pub fn replace(replace: Replace) -> &'static str {
    match replace {
        Replace::Validation => "validation",
        Replace::Training => "training",
    }
}

/// Which problems, in a few words where there are some.
pub fn problems(names: &[&str]) -> String {
    let (mut bilevel, mut minimax) = (Vec::new(), Vec::new());
    for problem in ProblemSpec::defaults() {
        if problem.traits().is_minimax {
            minimax.push(problem.name());
        } else if !problem.is_single_level() && !problem.has_tasks() {
            bilevel.push(problem.name());
        }
    }
    if names == bilevel {
        "every bilevel problem".to_owned()
    } else if names == minimax {
        "every minimax problem".to_owned()
    } else {
        names.join(", ")
    }
}

/// The table of a problem, as TOML.
pub fn problem(problem: &ProblemSpec) -> String {
    let mut lines = Lines(format!("[problem]\nkind = \"{}\"\n", problem.name()));
    problem.clone().parameters(&mut lines);
    lines.0
}

/// Writes parameters, a line each.
struct Lines(String);

impl Lines {
    fn line(&mut self, key: &str, value: impl fmt::Debug) {
        let _ = writeln!(self.0, "{key} = {value:?}");
    }
}

impl Visitor for Lines {
    fn integer(&mut self, key: &'static str, value: &mut u32, _: RangeInclusive<u32>) {
        self.line(key, value);
    }

    fn seed(&mut self, key: &'static str, value: &mut u64) {
        self.line(key, value);
    }

    fn number(&mut self, key: &'static str, value: &mut f64, _: Numbers) {
        self.line(key, value);
    }

    fn number_or(
        &mut self,
        key: &'static str,
        word: &'static str,
        value: &mut Option<f64>,
        _: Numbers,
    ) {
        match value {
            Some(value) => self.line(key, value),
            None => self.line(key, word),
        }
    }

    fn optional(&mut self, key: &'static str, value: &mut Option<f64>, _: Numbers) {
        if let Some(value) = value {
            self.line(key, value);
        }
    }

    fn word(&mut self, key: &'static str, words: &[&'static str], chosen: &mut usize) {
        self.line(key, words[*chosen]);
    }

    fn widths(&mut self, key: &'static str, widths: &mut Vec<u32>) {
        self.line(key, widths);
    }
}

/// The table of a solver without a preset, as TOML.
pub fn spelled_out(label: &str, solver: &Solver) -> String {
    let Solver {
        schedule:
            Schedule {
                inner_steps,
                growth: grows,
                tolerance,
                start: from,
                order: first,
            },
        direction: way,
        eta_x,
        eta_y,
        update_x,
        update_y,
        sampling: drawn,
        batch_x,
        batch_y,
        ascent,
    } = solver;
    let mut text = format!("[[solvers]]\nlabel = {label:?}\nT = {inner_steps}\n");
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    let quoted = |word: &str| format!("\"{word}\"");
    if !grows.is_fixed() {
        line("growth", quoted(growth(*grows)));
    }
    if let Some(tolerance) = tolerance {
        line("tolerance", Term::Falling(*tolerance).to_toml());
    }
    line("start", quoted(start(*from)));
    line("order", quoted(order(*first)));
    line("direction", direction(way).to_toml());
    line("eta_x", step_toml(eta_x, Clock::Outer));
    line("eta_y", step_toml(eta_y, Clock::Inner));
    let dual = ascent.as_ref().map(|ascent| ("update_z", &ascent.update_z));
    let updates = [("update_x", update_x), ("update_y", update_y)];
    for (key, rule) in updates.into_iter().chain(dual) {
        if !rule.is_plain() {
            line(key, update(rule).to_toml());
        }
    }
    if let Some(Ascent {
        turns: when,
        eta_z,
        update_z: _,
    }) = ascent
    {
        let Phrase {
            key,
            word,
            parameters,
        } = turns(*when);
        line(key, quoted(word));
        for (key, term) in parameters {
            line(key, term.to_toml());
        }
        line("eta_z", step_toml(eta_z, Clock::Inner));
    }
    line("sampling", quoted(sampling(*drawn)));
    line("batch_x", Term::Samples(*batch_x).to_toml());
    line("batch_y", Term::Samples(*batch_y).to_toml());
    text
}

/// A step size; `default` is its clock where none is written.
fn step_toml(size: &StepSize, default: Clock) -> String {
    let StepSize {
        scale,
        rule: of,
        clock: counts,
    } = size;
    if *of == StepRule::Constant && *counts == default {
        return Term::Number(*scale).to_toml();
    }
    let mut phrase = rule(of);
    phrase.parameters.insert(0, ("c", Term::Number(*scale)));
    if *counts != default {
        phrase = phrase.word("clock", clock(*counts));
    }
    phrase.to_table()
}
