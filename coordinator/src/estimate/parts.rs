//! What a solver is made of, in the words of sweep files: results say which algorithm ran.

use bistable_common::{
    spec::{Ascent, Schedule, Solver},
    sweep::words,
};
use serde::Serialize;

/// A solver's parts beside the axes of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Parts {
    /// Where inner steps start.
    pub start: String,
    /// Which variable moves first.
    pub order: String,
    /// The outer direction.
    pub direction: String,
    /// The rule of the outer step size.
    pub step_x: String,
    /// The rule of the inner step size.
    pub step_y: String,
    /// How batches are drawn.
    pub sampling: String,
    /// How T grows.
    pub growth: String,
    /// When inner steps end before T; empty if they do not.
    pub tolerance: String,
    /// What becomes of the outer direction.
    pub update_x: String,
    /// What becomes of the inner gradient.
    pub update_y: String,
    /// When z steps; empty where there is no z, as are the next two.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ascent: String,
    /// The rule of z's step size, with its scale.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step_z: String,
    /// What becomes of the gradient in z.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub update_z: String,
}

impl From<&Solver> for Parts {
    fn from(solver: &Solver) -> Self {
        let Solver {
            schedule:
                Schedule {
                    inner_steps: _,
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
            batch_x: _,
            batch_y: _,
            ascent,
        } = solver;
        let of_z = |word: fn(&Ascent) -> words::Phrase| {
            let phrase = ascent.as_ref().map(word);
            phrase.map_or(String::new(), |phrase| phrase.to_string())
        };
        Self {
            start: words::start(*start).to_owned(),
            order: words::order(*order).to_owned(),
            direction: words::direction(direction).to_string(),
            step_x: words::step(eta_x).to_string(),
            step_y: words::step(eta_y).to_string(),
            sampling: words::sampling(*sampling).to_owned(),
            growth: words::growth(*growth).to_owned(),
            tolerance: tolerance.as_ref().map(words::falling).unwrap_or_default(),
            update_x: words::update(update_x).to_string(),
            update_y: words::update(update_y).to_string(),
            ascent: of_z(|ascent| words::turns(ascent.turns)),
            step_z: of_z(|ascent| words::scaled_step(&ascent.eta_z)),
            update_z: of_z(|ascent| words::update(&ascent.update_z)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bistable_common::spec::presets;

    use super::*;

    fn parts(preset: &str) -> Parts {
        let preset = presets::find(preset).expect("a preset");
        Parts::from(&preset.solver(preset.inner_steps.count()))
    }

    #[test]
    fn parts_are_named_with_their_parameters() {
        let hoag = parts("hoag");
        assert_eq!(
            hoag.direction,
            "implicit(inverse=cg, steps=100, tolerance=0.01*0.9^k, start_v=warm, batch_v=all)"
        );
        assert_eq!(hoag.tolerance, "0.01*0.9^k");
        assert_eq!(
            (&*hoag.step_x, &*hoag.update_x, &*hoag.update_y),
            ("hoag", "plain", "lbfgs(memory=10)")
        );
        assert_eq!(
            hoag.step_y,
            "armijo(decrease=0.1, shrink=0.8, reset=bound, bound=constant)"
        );
        let bsa = parts("bsa");
        assert_eq!(
            (&*bsa.growth, &*bsa.step_x, &*bsa.step_y, &*bsa.tolerance),
            ("sqrt", "inverse_sqrt", "inverse(clock=inner)", "")
        );
        assert_eq!(
            parts("bisls-adam").update_x,
            "adam(beta1=0.9, beta2=0.999, epsilon=1e-8)"
        );
        assert_eq!(parts("tsgd").step_y, "constant");
        let own = |parts: Parts| [parts.ascent, parts.step_z, parts.update_z];
        let tsgda = own(parts("tsgda-2"));
        assert_eq!(tsgda, ["blocks(Q=1)", "constant(c=0.01)", "plain"]);
        assert_eq!(own(parts("tsgd")), ["", "", ""]);
    }
}
