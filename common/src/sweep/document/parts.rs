//! The parts of one solver: each is what the solver says, else what the grid says, else what the preset says.

use crate::{
    spec::{
        Ascent, Batch, Direction, Growth, ProblemSpec, StepSize, Tolerance, Update,
        presets::{self, InnerSteps, PRESETS, Preset},
    },
    sweep::SolverName,
};

use super::{
    ascent,
    axis::Axis,
    direction,
    grid::{Grid, INNER_STEPS, batch},
    keys::{GRID, SOLVER, nearest},
    mistake::{Mistake, Read},
    scalar::{integer, text, word},
    step::{self, Level, Step},
    table::Table,
    tolerance,
    tree::{Node, quote},
    update,
};

const MAX_LABEL_CHARS: usize = 100;
const CUSTOM: &str = "custom";
const GROWTHS: [(&str, Growth); 3] = [
    ("fixed", Growth::Fixed),
    ("sqrt", Growth::Sqrt),
    ("fourth_root", Growth::FourthRoot),
];
/// T, where nothing says another.
const DEFAULT_T: u32 = 1;

/// What a solver without a preset must say, unless an axis of the grid says it.
const REQUIRED: [&str; 8] = [
    "start",
    "order",
    "direction",
    "eta_x",
    "eta_y",
    "sampling",
    "batch_x",
    "batch_y",
];

/// One solver's table, with what fills its gaps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'n> {
    node: &'n Node,
    table: Table<'n>,
    preset: Option<&'static Preset>,
    grid: &'n Grid,
    problem: &'n ProblemSpec,
}

impl<'n> Parts<'n> {
    /// Checks the table's keys and finds its preset.
    pub fn new(node: &'n Node, grid: &'n Grid, problem: &'n ProblemSpec) -> Read<Self> {
        let table = Table::new(node, &SOLVER)?;
        Ok(Self {
            node,
            table,
            preset: table.get("preset").map(find_preset).transpose()?,
            grid,
            problem,
        })
    }

    /// What the solver is called.
    pub fn name(&self) -> Read<SolverName> {
        let preset = self.preset.map_or(CUSTOM, |preset| preset.name);
        let label = match self.table.get("label") {
            Some(label) => text("label", label, MAX_LABEL_CHARS)?,
            None => preset,
        };
        Ok(SolverName {
            label: label.to_owned(),
            preset: preset.to_owned(),
        })
    }

    /// A part that no axis varies.
    pub fn word<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
        of_preset: fn(&Preset) -> T,
    ) -> Read<T> {
        match self.table.get(key) {
            Some(node) => word(key, node, words),
            None => self.preset.map(of_preset).ok_or_else(|| self.incomplete()),
        }
    }

    /// T: the solver's own, else what its preset fixes, else the axis.
    pub fn inner_steps(&self) -> Read<Vec<u32>> {
        let own = match self.table.get("T") {
            Some(node) => Some((integer("T", node, &INNER_STEPS)?, node)),
            None => None,
        };
        match (own, self.preset.map(|preset| (preset, preset.inner_steps))) {
            (Some((own, node)), Some((preset, InnerSteps::Fixed(fixed)))) if own != fixed => {
                Err(fixes_t(own, node, fixed, preset))
            }
            (Some((t, _)), _) | (None, Some((_, InnerSteps::Fixed(t)))) => Ok(vec![t]),
            (None, preset) => Ok(match (&self.grid.ts, preset) {
                (Some(axis), _) => axis.values(),
                (None, Some((_, InnerSteps::Default(t)))) => vec![t],
                (None, _) => vec![DEFAULT_T],
            }),
        }
    }

    /// How T grows.
    pub fn growth(&self) -> Read<Growth> {
        match self.table.get("growth") {
            Some(node) => word("growth", node, &GROWTHS),
            None => Ok(self.preset.map_or(Growth::Fixed, |preset| preset.growth)),
        }
    }

    /// When inner steps end before T.
    pub fn tolerance(&self) -> Read<Option<Tolerance>> {
        match self.table.get("tolerance") {
            Some(node) => tolerance::read(node),
            None => Ok(self.preset.and_then(|preset| preset.tolerance)),
        }
    }

    /// Where x goes.
    pub fn direction(&self) -> Read<Direction> {
        let preset = self.preset.map(|preset| preset.direction);
        match (self.table.get("direction"), preset) {
            (Some(node), _) => direction::read(node, preset),
            (None, Some(direction)) => Ok(direction),
            (None, None) => Err(self.incomplete()),
        }
    }

    /// What becomes of a level's direction.
    pub fn update(&self, key: &str, of_preset: fn(&Preset) -> Update) -> Read<Update> {
        let preset = self.preset.map_or(Update::PLAIN, of_preset);
        match self.table.get(key) {
            Some(node) => update::read(key, node, &preset),
            None => Ok(preset),
        }
    }

    /// How z ascends.
    pub fn ascent(&self) -> Read<Option<Ascent>> {
        let preset = self.preset.and_then(|preset| preset.ascent);
        let default = preset.map(|ascent| ascent.eta_z);
        ascent::read(&self.table, preset, || {
            if default.is_none() {
                self.table.require("eta_z", "eta_z = 0.01")?;
            }
            let step = self.step(Level::Dual, default)?;
            let scale = step.scale.or(default.map(|default| default.scale));
            scale
                .map(|scale| step.with_scale(scale))
                .ok_or_else(|| self.no_scale(Level::Dual))
        })
    }

    /// Batch sizes at one level.
    pub fn batches(
        &self,
        key: &str,
        axis: Option<&Axis<Batch>>,
        of_preset: fn(&Preset) -> Batch,
    ) -> Read<Vec<Batch>> {
        if let Some(node) = self.table.get(key) {
            return Ok(vec![batch(key, node)?]);
        }
        axis.map(Axis::values)
            .or_else(|| self.preset.map(|preset| vec![of_preset(preset)]))
            .ok_or_else(|| self.incomplete())
    }

    /// Step sizes at one level: the solver's rule, with its own scale, else the axis's, else the preset's.
    pub fn step_sizes(
        &self,
        level: Level,
        axis: Option<&Axis<f64>>,
        of_preset: fn(&Preset) -> StepSize,
    ) -> Read<Vec<StepSize>> {
        let default = self.preset.map(of_preset);
        let step = self.step(level, default)?;
        let scales = match (step.scale, axis, default) {
            (Some(scale), _, _) => vec![scale],
            (None, Some(axis), _) => axis.values(),
            (None, None, Some(default)) => vec![default.scale],
            (None, None, None) => return Err(self.no_scale(level)),
        };
        Ok(scales.into_iter().map(|c| step.with_scale(c)).collect())
    }

    /// A step size whose scale may be left to others.
    fn step(&self, level: Level, default: Option<StepSize>) -> Read<Step> {
        let clock = default.map_or(level.clock(), |step| step.clock);
        match (self.table.get(level.key()), default) {
            (Some(node), _) => step::read(node, level, default, clock, self.problem),
            (None, Some(default)) => Ok(Step::of_preset(default)),
            (None, None) => Ok(Step::constant(clock)),
        }
    }

    fn no_scale(&self, level: Level) -> Mistake {
        let key = level.key();
        let Some(node) = self.table.get(key) else {
            return self.incomplete();
        };
        let help = match GRID.keys.contains(&key) {
            true => format!("give it `c`, or the grid an axis `{key}`"),
            false => "give it `c`".to_owned(),
        };
        Mistake::new(format!("{key} has no scale"))
            .at(&node.span, "`c` is missing here")
            .help(help)
    }

    /// Lists everything that is missing, not only what was looked for.
    fn incomplete(&self) -> Mistake {
        let missing: Vec<_> = REQUIRED
            .into_iter()
            .filter(|key| self.table.get(key).is_none() && !self.grid.has(key))
            .collect();
        let message = format!(
            "a solver without a preset spells out all its parts; missing: {}",
            missing.join(", ")
        );
        Mistake::new(message)
            .at(&self.node.span, "incomplete")
            .help(format!("or begin with a preset: {}", preset_names()))
    }
}

fn find_preset(node: &Node) -> Read<&'static Preset> {
    let name = text("preset", node, MAX_LABEL_CHARS)?;
    presets::find(name).ok_or_else(|| {
        let near = nearest(name, PRESETS.iter().map(|preset| preset.name));
        let near = near.map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
        Mistake::new(format!("there is no preset {}", quote(name)))
            .at(&node.span, "unknown preset")
            .help(format!("{near}presets: {}", preset_names()))
    })
}

fn preset_names() -> String {
    PRESETS.each_ref().map(|preset| preset.name).join(", ")
}

fn fixes_t(own: u32, node: &Node, fixed: u32, preset: &Preset) -> Mistake {
    let message = format!("T = {own}: the preset `{}` fixes T = {fixed}", preset.name);
    Mistake::new(message)
        .at(&node.span, "cannot be changed")
        .help(format!(
            "{} is {}; for other T use another preset such as tsgd, or spell out a solver's parts",
            preset.name, preset.summary
        ))
}
