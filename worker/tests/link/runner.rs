//! Numerics that do what a test tells them, and a sweep for them.

use std::sync::atomic::{AtomicBool, Ordering};

use bistable_common::{
    ids::{Block, Hash},
    spec::{
        Batch, Clock, Direction, Precision, ProblemSpec, QuadraticSpec, Solver, StepRule, StepSize,
        presets::PRESETS,
    },
    sweep::{Cell, Facts, Indices, Replace, SolverName, Sweep},
    trajectory::{Stop, Trajectory},
};
use bistable_worker::{
    link::Runner,
    unit::{RunError, Work},
};
use tokio::sync::Notify;

/// What happens to a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It gets a result.
    Done,
    /// The numerics panic.
    Panics,
    /// The numerics say that it cannot be run.
    Unfit,
    /// It runs until it is stopped.
    Endless,
    /// It says that it was begun, and is done when it is told so.
    Awaited,
}

/// A block whose fate is [`Fate::Awaited`] was begun.
pub static BEGUN: Notify = Notify::const_new();

/// Lets such blocks end.
pub static END: AtomicBool = AtomicBool::new(false);

/// Gives every block its fate.
pub struct Scripted(pub fn(u32) -> Fate);

impl Runner for Scripted {
    fn fingerprint(&self) -> Hash {
        Hash::of(b"scripted")
    }

    fn run(
        &self,
        work: &Work,
        stop: &AtomicBool,
        done: &mut dyn FnMut(Block, Trajectory),
    ) -> Result<(), RunError> {
        for block in work.blocks.clone() {
            let fate = (self.0)(block);
            assert!(fate != Fate::Panics, "block {block} is cursed");
            if fate == Fate::Unfit {
                return Err(RunError::Data);
            }
            if fate == Fate::Awaited {
                BEGUN.notify_one();
            }
            while fate == Fate::Awaited
                && !END.load(Ordering::Relaxed)
                && !stop.load(Ordering::Relaxed)
            {
                std::thread::yield_now();
            }
            while fate == Fate::Endless && !stop.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            if stop.load(Ordering::Relaxed) {
                return Err(RunError::Stopped);
            }
            done(Block(block), trajectory());
        }
        Ok(())
    }
}

fn trajectory() -> Trajectory {
    Trajectory {
        base_stop: Stop::Completed,
        base_states: vec![[7; 32]],
        curve: Vec::new(),
        experiments: Vec::new(),
    }
}

/// A sweep of one cell and one replicate, with many blocks.
pub fn sweep() -> Sweep {
    let facts = Facts {
        scheme: 1,
        problem: ProblemSpec::Quadratic(QuadraticSpec {
            dim_x: 2,
            dim_y: 2,
            mu_f: 0.5,
            l_f: 1.0,
            mu_g: 0.5,
            l_g: 1.0,
            mean: 1.0,
            noise: 1.0,
            seed: 1,
            ..QuadraticSpec::default()
        }),
        data: None,
        test: 1,
        precision: Precision::F64,
        seed: 1,
        replicates: 1,
        replace: Replace::Validation,
        indices: Indices::All,
        cells: vec![cell()],
    };
    let name = SolverName {
        label: "ssgd".to_owned(),
        preset: "ssgd".to_owned(),
    };
    Sweep::new("fake".to_owned(), 0.95, vec![name], facts).expect("a sweep")
}

fn cell() -> Cell {
    Cell {
        m1: 16 * 1024,
        m2: 1,
        ks: vec![1],
        solver: Solver {
            direction: Direction::Partial,
            eta_x: constant(),
            eta_y: constant(),
            batch_x: Batch::Of(1),
            batch_y: Batch::Of(1),
            ..PRESETS[0].solver(1)
        },
    }
}

fn constant() -> StepSize {
    StepSize {
        scale: 0.1,
        rule: StepRule::Constant,
        clock: Clock::Outer,
    }
}
