//! A table that chooses one of several words, each with parameters of its own. Parameters that are left out are the
//! preset's where it has the same word.

use crate::sweep::words::{Phrase, Term};

use super::{
    mistake::{Mistake, Read},
    scalar::{Numbers, number, word},
    table::Table,
    tree::Node,
};

/// A parameter, and the words that have it.
pub(super) type Owner = (&'static str, &'static [&'static str]);

/// A table of which a word is chosen.
pub(super) struct Choice<'n> {
    table: Table<'n>,
    base: Option<Phrase>,
}

impl<'n> Choice<'n> {
    /// Refuses parameters that the `chosen` word of `key` does not have; `preset` is the preset's whole choice.
    pub fn new(
        table: Table<'n>,
        (key, chosen): (&str, &str),
        owners: &[Owner],
        preset: Option<Phrase>,
    ) -> Read<Self> {
        for (parameter, of) in owners {
            if let (false, Some(entry)) = (of.contains(&chosen), table.entry(parameter)) {
                let message = format!("`{parameter}` belongs to {}", owner(key, of));
                return Err(Mistake::new(message)
                    .at(&entry.key_span, format!("not a parameter of this {key}")));
            }
        }
        let same = |phrase: &Phrase| phrase.chosen(key) == Some(chosen);
        Ok(Self {
            table,
            base: preset.filter(same),
        })
    }

    /// The table.
    pub fn table(&self) -> &Table<'n> {
        &self.table
    }

    fn of_preset(&self, key: &str) -> Option<Term> {
        self.base.as_ref().and_then(|base| base.term(key))
    }

    /// What `read` makes of a parameter that is written, else the preset's, if it has one.
    pub fn maybe<T>(
        &self,
        key: &str,
        read: impl Fn(&Node) -> Read<T>,
        of_preset: impl Fn(Term) -> Option<T>,
    ) -> Read<Option<T>> {
        match self.table.get(key) {
            Some(node) => read(node).map(Some),
            None => Ok(self.of_preset(key).and_then(of_preset)),
        }
    }

    /// A number, if it is known.
    pub fn maybe_number(&self, key: &str, range: Numbers) -> Read<Option<f64>> {
        self.maybe(key, |node| number(key, node, range), Term::number)
    }

    /// A number that has a default.
    pub fn number(&self, key: &str, range: Numbers, default: f64) -> Read<f64> {
        Ok(self.maybe_number(key, range)?.unwrap_or(default))
    }

    /// One of `words`, which have a default.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&'static str, T)], default: T) -> Read<T> {
        let of_preset = |term: Term| {
            let named =
                |(name, value): &(&'static str, T)| (term == Term::Word(name)).then_some(*value);
            words.iter().find_map(named)
        };
        let known = self.maybe(key, |node| word(key, node, words), of_preset)?;
        Ok(known.unwrap_or(default))
    }

    /// What must be written if it is not `known`; `example` is how.
    pub fn require<T>(&self, key: &str, known: Option<T>, example: &str) -> Read<T> {
        match known {
            Some(value) => Ok(value),
            None => Err(self.table.lacks(key, example)),
        }
    }
}

/// How a message calls those who have a parameter.
fn owner(key: &str, of: &[&str]) -> String {
    match of.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("the {key}s {} and {last}", rest.join(", "))
        }
        _ => format!("{key} = \"{}\"", of.concat()),
    }
}
