//! Where a store is: what `--store` takes.

use std::{fmt, path::PathBuf, str::FromStr};

use super::postgres::{InvalidPostgres, PostgresAddress};

/// A store's address, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresAddress),
}

/// Without passwords.
impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

/// An address that this build cannot open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// No path at all.
    #[error("the store's address `{0}` names no file; write a path, or sqlite:PATH")]
    Empty(String),
    /// A kind of store that this build lacks.
    #[error(
        "stores of kind `{0}` are not supported by this build; write a path, sqlite:PATH, or \
         postgres://user@host:port/database"
    )]
    Scheme(String),
    /// A PostgreSQL address that is wrong.
    #[error(transparent)]
    Postgres(#[from] InvalidPostgres),
}

impl FromStr for StoreAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let path = match text.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                return Ok(Self::Postgres(PostgresAddress::parse(text)?));
            }
            // A bare path may hold a colon; only `scheme://` is certainly not one.
            Some((scheme, rest)) if rest.starts_with("//") => {
                return Err(InvalidAddress::Scheme(scheme.to_owned()));
            }
            _ => text,
        };
        if path.is_empty() {
            return Err(InvalidAddress::Empty(text.to_owned()));
        }
        Ok(Self::Sqlite(path.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_ways_to_write_a_file() {
        for text in ["a/b.db", "sqlite:a/b.db", "sqlite://a/b.db"] {
            assert_eq!(text.parse(), Ok(StoreAddress::Sqlite("a/b.db".into())));
        }
        assert_eq!(
            "sqlite:///a.db".parse(),
            Ok(StoreAddress::Sqlite("/a.db".into()))
        );
    }

    #[test]
    fn databases_are_urls() {
        for scheme in ["postgres", "postgresql"] {
            let address: StoreAddress = format!("{scheme}://me@db/x").parse().expect("an address");
            assert!(matches!(address, StoreAddress::Postgres(_)));
            assert_eq!(address.to_string(), "postgres://me@db:5432/x");
        }
    }

    #[test]
    fn other_kinds_are_refused_by_name() {
        let refused = "mysql://host/db".parse::<StoreAddress>();
        assert_eq!(refused, Err(InvalidAddress::Scheme("mysql".into())));
        assert!("sqlite:".parse::<StoreAddress>().is_err());
        assert!("".parse::<StoreAddress>().is_err());
    }
}
