//! `bistable solvers`: the presets, what they are made of, and which problems they fit.

use std::fmt::Write;

use bistable_common::{
    spec::{
        Batch, ProblemSpec, Solver,
        presets::{self, InnerSteps, PRESETS, Preset},
    },
    sweep::words,
};
use clap::{Args, builder::PossibleValuesParser};
use comfy_table::{Table, presets as styles};
use serde::Serialize;

use super::{
    failure::Failure,
    output::{Form, Show},
};
use crate::estimate::Parts;

/// Names that sources use.
pub(super) const PAPERS: &str = "SBO: \"Fine-grained Analysis of Stability and Generalization for Stochastic Bilevel Optimization\", IJCAI 2024.
BMO: \"On the Stability and Generalization of First-order Bilevel Minimax Optimization\", arXiv 2604.20115.";

/// Long enough for every step size.
const K: [u64; 1] = [1000];

/// Show the presets of solvers, or spell one out
///
/// A preset is a named algorithm: a default for every part of a solver, of which a sweep may change any. With a name, the
/// preset is spelled out as a sweep file without presets would do it, ready to be pasted and changed; lines that begin
/// with # say what it is, and why it does not fit a problem.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable solvers
  bistable solvers stocbio >> sweep.toml
  bistable solvers --json | jq '.[] | select(.fits | index(\"quadratic\")) | .name'")]
pub(super) struct SolversArgs {
    /// A preset
    #[arg(value_parser = names(), hide_possible_values = true)]
    name: Option<String>,

    #[command(flatten)]
    form: Form,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(PRESETS.map(|preset| preset.name))
}

/// A preset, with what it fits.
#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    summary: &'static str,
    source: &'static str,
    #[serde(rename = "T")]
    t: u32,
    fixes_t: bool,
    eta_x: f64,
    eta_y: f64,
    batch_x: Batch,
    batch_y: Batch,
    #[serde(flatten)]
    parts: Parts,
    fits: Vec<&'static str>,
    misfits: Vec<Unfit>,
    toml: String,
}

/// Why a preset does not fit a problem.
#[derive(Debug, Serialize)]
struct Unfit {
    problem: &'static str,
    reason: String,
}

impl From<&'static Preset> for Entry {
    fn from(preset: &'static Preset) -> Self {
        let solver = solver(preset);
        let mut fits = Vec::new();
        let mut misfits = Vec::new();
        for problem in ProblemSpec::defaults() {
            match solver.fits(&problem, &K) {
                Ok(()) => fits.push(problem.name()),
                Err(misfit) => misfits.push(Unfit {
                    problem: problem.name(),
                    reason: misfit.to_string(),
                }),
            }
        }
        Self {
            name: preset.name,
            summary: preset.summary,
            source: preset.source,
            t: solver.schedule.inner_steps,
            fixes_t: matches!(preset.inner_steps, InnerSteps::Fixed(_)),
            eta_x: solver.eta_x.scale,
            eta_y: solver.eta_y.scale,
            batch_x: solver.batch_x,
            batch_y: solver.batch_y,
            parts: Parts::from(&solver),
            fits,
            misfits,
            toml: words::spelled_out(preset.name, &solver),
        }
    }
}

/// A preset as it is where nothing is changed.
fn solver(preset: &Preset) -> Solver {
    preset.solver(preset.inner_steps.count())
}

/// The presets that fit `problem`.
pub(super) fn fitting(problem: &ProblemSpec) -> Vec<&'static str> {
    let fit = PRESETS
        .iter()
        .filter(|preset| solver(preset).fits(problem, &K).is_ok());
    fit.map(|preset| preset.name).collect()
}

impl Show for Entry {
    fn text(&self) -> String {
        let mut text = format!(
            "# {}\n# {}\n# fits {}\n",
            self.summary,
            self.source,
            self.fits.join(", ")
        );
        for Unfit { problem, reason } in &self.misfits {
            let _ = writeln!(text, "# not {problem}: {reason}");
        }
        if !self.fixes_t {
            text += "# T, step and batch sizes: what the preset takes where neither solver nor grid says another\n";
        }
        text + &self.toml
    }
}

#[derive(Debug, Serialize)]
struct Entries(Vec<Entry>);

impl Show for Entries {
    fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(styles::NOTHING);
        table.set_header(["NAME", "T", "WHAT IT IS", "SOURCE", "FITS"]);
        for entry in &self.0 {
            table.add_row([
                entry.name.to_owned(),
                inner_steps(entry),
                entry.summary.to_owned(),
                entry.source.to_owned(),
                words::problems(&entry.fits),
            ]);
        }
        format!(
            "{}\n\n{PAPERS}\n`bistable solvers NAME` spells one out and says why it does not fit a problem.\n",
            table.trim_fmt()
        )
    }
}

fn inner_steps(entry: &Entry) -> String {
    let times = match &*entry.parts.growth {
        "sqrt" => " sqrt(k+1)",
        "fourth_root" => " (k+1)^1/4",
        _ => "",
    };
    format!("{}{times}", entry.t)
}

/// Runs the command.
pub(super) fn run(args: &SolversArgs) -> Result<(), Failure> {
    match args.name.as_deref().and_then(presets::find) {
        Some(preset) => args.form.show(&Entry::from(preset)),
        None => args
            .form
            .show(&Entries(PRESETS.iter().map(Entry::from).collect())),
    }
}

#[cfg(test)]
mod tests {
    use bistable_common::sweep::{DataSource, Format, Source, parse};

    use super::*;
    use crate::cli::catalog::LocalCatalog;

    #[test]
    fn what_is_shown_can_be_pasted() {
        let bundled = Some(&DataSource::Bundled);
        let catalog = LocalCatalog::load(bundled, std::path::Path::new("")).expect("bundled");
        for preset in &PRESETS {
            let shown = Entry::from(preset).text();
            let kind = match preset.ascent {
                Some(_) => "auc",
                None if preset.start.is_outer() => "few_shot",
                None => "quadratic",
            };
            let text = format!(
                "name = \"pasted\"\nreplicates = 1\n[problem]\nkind = \"{kind}\"\n[grid]\nm1 = 9\nm2 = 1\nK = 9\n{shown}"
            );
            let source = Source {
                name: "pasted.toml",
                text: &text,
                format: Format::Toml,
            };
            let sweep =
                parse(&source, &catalog).unwrap_or_else(|error| panic!("{}", error.render()));
            assert_eq!(sweep.facts().cells[0].solver, solver(preset), "{shown}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_reason() {
        let sgd = Entry::from(presets::find("sgd").expect("a preset"));
        assert_eq!(
            sgd.fits,
            ["quadratic", "binary_logistic", "hyper_representation"]
        );
        let text = sgd.text();
        assert!(
            text.contains("# not hyper_cleaning: the partial direction never moves x here"),
            "{text}"
        );
        let fits = Entry::from(&PRESETS[0]).fits;
        assert_eq!(words::problems(&fits), "every bilevel problem");
        let misfits = Entry::from(&PRESETS[0]).misfits;
        let problems: Vec<_> = misfits.iter().map(|unfit| unfit.problem).collect();
        assert_eq!(
            problems,
            ["robust_reweighting", "auc", "binary_logistic", "few_shot"]
        );
        let all = Entries(PRESETS.iter().map(Entry::from).collect()).text();
        for preset in &PRESETS {
            assert!(all.contains(&format!("\n {} ", preset.name)), "{all}");
        }
    }
}
