//! What every command that asks a coordinator takes, and sweeps by the beginning of their identifier.

use bistable_worker::link::{Address, Credentials};
use clap::Args;

use super::failure::Failure;
use crate::client::Client;

/// Digits of a whole identifier.
const WHOLE: usize = 16;

/// Which coordinator is asked.
#[derive(Debug, Clone, Args)]
pub(super) struct Remote {
    /// The coordinator to ask, as host:port, http://host:port or https://host:port
    ///
    /// Several are separated by commas: coordinators that share a store. The first that answers is asked; what changes
    /// something is asked of the one that leads.
    #[arg(
        long,
        value_name = "URL[,URL...]",
        env = "BISTABLE_COORDINATOR",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:7431"
    )]
    pub coordinator: Vec<Address>,

    #[command(flatten)]
    pub credentials: Credentials,
}

impl Remote {
    /// Connects.
    pub async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect(&self.coordinator, &self.credentials).await?)
    }
}

/// A sweep of a coordinator.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    /// The sweep's identifier, or as much of its beginning as is unique
    pub id: String,

    #[command(flatten)]
    pub remote: Remote,
}

impl Target {
    /// Connects, and finds the whole identifier.
    pub async fn find(&self) -> Result<(Client, String), Failure> {
        let mut client = self.remote.client().await?;
        let given = self.id.to_ascii_lowercase();
        if given.len() == WHOLE {
            return Ok((client, given));
        }
        let sweeps = client.list().await?;
        let id = unique(&given, sweeps.iter().map(|sweep| sweep.id.as_str()))?;
        Ok((client, id))
    }
}

/// The one identifier that begins with `prefix`.
fn unique<'a>(prefix: &str, ids: impl Iterator<Item = &'a str>) -> Result<String, Failure> {
    let found: Vec<_> = ids.filter(|id| id.starts_with(prefix)).collect();
    match found[..] {
        [id] => Ok(id.to_owned()),
        [] => Err(Failure::Other(format!(
            "no sweep has an identifier that begins with `{prefix}`; `bistable list` shows all"
        ))),
        _ => Err(Failure::Other(format!(
            "`{prefix}` could be any of {}; write more digits",
            found.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 2] = ["00112233445566ff", "0a112233445566ff"];

    #[test]
    fn a_unique_beginning_is_enough() {
        let id = unique("0a", IDS.into_iter()).expect("an identifier");
        assert_eq!(id, IDS[1]);
    }

    #[test]
    fn an_ambiguous_or_unknown_one_is_not() {
        let both = unique("0", IDS.into_iter()).expect_err("two of them");
        assert!(both.to_string().contains(IDS[0]), "{both}");
        let none = unique("f", IDS.into_iter()).expect_err("none");
        assert!(none.to_string().contains("bistable list"), "{none}");
    }
}
