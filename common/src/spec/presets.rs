//! Named algorithms: rows of data, with the defaults of the papers that brought them.

use super::{
    AdjointStart, Ascent, Batch, Bound, Clock, Direction, Growth, Implicit, Inverse, Method, Order,
    Reset, Sampling, Schedule, Solver, Start, StepRule, StepSize, Tolerance, Turns, Update,
};

/// T, as a preset has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InnerSteps {
    /// The algorithm has no other.
    Fixed(u32),
    /// The paper's, unless the sweep says another.
    Default(u32),
}

/// A named algorithm: all but T and the batch and step sizes is what it is; those are defaults that a sweep may override,
/// as it may any part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// The name in sweep files.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// The paper and algorithm.
    pub source: &'static str,
    /// T.
    pub inner_steps: InnerSteps,
    /// How T grows.
    pub growth: Growth,
    /// When inner steps end before T.
    pub tolerance: Option<Tolerance>,
    /// Where inner steps start.
    pub start: Start,
    /// What moves first.
    pub order: Order,
    /// Where x goes.
    pub direction: Direction,
    /// Outer step size.
    pub eta_x: StepSize,
    /// Inner step size.
    pub eta_y: StepSize,
    /// What becomes of the outer direction.
    pub update_x: Update,
    /// What becomes of the inner gradient.
    pub update_y: Update,
    /// How batches are drawn.
    pub sampling: Sampling,
    /// B_x.
    pub batch_x: Batch,
    /// B_y.
    pub batch_y: Batch,
    /// How z ascends.
    pub ascent: Option<Ascent>,
}

impl Preset {
    /// The solver with the preset's own sizes and so many inner steps.
    pub fn solver(&self, inner_steps: u32) -> Solver {
        let Self {
            name: _,
            summary: _,
            source: _,
            inner_steps: _,
            growth,
            tolerance,
            start,
            order,
            direction,
            eta_x,
            eta_y,
            update_x,
            update_y,
            sampling,
            batch_x,
            batch_y,
            ascent,
        } = *self;
        Solver {
            schedule: Schedule {
                inner_steps,
                growth,
                tolerance,
                start,
                order,
            },
            direction,
            eta_x,
            eta_y,
            update_x,
            update_y,
            sampling,
            batch_x,
            batch_y,
            ascent,
        }
    }
}

impl InnerSteps {
    /// T, where nothing says another.
    pub fn count(self) -> u32 {
        match self {
            Self::Fixed(steps) | Self::Default(steps) => steps,
        }
    }
}

const fn step(scale: f64, rule: StepRule, clock: Clock) -> StepSize {
    StepSize { scale, rule, clock }
}

const fn constant(scale: f64, clock: Clock) -> StepSize {
    step(scale, StepRule::Constant, clock)
}

const fn implicit(inverse: Inverse, batch_v: Batch) -> Direction {
    Direction::Implicit(Implicit { inverse, batch_v })
}

/// What SBO's experiments have in common, the base of most rows.
const SBO: Preset = Preset {
    name: "tsgd",
    summary: "two-timescale SGD: T inner steps from where the last ended, then one outer step",
    source: "SBO Algorithm 2",
    inner_steps: InnerSteps::Default(1),
    growth: Growth::Fixed,
    tolerance: None,
    start: Start::Warm,
    order: Order::InnerFirst,
    direction: Direction::Unrolled,
    eta_x: constant(5.0, Clock::Outer),
    eta_y: constant(0.01, Clock::Inner),
    update_x: Update::PLAIN,
    update_y: Update::PLAIN,
    sampling: Sampling::Uniform,
    batch_x: Batch::Of(8),
    batch_y: Batch::Of(8),
    ascent: None,
};

/// Finn et al.'s Omniglot experiment, with five ways and one shot.
const MAML: Preset = Preset {
    name: "maml",
    summary: "model-agnostic meta-learning: T full-support steps from x on each task, all of them differentiated through",
    source: "Finn et al. 2017, Algorithm 2, as run in its section 5.2",
    start: Start::Outer,
    eta_x: constant(0.001, Clock::Outer),
    eta_y: constant(0.4, Clock::Inner),
    update_x: Update {
        method: Method::Adam {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        },
        ..Update::PLAIN
    },
    batch_x: Batch::Of(32),
    batch_y: Batch::ALL,
    ..SBO
};

/// What the deterministic algorithms of Ji21's hyper-cleaning have in common.
const FULL: Preset = Preset {
    inner_steps: InnerSteps::Default(200),
    eta_x: constant(0.1, Clock::Outer),
    eta_y: constant(0.1, Clock::Inner),
    batch_x: Batch::ALL,
    batch_y: Batch::ALL,
    ..SBO
};

const fn cg(steps: u32, start_v: AdjointStart, tolerance: Option<Tolerance>) -> Inverse {
    Inverse::Cg {
        steps,
        tolerance,
        start_v,
    }
}

/// Ji21's step size for v and its length.
const ETA_V: f64 = 0.5;

/// HOAG's tolerances: 0.01, times 0.9 each step.
const HOAG: Tolerance = Tolerance {
    first: 0.01,
    ratio: 0.9,
};

/// The inner line search of BiSLS, which begins anew at its bound each time.
const SLS: StepRule = StepRule::Armijo {
    decrease: 0.1,
    shrink: 0.8,
    reset: Reset::Bound,
    bound: Bound::Constant,
};

/// The outer one, which begins at twice the last step.
const BISLS: StepRule = StepRule::BilevelArmijo {
    decrease: 0.1,
    shrink: 0.8,
    reset: Reset::Grow(2.0),
    slack: 0.0,
};

const BISLS_SGD: Preset = Preset {
    name: "bisls-sgd",
    summary: "stocBiO with line searches at both levels",
    source: "Fan et al. 2023, Algorithm 2",
    inner_steps: InnerSteps::Default(10),
    direction: implicit(
        Inverse::Neumann {
            steps: 10,
            eta_v: 0.01,
            geometric: None,
        },
        Batch::Of(32),
    ),
    eta_x: step(10.0, BISLS, Clock::Outer),
    eta_y: step(100.0, SLS, Clock::Inner),
    batch_x: Batch::Of(32),
    batch_y: Batch::Of(32),
    ..SBO
};

/// One level: T = 0 and the partial direction.
const SINGLE: Preset = Preset {
    name: "sgd",
    summary: "single-level SGD: no inner problem, x steps along the gradient of f",
    source: "the classic setting of stability (Hardt et al. 2016)",
    inner_steps: InnerSteps::Fixed(0),
    direction: Direction::Partial,
    eta_x: constant(0.01, Clock::Outer),
    ..SBO
};

const fn single_polyak(divisor: f64, bound: Bound) -> StepSize {
    let rule = StepRule::Polyak {
        divisor,
        floor: 0.0,
        bound,
    };
    step(1.0, rule, Clock::Outer)
}

/// Steps of z as large as those of y.
const fn ascent(turns: Turns, clock: Clock) -> Option<Ascent> {
    Some(Ascent {
        turns,
        eta_z: constant(0.01, clock),
        update_z: Update::PLAIN,
    })
}

/// What BMO's algorithms have in common: x first, along the gradient of f where it is.
const BMO: Preset = Preset {
    name: "tsgda-1",
    summary: "two-timescale minimax: x first, then T pairs of a step of y down and a step of z up",
    source: "BMO Algorithm 2 (TSGDA-1)",
    order: Order::OuterFirst,
    direction: Direction::Partial,
    eta_x: constant(0.01, Clock::Outer),
    ascent: ascent(Turns::Pairs, Clock::Inner),
    ..SBO
};

/// Every preset.
pub const PRESETS: [Preset; 26] = [
    Preset {
        name: "ssgd",
        summary: "single-timescale SGD: one inner step, then one outer step",
        source: "SBO Algorithm 1, as run in its section 5",
        inner_steps: InnerSteps::Fixed(1),
        eta_y: constant(0.01, Clock::Outer),
        ..SBO
    },
    SBO,
    Preset {
        name: "ud",
        summary: "unrolled differentiation: T inner steps from the initial point, then one outer step",
        source: "SBO Algorithm 3, Bao et al. 2021",
        start: Start::Reinit,
        ..SBO
    },
    Preset {
        name: "itd-bio",
        summary: "iterative differentiation: reverse mode through full-batch inner steps",
        source: "Ji et al. 2021, Algorithm 1 (ITD-BiO)",
        ..FULL
    },
    Preset {
        name: "reverse",
        summary: "reverse-mode differentiation: another name of itd-bio",
        source: "Franceschi et al. 2017; Grazzi et al. 2020",
        ..FULL
    },
    Preset {
        name: "aid-bio",
        summary: "approximate implicit differentiation: warm-started conjugate gradients",
        source: "Ji et al. 2021, Algorithm 1 (AID-BiO, constant D)",
        direction: implicit(cg(3, AdjointStart::Warm, None), Batch::ALL),
        ..FULL
    },
    Preset {
        name: "aid-bio-increasing",
        summary: "aid-bio with a number of inner steps that grows as the fourth root of k",
        source: "Ji et al. 2021, Algorithm 1 (AID-BiO, increasing D)",
        growth: Growth::FourthRoot,
        direction: implicit(cg(3, AdjointStart::Warm, None), Batch::ALL),
        ..FULL
    },
    Preset {
        name: "aid-cg",
        summary: "approximate implicit differentiation: conjugate gradients from zero",
        source: "Grazzi et al. 2020",
        direction: implicit(cg(3, AdjointStart::Cold, None), Batch::ALL),
        ..FULL
    },
    Preset {
        name: "aid-fp",
        summary: "approximate implicit differentiation: fixed-point iterations from zero",
        source: "Grazzi et al. 2020",
        direction: implicit(
            Inverse::FixedPoint {
                steps: 3,
                eta_v: ETA_V,
                start_v: AdjointStart::Cold,
            },
            Batch::ALL,
        ),
        ..FULL
    },
    Preset {
        name: "hoag",
        summary: "hyperparameter optimization with approximate gradient: L-BFGS and CG to falling tolerances",
        source: "Pedregosa 2016",
        inner_steps: InnerSteps::Default(100),
        tolerance: Some(HOAG),
        direction: implicit(cg(100, AdjointStart::Warm, Some(HOAG)), Batch::ALL),
        eta_x: step(1.0, StepRule::Hoag, Clock::Outer),
        eta_y: step(1.0, SLS, Clock::Inner),
        update_y: Update {
            method: Method::Lbfgs { memory: 10 },
            ..Update::PLAIN
        },
        ..FULL
    },
    Preset {
        name: "stocbio",
        summary: "stochastic inner steps and a Neumann series on independent batches",
        source: "Ji et al. 2021, Algorithms 2 and 3",
        direction: implicit(
            Inverse::Neumann {
                steps: 3,
                eta_v: ETA_V,
                geometric: None,
            },
            Batch::Of(1000),
        ),
        batch_x: Batch::Of(1000),
        batch_y: Batch::Of(1000),
        ..FULL
    },
    Preset {
        name: "bsa",
        summary: "bilevel stochastic approximation: growing T from the initial point, a Neumann product of random length",
        source: "Ghadimi & Wang 2018",
        inner_steps: InnerSteps::Default(1),
        growth: Growth::Sqrt,
        start: Start::Reinit,
        direction: implicit(
            Inverse::RandomNeumann {
                steps: 3,
                eta_v: ETA_V,
            },
            Batch::Of(1),
        ),
        eta_x: step(0.1, StepRule::InverseSqrt, Clock::Outer),
        eta_y: step(0.1, StepRule::Inverse, Clock::Inner),
        batch_x: Batch::Of(1),
        batch_y: Batch::Of(1),
        ..SBO
    },
    Preset {
        name: "ttsa",
        summary: "two-timescale stochastic approximation: one inner step, steps that decay at two rates",
        source: "Hong et al. 2020",
        inner_steps: InnerSteps::Fixed(1),
        direction: implicit(
            Inverse::RandomNeumann {
                steps: 3,
                eta_v: ETA_V,
            },
            Batch::Of(1),
        ),
        eta_x: step(0.1, StepRule::Power { exponent: 0.6 }, Clock::Outer),
        eta_y: step(0.1, StepRule::Power { exponent: 0.4 }, Clock::Outer),
        batch_x: Batch::Of(1),
        batch_y: Batch::Of(1),
        ..SBO
    },
    Preset {
        name: "bisps",
        summary: "stocBiO with Polyak's step sizes at both levels",
        source: "Fan et al. 2023, Algorithm 1",
        eta_x: step(
            10.0,
            StepRule::BilevelPolyak {
                divisor: 0.5,
                floor: 0.0,
                lower: 0.01,
            },
            Clock::Outer,
        ),
        eta_y: step(
            100.0,
            StepRule::Polyak {
                divisor: 0.5,
                floor: 0.0,
                bound: Bound::Inverse,
            },
            Clock::Outer,
        ),
        ..BISLS_SGD
    },
    BISLS_SGD,
    Preset {
        name: "bisls-adam",
        summary: "stocBiO with line searches at both levels, along Adam's direction at the upper one",
        source: "Fan et al. 2023, Algorithm 2",
        update_x: Update {
            method: Method::Adam {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
            },
            ..Update::PLAIN
        },
        ..BISLS_SGD
    },
    SINGLE,
    Preset {
        name: "sps-max",
        summary: "single-level SGD with Polyak's step size under a constant bound",
        source: "Loizou et al. 2021; Fan et al. 2023, eq. 5",
        eta_x: single_polyak(0.5, Bound::Constant),
        ..SINGLE
    },
    Preset {
        name: "dec-sps",
        summary: "single-level SGD with Polyak's decreasing step size",
        source: "Orvieto et al. 2022; Fan et al. 2023, eq. 6",
        eta_x: step(
            1.0,
            StepRule::DecPolyak {
                divisor: 1.0,
                floor: 0.0,
            },
            Clock::Outer,
        ),
        ..SINGLE
    },
    Preset {
        name: "spsb",
        summary: "single-level SGD with Polyak's step size under a falling bound",
        source: "Fan et al. 2023, eq. 7",
        eta_x: single_polyak(1.0, Bound::InverseSqrt),
        ..SINGLE
    },
    Preset {
        name: "slsb",
        summary: "single-level SGD with a line search under a falling bound",
        source: "Fan et al. 2023, eq. 8",
        eta_x: step(
            1.0,
            StepRule::Armijo {
                decrease: 0.1,
                shrink: 0.8,
                reset: Reset::Bound,
                bound: Bound::InverseSqrt,
            },
            Clock::Outer,
        ),
        ..SINGLE
    },
    Preset {
        name: "ssgda",
        summary: "single-timescale minimax: x first, then a step of y down and a step of z up",
        source: "BMO Algorithm 1 (SSGDA)",
        inner_steps: InnerSteps::Fixed(1),
        eta_y: constant(0.01, Clock::Outer),
        ascent: ascent(Turns::Pairs, Clock::Outer),
        ..BMO
    },
    BMO,
    Preset {
        name: "tsgda-2",
        summary: "two-timescale minimax: x first, then T steps of y down, then Q steps of z up",
        source: "BMO Algorithm 3 (TSGDA-2)",
        ascent: ascent(Turns::Blocks { steps: 1 }, Clock::Inner),
        ..BMO
    },
    MAML,
    Preset {
        name: "anil",
        summary: "almost no inner loop: as maml, but only the last layer adapts",
        source: "Raghu et al. 2019",
        start: Start::OuterHead,
        ..MAML
    },
];

/// The preset called `name`.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}
