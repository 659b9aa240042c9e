//! Where a PostgreSQL database is: a URL as libpq reads it, checked before anything is connected to.

use std::{env, fmt, time::Duration};

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

/// How long a connection's data may stay unacknowledged, or its peer silent, before it is given up.
const SILENCE: Duration = Duration::from_secs(5);

/// Why a URL is no address of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPostgres {
    /// It cannot be read.
    #[error(
        "the PostgreSQL address cannot be read: {0}; write postgres://user@host:port/database, or \
         postgres://user@/database?host=/path/of/socket"
    )]
    Unreadable(String),
    /// A stray `@`, most likely in a password.
    #[error(
        "the PostgreSQL address has more than one `@`; write one in a name or a password as %40"
    )]
    StrayAt,
    /// There is no TLS.
    #[error(
        "this build does not speak TLS with PostgreSQL; leave sslmode out or write sslmode=disable, and keep the \
         connection on a network that you trust, on a Unix socket, or in a tunnel"
    )]
    Tls,
}

/// A database's address. Shown, it has no password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress(Box<Config>);

impl PostgresAddress {
    /// Reads a `postgres://` or `postgresql://` URL. A password may also be in PGPASSWORD, where other users of the machine
    /// cannot see it.
    pub fn parse(url: &str) -> Result<Self, InvalidPostgres> {
        // The driver knows no verify-ca and verify-full, and would call them invalid values.
        if url.contains("sslmode=verify") {
            return Err(InvalidPostgres::Tls);
        }
        let unreadable = |error: &dyn std::error::Error| {
            let cause = error.source().map(ToString::to_string);
            InvalidPostgres::Unreadable(cause.unwrap_or_else(|| error.to_string()))
        };
        let mut config: Config = url.parse().map_err(|error| unreadable(&error))?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(InvalidPostgres::Tls);
        }
        let stray = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(stray) {
            return Err(InvalidPostgres::StrayAt);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if config.get_password().is_none()
            && let Some(password) = env::var_os("PGPASSWORD")
        {
            config.password(password.as_encoded_bytes());
        }
        config
            .application_name("bistable")
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(SILENCE)
            .keepalives_retries(1);
        Ok(Self(Box::new(config)))
    }

    pub(super) fn config(&self) -> &Config {
        &self.0
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.0.get_user() {
            write!(f, "{user}@")?;
        }
        let ports = self.0.get_ports();
        for (index, host) in self.0.get_hosts().iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}:{port}")?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{comma}{}:{port}", path.display())?,
            }
        }
        match self.0.get_dbname() {
            Some(name) => write!(f, "/{name}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> Result<String, InvalidPostgres> {
        PostgresAddress::parse(url).map(|address| address.to_string())
    }

    #[test]
    fn hosts_sockets_and_defaults() {
        let cases = [
            (
                "postgres://me@db:5433/sweeps",
                "postgres://me@db:5433/sweeps",
            ),
            ("postgresql://me@db/sweeps", "postgres://me@db:5432/sweeps"),
            (
                "postgres://me@/sweeps",
                "postgres://me@localhost:5432/sweeps",
            ),
            (
                "postgres://me@/sweeps?host=/run/postgresql",
                "postgres://me@/run/postgresql:5432/sweeps",
            ),
            (
                "postgres://me@%2Frun%2Fpg:7/sweeps",
                "postgres://me@/run/pg:7/sweeps",
            ),
        ];
        for (url, expected) in cases {
            assert_eq!(shown(url).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://me:s3cret@db/sweeps",
            "postgres://me@db/sweeps?password=s3cret",
        ] {
            let address = PostgresAddress::parse(url).expect("an address");
            let texts = [address.to_string(), format!("{address:?}")];
            assert!(
                texts.iter().all(|text| !text.contains("s3cret")),
                "{texts:?}"
            );
            assert_eq!(address.config().get_password(), Some(&b"s3cret"[..]));
        }
        for url in [
            "postgres://me:s3cret@db:port/sweeps",
            "postgres://me:s3cret@db/sweeps?colour=s3cret",
            "postgres://me:p@s3cret@db/sweeps",
            "postgres://me:s3cret@db/sweeps?sslmode=s3cret",
        ] {
            let error = PostgresAddress::parse(url).expect_err("an error");
            let texts = [error.to_string(), format!("{error:?}")];
            assert!(
                texts.iter().all(|text| !text.contains("s3cret")),
                "{texts:?}"
            );
        }
    }

    #[test]
    fn encryption_is_refused_rather_than_left_out() {
        for mode in ["require", "verify-ca", "verify-full"] {
            let refused = PostgresAddress::parse(&format!("postgres://me@db/x?sslmode={mode}"));
            assert_eq!(refused, Err(InvalidPostgres::Tls));
        }
        for mode in ["disable", "prefer"] {
            let url = format!("postgres://me@db/x?sslmode={mode}");
            assert!(PostgresAddress::parse(&url).is_ok());
        }
    }
}
