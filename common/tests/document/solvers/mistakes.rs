//! What is said about parts that are wrong, or mean nothing together.

use bistable_common::spec::Misfit;

use super::{document, of};
use crate::support::*;

/// Lines that a preset cannot have, and why.
#[test]
fn parts_that_mean_nothing_together() {
    for (name, lines, misfit) in [
        ("tsgd", "T = 0", Misfit::NoInnerSteps),
        ("aid-cg", "T = 0", Misfit::NoInnerSteps),
        ("tsgd", "start = \"outer\"", Misfit::StartNeedsTasks),
        (
            "tsgd",
            "direction = { last = 3 }\norder = \"outer_first\"",
            Misfit::UnrolledNeedsInnerFirst,
        ),
        (
            "tsgd",
            "direction = { last = 3 }\ntolerance = { first = 0.1, ratio = 1 }",
            Misfit::TruncatedNeedsKnownT,
        ),
        (
            "ud",
            "update_y = { clip = 1 }",
            Misfit::UnrolledNeedsPlainSteps,
        ),
        (
            "aid-bio",
            "direction = { inverse = \"neumann\", steps = 3, eta_v = 0.5, mu = 0.1 }",
            Misfit::GeometricNeedsBatches,
        ),
        ("bsa", "sampling = \"epoch\"", Misfit::EpochNeedsFixedT),
        (
            "stocbio",
            "eta_y = { rule = \"hoag\" }",
            Misfit::UpperRuleBelow,
        ),
        (
            "bisls-sgd",
            "order = \"simultaneous\"",
            Misfit::SearchNeedsInnerFirst,
        ),
        (
            "sgd",
            "eta_x = { rule = \"bilevel_armijo\" }",
            Misfit::SearchNeedsInnerSteps,
        ),
        (
            "stocbio",
            "eta_x = { rule = \"polyak\" }",
            Misfit::SearchNeedsGradient,
        ),
        (
            "tsgd",
            "eta_x = { rule = \"armijo\" }",
            Misfit::SearchNeedsGradient,
        ),
        ("hoag", "batch_y = 10", Misfit::LbfgsNeedsAll),
        ("hoag", "update_x = \"lbfgs\"", Misfit::LbfgsBelow),
    ] {
        says(
            &wrong(&toml(&document(name, lines))),
            &[&format!("solver `{name}`: {misfit}"), "[sweep.toml:12:1]"],
        );
    }
    // The adaptive rules that steps may be differentiated through, as constants.
    of("tsgd", "eta_y = { rule = \"armijo\" }");
}

#[test]
fn single_level_solvers_need_an_outer_objective_of_x() {
    let error = broken("preset = \"ssgd\"", "preset = \"sgd\"");
    says(
        &error,
        &["this problem's outer objective depends on x only through y"],
    );
}

#[test]
fn mistakes_in_parts() {
    for (name, lines, message) in [
        (
            "aid-cg",
            "direction = { step = 3 }",
            "unknown key `step` in a direction",
        ),
        (
            "aid-cg",
            "direction = { step = 3 }",
            "did you mean `steps`?",
        ),
        (
            "aid-cg",
            "direction = { eta_v = 3 }",
            "`eta_v` belongs to the inverses fixed_point, neumann, random_neumann and identity",
        ),
        (
            "stocbio",
            "direction = { tolerance = \"none\" }",
            "`tolerance` belongs to inverse = \"cg\"",
        ),
        (
            "tsgd",
            "direction = { kind = \"truncated\", last = 2, steps = 3 }",
            "`steps` belongs to kind = \"implicit\"",
        ),
        (
            "tsgd",
            "direction = { kind = \"truncated\" }",
            "a direction lacks the key `last`",
        ),
        (
            "tsgd",
            "direction = { steps = 3 }",
            "a direction lacks the key `inverse`",
        ),
        (
            "tsgd",
            "direction = { inverse = \"cg\", steps = 3 }",
            "a direction lacks the key `batch_v`",
        ),
        (
            "tsgd",
            "direction = { inverse = \"cg\", batch_v = 3 }",
            "a direction lacks the key `steps`",
        ),
        (
            "tsgd",
            "direction = { inverse = \"newton\" }",
            "inverse = \"newton\": expected \"cg\", \"fixed_point\", \"neumann\", \"random_neumann\" or \"identity\"",
        ),
        (
            "tsgd",
            "direction = \"implicit\"",
            "or a table; for example: direction = { inverse = \"cg\", steps = 10",
        ),
        (
            "tsgd",
            "direction = \"truncated\"",
            "write how many steps it keeps: direction = { last = 5 }",
        ),
        (
            "tsgd",
            "direction = \"unroled\"",
            "did you mean \"unrolled\"?",
        ),
        (
            "aid-cg",
            "direction = { steps = 0 }",
            "steps = 0: expected an integer from 1 to 65536",
        ),
        (
            "aid-cg",
            "direction = { batch_v = 0 }",
            "batch_v = 0: expected an integer from 1 to 65536, or \"all\"",
        ),
        (
            "stocbio",
            "direction = { mu = 2 }",
            "mu = 2: expected less than 1 / eta_v = 2",
        ),
        (
            "hoag",
            "tolerance = 0.1",
            "tolerance = 0.1: expected a table with first and ratio, or \"none\"",
        ),
        (
            "hoag",
            "tolerance = { first = 0.1 }",
            "a tolerance lacks the key `ratio`",
        ),
        (
            "hoag",
            "tolerance = { first = 0.1, ratio = 2 }",
            "ratio = 2: expected a number above 0 and at most 1",
        ),
        (
            "tsgd",
            "growth = \"root\"",
            "growth = \"root\": expected \"fixed\", \"sqrt\" or \"fourth_root\"",
        ),
        (
            "bisps",
            "eta_x = { shrink = 0.5 }",
            "`shrink` belongs to the rules armijo and bilevel_armijo",
        ),
        (
            "bisps",
            "eta_x = { lower = 11 }",
            "lower = 11: positive, and at most c",
        ),
        (
            "bisps",
            "eta_x = { divisor = 0.1 }",
            "divisor = 0.1: expected a number, at least 0.5",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"power\" }",
            "a step size lacks the key `exponent`",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"armijo\", reset = 0.5 }",
            "reset = 0.5: expected \"bound\", \"keep\", or a factor of at least 1",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"armijo\", bound = \"sqrt\" }",
            "bound = \"sqrt\": expected \"constant\", \"inverse_sqrt\" or \"inverse\"",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"armijo\", decrease = 1 }",
            "decrease = 1: expected a number strictly between 0 and 1",
        ),
        (
            "tsgd",
            "eta_y = { rule = \"polyk\" }",
            "did you mean \"polyak\"?",
        ),
        (
            "tsgd",
            "update_x = { method = \"adam\", beta = 0.9 }",
            "`beta` belongs to method = \"averaged\"",
        ),
        (
            "tsgd",
            "update_x = { beta1 = 0.9 }",
            "`beta1` belongs to method = \"adam\"",
        ),
        (
            "tsgd",
            "update_x = { method = \"adam\", beta2 = 1 }",
            "beta2 = 1: expected a number, at least 0 and below 1",
        ),
        ("tsgd", "update_x = \"adm\"", "did you mean \"adam\"?"),
        (
            "tsgd",
            "update_x = 3",
            "update_x = 3: expected a method, or a table with one",
        ),
        (
            "tsgd",
            "update_x = { clamp = [1, -1] }",
            "clamp = [..]: expected two numbers, the smaller first",
        ),
        (
            "tsgd",
            "update_x = { clamp = [1] }",
            "clamp = [..]: expected two numbers, the smaller first",
        ),
        (
            "tsgd",
            "update_x = { clip = 0 }",
            "clip = 0: expected a positive number",
        ),
        (
            "hoag",
            "update_y = { memory = 0 }",
            "memory = 0: expected an integer from 1 to 1024",
        ),
        (
            "bsa",
            "T = 65536",
            "solver `bsa`: T = 207244: at most 65536 inner steps in the last outer iteration",
        ),
    ] {
        says(
            &wrong(&toml(&document(name, lines))),
            &[message, "[sweep.toml:1"],
        );
    }
}
