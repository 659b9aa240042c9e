//! `bistable problems`: the problems, their parameters, and the presets that fit them.

use bistable_common::{spec::ProblemSpec, sweep::words};
use clap::{Args, builder::PossibleValuesParser};
use comfy_table::{Table, presets as styles};
use serde::Serialize;

use super::{
    failure::Failure,
    output::{Form, Show},
    solvers::{self, PAPERS},
};

/// Show the problems, or spell one out
///
/// With a name, all parameters of the problem with their defaults, ready to be pasted into a sweep file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable problems
  bistable problems hyper_cleaning")]
pub(super) struct ProblemsArgs {
    /// A problem
    #[arg(value_parser = names(), hide_possible_values = true)]
    name: Option<String>,

    #[command(flatten)]
    form: Form,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(ProblemSpec::defaults().iter().map(ProblemSpec::name))
}

/// A problem, with what fits it.
#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    summary: &'static str,
    source: &'static str,
    needs_data: bool,
    outer_depends_on_x: bool,
    presets: Vec<&'static str>,
    toml: String,
}

impl From<ProblemSpec> for Entry {
    fn from(problem: ProblemSpec) -> Self {
        let traits = problem.traits();
        Self {
            name: traits.name,
            summary: traits.summary,
            source: traits.source,
            needs_data: traits.needs_data,
            outer_depends_on_x: traits.outer_depends_on_x,
            presets: solvers::fitting(&problem),
            toml: words::problem(&problem),
        }
    }
}

impl Show for Entry {
    fn text(&self) -> String {
        format!(
            "# {}\n# {}\n# presets: {}\n{}",
            self.summary,
            self.source,
            self.presets.join(", "),
            self.toml
        )
    }
}

#[derive(Debug, Serialize)]
struct Entries(Vec<Entry>);

impl Show for Entries {
    fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(styles::NOTHING);
        table.set_header(["NAME", "WHAT IT IS", "SOURCE", "PRESETS"]);
        for entry in &self.0 {
            table.add_row([
                entry.name,
                entry.summary,
                entry.source,
                &entry.presets.join(", "),
            ]);
        }
        format!(
            "{}\n\n{PAPERS}\n`bistable problems NAME` shows its parameters; `bistable solvers NAME` why a preset does not fit.\n",
            table.trim_fmt()
        )
    }
}

/// Runs the command.
pub(super) fn run(args: &ProblemsArgs) -> Result<(), Failure> {
    let mut entries: Vec<Entry> = (ProblemSpec::defaults().into_iter())
        .map(Entry::from)
        .collect();
    match &args.name {
        Some(name) => {
            entries.retain(|entry| entry.name == name);
            entries.iter().try_for_each(|entry| args.form.show(entry))
        }
        None => args.form.show(&Entries(entries)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_presets_that_fit() {
        let of = |name| {
            let problem = ProblemSpec::defaults()
                .into_iter()
                .find(|p| p.name() == name);
            Entry::from(problem.expect("a problem"))
        };
        let [reweighting, cleaning, quadratic] =
            ["reweighting", "hyper_cleaning", "quadratic"].map(of);
        assert_eq!(reweighting.presets, cleaning.presets);
        assert!(cleaning.presets.contains(&"stocbio"));
        assert!(!cleaning.presets.contains(&"sps-max"));
        assert!(quadratic.presets.contains(&"sps-max"));
        let text = cleaning.text();
        assert!(text.ends_with("[problem]\nkind = \"hyper_cleaning\"\nl2 = 0.001\nnoise = 0.4\n"));
    }
}
