//! Where a PostgreSQL database is: a URL as libpq reads it, checked before anything is connected to.

use std::{env, fmt, time::Duration};

use percent_encoding::percent_decode_str;
use tokio_postgres::{Config, config::Host};

use super::encryption::{Encryption, Nonsense};

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
    /// What it says about TLS makes no sense.
    #[error("the PostgreSQL address, or PGSSLMODE and PGSSLROOTCERT: {0}")]
    Tls(Nonsense),
}

/// A database's address. Shown, it has no password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress(Box<Config>, Encryption);

impl PostgresAddress {
    /// Reads a `postgres://` or `postgresql://` URL. What it does not say may be in PGSSLMODE and PGSSLROOTCERT, and a
    /// password in PGPASSWORD, where other users of the machine cannot see it.
    pub fn parse(url: &str) -> Result<Self, InvalidPostgres> {
        let (url, said) = take(url, ["sslmode", "sslrootcert"]);
        let [mode, authority] = said;
        let mode = mode.or_else(|| env::var("PGSSLMODE").ok());
        let authority = authority.or_else(|| env::var("PGSSLROOTCERT").ok());
        let unreadable = |error: &dyn std::error::Error| {
            let cause = error.source().map(ToString::to_string);
            InvalidPostgres::Unreadable(cause.unwrap_or_else(|| error.to_string()))
        };
        let mut config: Config = url.parse().map_err(|error| unreadable(&error))?;
        let stray = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(stray) {
            return Err(InvalidPostgres::StrayAt);
        }
        if config.get_hosts().is_empty() {
            // What is encrypted has a name.
            let addresses = config.get_hostaddrs().iter().map(ToString::to_string);
            let mut names: Vec<String> = addresses.collect();
            if names.is_empty() {
                names.push("localhost".to_owned());
            }
            for name in names {
                config.host(name);
            }
        }
        let on_socket = !config
            .get_hosts()
            .iter()
            .any(|host| matches!(host, Host::Tcp(_)));
        let encryption = match on_socket {
            // PostgreSQL speaks no TLS there, and libpq asks for none.
            true => Encryption::Disable,
            false => Encryption::of(mode.as_deref(), authority.as_deref())
                .map_err(InvalidPostgres::Tls)?,
        };
        if config.get_password().is_none()
            && let Some(password) = env::var_os("PGPASSWORD")
        {
            config.password(password.as_encoded_bytes());
        }
        config
            .application_name("bistable")
            .ssl_mode(encryption.mode())
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(SILENCE)
            .keepalives_retries(1);
        Ok(Self(Box::new(config), encryption))
    }

    pub(super) fn encryption(&self) -> &Encryption {
        &self.1
    }

    pub(super) fn config(&self) -> &Config {
        &self.0
    }
}

/// A URL without the parameters `names`, which the driver does not know or not all values of, and what they are.
fn take<const N: usize>(url: &str, names: [&str; N]) -> (String, [Option<String>; N]) {
    let mut values = [const { None }; N];
    // A password may hold a question mark.
    let credentials = url.find('@').unwrap_or(0);
    let Some(start) = url[credentials..].find('?').map(|at| credentials + at) else {
        return (url.to_owned(), values);
    };
    let mut rest = Vec::new();
    for parameter in url[start + 1..].split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match names.iter().position(|taken| *taken == name) {
            Some(at) => {
                values[at] = Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
            }
            None => rest.push(parameter),
        }
    }
    let mark = if rest.is_empty() { "" } else { "?" };
    (format!("{}{mark}{}", &url[..start], rest.join("&")), values)
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
    use std::path::PathBuf;

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
    fn encryption_is_what_libpq_calls_it() {
        let of = |query: &str| {
            let url = format!("postgres://me:a?b@db/x{query}");
            PostgresAddress::parse(&url).map(|address| {
                assert_eq!(address.config().get_password(), Some(&b"a?b"[..]));
                assert_eq!(address.config().get_dbname(), Some("x"));
                address.encryption().clone()
            })
        };
        let file = "?sslrootcert=/a%20b/ca.pem";
        let ca = || PathBuf::from("/a b/ca.pem");
        let good = [
            ("".to_owned(), Encryption::Prefer),
            ("?sslmode=disable&keepalives=1".into(), Encryption::Disable),
            ("?sslmode=prefer".into(), Encryption::Prefer),
            ("?keepalives=1&sslmode=require".into(), Encryption::Require),
            (
                format!("{file}&sslmode=require"),
                Encryption::VerifyCa(ca()),
            ),
            (
                format!("{file}&sslmode=verify-ca"),
                Encryption::VerifyCa(ca()),
            ),
            (
                format!("{file}&sslmode=verify-full"),
                Encryption::VerifyFull(Some(ca())),
            ),
            ("?sslmode=verify-full".into(), Encryption::VerifyFull(None)),
            (
                "?sslmode=verify-full&sslrootcert=system".into(),
                Encryption::VerifyFull(None),
            ),
        ];
        for (query, expected) in good {
            assert_eq!(of(&query), Ok(expected), "{query}");
        }
        for query in [
            file,
            "?sslmode=allow",
            "?sslmode=",
            "?sslmode=verify-ca",
            "?sslmode=require&sslrootcert=system",
        ] {
            assert!(matches!(of(query), Err(InvalidPostgres::Tls(_))), "{query}");
        }
        // libpq ignores it there, too.
        let socket = PostgresAddress::parse("postgres://me@/x?host=/run&sslmode=require");
        assert_eq!(
            socket.expect("an address").encryption(),
            &Encryption::Disable
        );
    }
}
