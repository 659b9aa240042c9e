//! Where coordinators are: what users write, checked once.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use bistable_common::wire::{LEADER_KEY, PUSHBACK_KEY};
use tonic::{
    Status,
    transport::{Endpoint, Uri},
};

/// The port that a coordinator listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 7431;

/// How long a connection may take to be there.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A hung peer keeps its sockets open; unanswered pings are what gives it away.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// However long a coordinator wants to be left alone, it is tried again after this.
const LONGEST_PUSHBACK: Duration = Duration::from_secs(30);

/// A text that is not a coordinator's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a coordinator's address: {reason}; write host:port, http://host:port or https://host:port"
)]
pub struct InvalidAddress {
    text: String,
    reason: &'static str,
}

/// A coordinator's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    uri: Uri,
}

impl Address {
    /// How to connect to it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::from(self.uri.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
    }

    /// Whether others than this machine could read what is sent there.
    pub fn is_exposed(&self) -> bool {
        let number: Option<IpAddr> = self.host().parse().ok();
        let here = match number {
            Some(ip) => ip.to_canonical().is_loopback(),
            None => self.host().eq_ignore_ascii_case("localhost"),
        };
        !self.is_secure() && !here
    }

    /// Whether what is said there is encrypted, and who answers has a certificate.
    pub fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = self.uri.host().unwrap_or_default();
        let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        inner.unwrap_or(host)
    }

    /// Whether someone who was told `known` may go here: where everything was to be encrypted, nothing is ever plain.
    pub fn is_as_secure_as(&self, known: &[Self]) -> bool {
        self.is_secure() || !known.iter().all(Self::is_secure)
    }

    fn from_parts(scheme: &str, host: &str, port: u16) -> Option<Self> {
        Uri::builder()
            .scheme(scheme)
            .authority(format!("{host}:{port}"))
            .path_and_query("/")
            .build()
            .ok()
            .map(|uri| Self { uri })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri.to_string().trim_end_matches('/'))
    }
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self::from_parts("http", &host_of(socket), socket.port())
            .expect("a socket address is a host and a port")
    }
}

fn host_of(socket: SocketAddr) -> String {
    match socket {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        parse(text.trim()).map_err(|reason| InvalidAddress {
            text: text.to_owned(),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<Address, &'static str> {
    let (scheme, rest) = match text.split_once("://") {
        None => ("http", text),
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some(_) => return Err("the scheme is neither http nor https"),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("it has more than a host and a port");
    }
    let uri: Uri = format!("http://{authority}/")
        .parse()
        .map_err(|_| "it has no valid host")?;
    let host = uri.host().filter(|host| !host.is_empty());
    let host = host.ok_or("it has no host")?;
    let port = match authority[host.len()..].strip_prefix(':') {
        None => DEFAULT_PORT,
        Some(port) => port.parse().map_err(|_| "the port is not a number")?,
    };
    Address::from_parts(scheme, host, port).ok_or("it has no valid host")
}

/// How long to wait before a call that was refused is made again, if the coordinator says so.
pub fn pushback_of(status: &Status) -> Option<Duration> {
    let told = status.metadata().get(PUSHBACK_KEY)?.to_str().ok()?;
    Some(Duration::from_millis(told.parse().ok()?).min(LONGEST_PUSHBACK))
}

/// Who leads, in the words of a coordinator that does not; `None` if these are not a URL that can be called by someone who
/// was told `known`.
pub fn leader_of(status: &Status, known: &[Address]) -> Option<Address> {
    let url = status.metadata().get(LEADER_KEY)?.to_str().ok()?;
    let leader: Address = url.contains("://").then(|| url.parse().ok())??;
    leader.is_as_secure_as(known).then_some(leader)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, &'static str> {
        parse(text).map(|address| address.to_string())
    }

    #[test]
    fn hosts_and_urls_are_the_same() {
        for text in ["node7:7431", "http://node7:7431", "http://node7:7431/"] {
            assert_eq!(shown(text), Ok("http://node7:7431".to_owned()));
        }
        assert_eq!(shown("[::1]:80"), Ok("http://[::1]:80".to_owned()));
        assert_eq!(shown("node7"), Ok("http://node7:7431".to_owned()));
        assert_eq!(shown("https://[::1]"), Ok("https://[::1]:7431".to_owned()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            ":7431",
            "ftp://node7",
            "https://",
            "node7:port",
            "node7:99999",
            "http://node7/v1",
            "me@node7:1",
            "two words:1",
        ] {
            assert!(shown(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_this_machine_hears_what_is_sent_to_it() {
        let exposed = |text: &str| parse(text).map(|address| address.is_exposed());
        for near in ["localhost", "127.0.0.1:1", "http://[::1]:1", "LOCALHOST:2"] {
            assert_eq!(exposed(near), Ok(false), "{near}");
        }
        for far in [
            "node7",
            "10.0.0.1",
            "http://[fe80::1]:1",
            "localhost.evil.example",
            "127.0.0.1.example",
        ] {
            assert_eq!(exposed(far), Ok(true), "{far}");
        }
    }

    #[test]
    fn a_coordinator_says_when_to_try_again() {
        let told = |text: &str| {
            let mut status = Status::resource_exhausted("later");
            status
                .metadata_mut()
                .insert(PUSHBACK_KEY, text.parse().expect("ASCII"));
            pushback_of(&status)
        };
        assert_eq!(told("120"), Some(Duration::from_millis(120)));
        assert_eq!(told("18446744073709551615"), Some(LONGEST_PUSHBACK));
        assert_eq!((told("-1"), told("soon")), (None, None));
        assert_eq!(pushback_of(&Status::resource_exhausted("full")), None);
    }

    #[test]
    fn sockets_are_addresses() {
        let socket: SocketAddr = "[::1]:7431".parse().expect("a socket address");
        assert_eq!(Address::from(socket).to_string(), "http://[::1]:7431");
    }

    #[test]
    fn a_leader_is_a_url() {
        let told = |url: &str, known: &str| {
            let known = [known.parse().expect("an address")];
            let mut status = Status::unavailable("this coordinator stands by");
            let url = url.parse().expect("ASCII");
            status.metadata_mut().insert(LEADER_KEY, url);
            leader_of(&status, &known).map(|address| address.to_string())
        };
        let named = |url: &str| told(url, "http://node8");
        assert_eq!(named("http://node7"), Some("http://node7:7431".to_owned()));
        let secure = Some("https://node7:7431".to_owned());
        assert_eq!(named("https://node7"), secure);
        assert_eq!(told("https://node7", "https://node8"), secure);
        assert_eq!(told("http://node7", "https://node8"), None);
        for other in ["", "node7", "http://", "file:///etc/passwd"] {
            assert_eq!(named(other), None, "{other}");
        }
        assert_eq!(leader_of(&Status::unavailable(""), &[]), None);
    }
}
