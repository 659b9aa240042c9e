//! How z ascends: a word with the keys that belong to it.

use crate::{
    spec::{Ascent, StepSize, Turns},
    sweep::facts::MAX_T,
};

use super::{
    mistake::{Mistake, Read},
    scalar::{integer, word},
    table::Table,
    update,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Pairs,
    Blocks,
}

const TURNS: [(&str, Turn); 2] = [("pairs", Turn::Pairs), ("blocks", Turn::Blocks)];

/// Keys that mean something only where z ascends.
const OWN: [&str; 3] = ["Q", "eta_z", "update_z"];

/// Reads how z ascends over what the preset says, by steps of `eta_z`; `None` where nothing is said of it.
pub(super) fn read(
    table: &Table,
    preset: Option<Ascent>,
    eta_z: impl FnOnce() -> Read<StepSize>,
) -> Read<Option<Ascent>> {
    let turn = match (table.get("ascent"), preset.map(|preset| preset.turns)) {
        (Some(node), _) => word("ascent", node, &TURNS)?,
        (None, Some(Turns::Pairs)) => Turn::Pairs,
        (None, Some(Turns::Blocks { .. })) => Turn::Blocks,
        (None, None) => return refuse_strays(table),
    };
    let update = preset.map(|preset| preset.update_z).unwrap_or_default();
    Ok(Some(Ascent {
        turns: turns(table, turn, preset)?,
        eta_z: eta_z()?,
        update_z: match table.get("update_z") {
            Some(node) => update::read("update_z", node, &update)?,
            None => update,
        },
    }))
}

fn refuse_strays(table: &Table) -> Read<Option<Ascent>> {
    match OWN.iter().find_map(|key| table.entry(key)) {
        None => Ok(None),
        Some(entry) => {
            let message = format!("`{}` says how z ascends, and z does not", entry.key);
            Err(Mistake::new(message)
                .at(&entry.key_span, "without an ascent")
                .help(
                    "add ascent = \"pairs\" or \"blocks\", or begin with ssgda, tsgda-1 or tsgda-2",
                ))
        }
    }
}

fn turns(table: &Table, turn: Turn, preset: Option<Ascent>) -> Read<Turns> {
    let written = table.entry("Q");
    match (turn, written, preset.map(|preset| preset.turns)) {
        (Turn::Pairs, None, _) => Ok(Turns::Pairs),
        (Turn::Pairs, Some(entry), _) => Err(Mistake::new("`Q` belongs to ascent = \"blocks\"")
            .at(&entry.key_span, "z steps as often as y here")
            .help("leave it out, or take ascent = \"blocks\": T steps of y, then Q of z")),
        (Turn::Blocks, Some(entry), _) => Ok(Turns::Blocks {
            steps: integer("Q", &entry.node, &(1..=MAX_T))?,
        }),
        (Turn::Blocks, None, Some(turns @ Turns::Blocks { .. })) => Ok(turns),
        (Turn::Blocks, None, _) => Err(table.lacks("Q", "Q = 5")),
    }
}
