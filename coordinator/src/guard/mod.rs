//! The door: who may call what, and how much. It knows tokens, methods and peers, and nothing of what calls mean.

mod access;
mod body;
mod budget;
mod keyring;
mod layer;
mod limiter;
mod messages;
mod tokens;

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use blake3::Hash;
use tonic::{
    Code, Status,
    body::Body,
    codegen::http::{HeaderMap, Request, header::AUTHORIZATION},
    transport::server::TcpConnectInfo,
};

pub use self::tokens::TokensError;
use self::{
    access::{Access, Roles, access},
    body::{Count, Counted, Over},
    budget::Budget,
    keyring::Keyring,
    limiter::Limiter,
};
use crate::{board::Timestamp, dispatch::Clock, monitor::Counts};
use bistable_common::{token::MAX_TOKEN, wire::PUSHBACK_KEY};

/// Calls and messages a second that a client may send: more than a fleet of thousands behind one address does.
pub const CALLS_PER_SECOND: u32 = 5_000;

/// Connections at a time: several times a large fleet.
pub const CONNECTIONS: usize = 8192;

/// Connections from an address: a thousand workers may share one.
pub const CONNECTIONS_PER_ADDRESS: usize = 2048;

/// The largest data set.
pub const DATA_BYTES: u64 = 1 << 30;

/// All data sets together: many of the largest, and less than most disks.
pub const STORED_DATA_BYTES: u64 = 64 << 30;

/// How long a message may take to arrive, the first one of a call counted from the call's beginning.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of messages that have not arrived as a whole, over all calls.
const UNFINISHED_BYTES: usize = 512 << 20;

/// So many seconds' worth of calls may come at once: a fleet arrives in an instant.
const BURST: Duration = Duration::from_secs(4);

/// Wrong tokens a second that may come from an address, and how many seconds' worth at once.
const WRONG_PER_SECOND: u32 = 2;
const WRONG_BURST: Duration = Duration::from_secs(20);

/// Who is let in.
#[derive(Debug, Clone)]
pub struct Doors {
    /// The folder of tokens; without one, no token is asked for.
    pub tokens: Option<PathBuf>,
    /// Whether to serve whoever comes, wherever from.
    pub insecure: bool,
    /// Calls and messages a second that a client may send.
    pub calls_per_second: u32,
    /// Connections at a time; one more is closed at once.
    pub connections: usize,
    /// Connections at a time from an address other than this machine's.
    pub connections_per_address: usize,
    /// How much data is taken.
    pub data: DataLimits,
    /// How long a message may take to arrive, beyond what its length explains.
    pub message_timeout: Duration,
    /// Bytes of messages that have not arrived as a whole, over all calls.
    pub unfinished_bytes: usize,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            tokens: None,
            insecure: false,
            calls_per_second: CALLS_PER_SECOND,
            connections: CONNECTIONS,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            data: DataLimits::default(),
            message_timeout: MESSAGE_TIMEOUT,
            unfinished_bytes: UNFINISHED_BYTES,
        }
    }
}

/// How much data is taken, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct DataLimits {
    /// The largest data set.
    pub each: u64,
    /// All that are stored, together.
    pub all: u64,
}

impl Default for DataLimits {
    fn default() -> Self {
        Self {
            each: DATA_BYTES,
            all: STORED_DATA_BYTES,
        }
    }
}

/// Whether only this machine can reach a server at `addr`.
pub fn is_loopback(addr: SocketAddr) -> bool {
    addr.ip().to_canonical().is_loopback()
}

/// Whom a share is for: whoever calls from an address, and those who show a token there one by one.
type Client = (Option<IpAddr>, Option<[u8; 32]>);

/// The guard in front of every service.
#[derive(Clone)]
pub(crate) struct Guard(Arc<Inner>);

struct Inner {
    keyring: Option<Keyring>,
    calls: Limiter<Client>,
    wrong: Limiter<Option<IpAddr>>,
    clock: Clock,
    message_timeout: Duration,
    budget: Budget,
    counts: Counts,
}

/// A call that may go on.
struct Admitted {
    count: Count,
    /// Until when.
    withdrawn: Option<Over>,
}

impl Guard {
    pub async fn start(doors: &Doors, counts: Counts) -> Result<Self, TokensError> {
        let keyring = match &doors.tokens {
            Some(folder) => Some(Keyring::open(folder.clone()).await?),
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            keyring,
            calls: Limiter::new(doors.calls_per_second, BURST),
            wrong: Limiter::new(WRONG_PER_SECOND, WRONG_BURST),
            clock: Clock::start(Timestamp::default()),
            message_timeout: doors.message_timeout,
            budget: Budget::new(doors.unfinished_bytes),
            counts,
        })))
    }

    fn turned_away<T>(&self, request: &Request<T>, code: Code) {
        let peer = request.extensions().get::<TcpConnectInfo>();
        let peer = peer.and_then(TcpConnectInfo::remote_addr);
        tracing::debug!(?peer, ?code, "a call was turned away");
        self.0.counts.turned_away(code);
    }

    fn admit<T>(&self, request: &Request<T>) -> Result<Admitted, Status> {
        let peer = request.extensions().get::<TcpConnectInfo>();
        let peer = peer.and_then(TcpConnectInfo::remote_addr).map(network);
        let needed = access(request.uri().path());
        let Some(keyring) = &self.0.keyring else {
            needed.ok_or_else(unknown)?;
            return self.count((peer, None)).map(|count| Admitted {
                count,
                withdrawn: None,
            });
        };
        if needed == Some(Access::Anyone) {
            let count = self.count((peer, None))?;
            return Ok(Admitted {
                count,
                withdrawn: None,
            });
        }
        let shown = bearer(request.headers()).inspect_err(|_| {
            // It is no guess, but it is a call.
            let _ = self.0.calls.admit(self.0.clock.now(), (peer, None));
        })?;
        let roles = self.check(keyring, peer, shown)?;
        let count = self.count((peer, Some(*shown.as_bytes())))?;
        let needed = needed.ok_or_else(unknown)?;
        if !needed.allows(roles) {
            return Err(forbidden(request.uri().path(), needed));
        }
        Ok(Admitted {
            count,
            withdrawn: Some(keyring.withdrawn(shown, needed)),
        })
    }

    /// The roles of the token that was shown. After many wrong ones from an address, another one from there is not even
    /// looked at, unless it was right before: whoever guesses learns nothing, and whoever works beside goes on.
    fn check(&self, keyring: &Keyring, peer: Option<IpAddr>, shown: Hash) -> Result<Roles, Status> {
        let roles = keyring.roles(shown);
        let now = self.0.clock.now();
        if !roles.is_empty() && self.0.calls.knows((peer, Some(*shown.as_bytes()))) {
            return Ok(roles);
        }
        let wait = self.0.wrong.wait(now, peer);
        if !wait.is_zero() {
            return Err(later("too many wrong tokens came from this address", wait));
        }
        if roles.is_empty() {
            self.0.wrong.charge(now, peer, 1);
            return Err(Status::unauthenticated(
                "the token is none of this coordinator's",
            ));
        }
        Ok(roles)
    }

    /// A request's body, counted.
    fn counted(&self, body: Body, count: Count) -> Body {
        let held = self.0.budget.part();
        Body::new(Counted::new(body, count, self.0.message_timeout, held))
    }

    /// Counts a call of `client`, whose first message is part of it, and those that follow.
    fn count(&self, client: Client) -> Result<Count, Status> {
        let admitted = self.0.calls.admit(self.0.clock.now(), client);
        admitted.map_err(|wait| later("this client calls too often", wait))?;
        let (inner, mut free) = (Arc::clone(&self.0), 1);
        Ok(Box::new(move |messages| {
            let counted = messages - free.min(messages);
            free = 0;
            if counted == 0 {
                return Duration::ZERO;
            }
            inner.calls.charge(inner.clock.now(), client, counted)
        }))
    }
}

/// The address that stands for a peer: machines with IPv6 have whole networks of them.
pub(crate) fn network(peer: SocketAddr) -> IpAddr {
    match peer.ip().to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

/// The hash of the token that a caller shows.
fn bearer(headers: &HeaderMap) -> Result<Hash, Status> {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let (first, more) = (shown.next(), shown.next());
    let Some(first) = first else {
        return Err(Status::unauthenticated(
            "this coordinator wants a token; name a file that holds one with --token-file or BISTABLE_TOKEN_FILE",
        ));
    };
    let malformed = || Status::unauthenticated("the authorization is not one bearer token");
    let (scheme, token) = first
        .as_bytes()
        .split_at_checked("Bearer ".len())
        .ok_or_else(malformed)?;
    let fits =
        more.is_none() && scheme.eq_ignore_ascii_case(b"Bearer ") && token.len() <= MAX_TOKEN;
    if !fits {
        return Err(malformed());
    }
    Ok(tokens::hash(token))
}

fn unknown() -> Status {
    Status::unimplemented("there is no such method")
}

fn forbidden(path: &str, needed: Access) -> Status {
    let method = path.rsplit('/').next().unwrap_or(path);
    let roles: Vec<_> = match needed {
        Access::Of(roles) => roles.iter().map(|role| role.name()).collect(),
        Access::Anyone | Access::Known => Vec::new(),
    };
    let roles = roles.join(" or ");
    Status::permission_denied(format!("{method} needs a token of the role {roles}"))
}

/// Refuses a call that may be made again after `wait`.
fn later(why: &str, wait: Duration) -> Status {
    let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut status = Status::resource_exhausted(format!("{why}; try again in {ms} ms"));
    status.metadata_mut().insert(PUSHBACK_KEY, ms.into());
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::ffff:2]:9"));
        assert_ne!(of("[2001:db8::1]:1"), of("[2001:db8:0:1::1]:1"));
        assert_eq!(of("[::ffff:10.0.0.1]:1"), of("10.0.0.1:2"));
        assert_ne!(of("10.0.0.1:1"), of("10.0.0.2:1"));
    }

    #[test]
    fn only_loopback_is_loopback() {
        let is = |text: &str| is_loopback(text.parse().expect("an address"));
        for near in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is(near), "{near}");
        }
        for far in [
            "0.0.0.0:1",
            "[::]:1",
            "10.0.0.1:1",
            "[::ffff:0.0.0.0]:1",
            "[fe80::1]:1",
        ] {
            assert!(!is(far), "{far}");
        }
    }

    #[test]
    fn one_bearer_token_is_read() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                let value = tonic::codegen::http::HeaderValue::from_bytes(value);
                headers.append(AUTHORIZATION, value.expect("a header"));
            }
            bearer(&headers).map_err(|status| status.message().to_owned())
        };
        let expected = Ok(tokens::hash(b"0123456789abcdef"));
        assert_eq!(read(&[b"Bearer 0123456789abcdef"]), expected);
        assert_eq!(read(&[b"bearer 0123456789abcdef"]), expected);
        assert!(read(&[]).is_err_and(|why| why.contains("--token-file")));
        let long = [b"Bearer ".as_slice(), &[b'a'; MAX_TOKEN + 1]].concat();
        let wrong: [&[&[u8]]; 5] = [
            &[b"0123456789abcdef"],
            &[b"Basic 0123456789abcdef"],
            &[b"Bearer"],
            &[&long],
            &[b"Bearer 0123456789abcdef", b"Bearer 0123456789abcdef"],
        ];
        for values in wrong {
            assert!(read(values).is_err_and(|why| why.contains("one bearer token")));
        }
    }
}
