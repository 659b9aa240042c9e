//! `bistable retry`: what was given up, or has results that differ, is computed again.

use std::str::FromStr;

use bistable_common::wire::v1;
use clap::Args;
use serde::Serialize;

use super::{
    failure::Failure,
    output::{Form, Show},
    remote::Target,
    render::unit_name,
    status::Status,
};

/// Put units back that were given up or have results that differ
///
/// They start afresh: failed attempts and, of conflicting units, all results are forgotten. `bistable results` names such
/// units and says what is wrong with them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bistable retry 3fa1
  bistable retry 3fa1 --unit 0/2/17 --unit 1/0/3")]
pub(super) struct RetryArgs {
    #[command(flatten)]
    target: Target,

    /// Only this unit, as cell/replicate/block; may be given several times [default: all units in trouble]
    #[arg(long, value_name = "UNIT")]
    unit: Vec<Unit>,

    #[command(flatten)]
    form: Form,
}

/// A unit as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unit {
    cell: u32,
    replicate: u32,
    block: u32,
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split('/').map(str::parse::<u32>);
        match parts.collect::<Result<Vec<u32>, _>>().as_deref() {
            Ok(&[cell, replicate, block]) => Ok(Self {
                cell,
                replicate,
                block,
            }),
            _ => Err("a unit is named as cell/replicate/block, such as 0/2/17".to_owned()),
        }
    }
}

impl From<Unit> for v1::SweepUnit {
    fn from(unit: Unit) -> Self {
        let Unit {
            cell,
            replicate,
            block,
        } = unit;
        Self {
            cell,
            replicate,
            block,
        }
    }
}

#[derive(Serialize)]
struct Retried {
    retried: Vec<String>,
    sweep: Status,
}

impl Show for Retried {
    fn text(&self) -> String {
        let units = match &self.retried[..] {
            [] => "no unit was in trouble".to_owned(),
            [unit] => format!("unit {unit} is put back"),
            units => format!("{} units are put back", units.len()),
        };
        format!("{units}\n{}", self.sweep.text())
    }
}

/// Runs the command.
pub(super) async fn run(args: RetryArgs) -> Result<(), Failure> {
    let (mut client, id) = args.target.find().await?;
    let units = args.unit.into_iter().map(Into::into).collect();
    let v1::RetrySweepResponse { sweep, units } = client.retry(id, units).await?;
    let names = units
        .iter()
        .map(|unit| unit_name(unit.cell, unit.replicate, unit.block));
    args.form.show(&Retried {
        retried: names.collect(),
        sweep: sweep.unwrap_or_default().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_three_numbers() {
        let unit = Unit {
            cell: 0,
            replicate: 2,
            block: 17,
        };
        assert_eq!("0/2/17".parse(), Ok(unit));
        for text in [
            "",
            "1",
            "1/2",
            "1/2/3/4",
            "a/b/c",
            "-1/0/0",
            "0/0/4294967296",
        ] {
            assert!(text.parse::<Unit>().is_err(), "{text}");
        }
    }
}
