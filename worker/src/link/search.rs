//! Finds the coordinator that leads: address after address, without waiting for one that says nothing. A machine that
//! vanished answers neither yes nor no, and a new leader waits only so long for the workers of the old one.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{LinkError, address::Address, backoff::Backoff};

/// How long an address is alone in being tried.
const HEAD_START: Duration = Duration::from_millis(500);
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a worker that was welcome once goes on asking coordinators that turn it away: Kubernetes takes a minute or two
/// to hand out a new token.
const DENIED_FOR: Duration = Duration::from_secs(600);

/// Why there is no session with a coordinator.
#[derive(Debug)]
pub(super) enum Closed {
    /// Another one may take the worker, or this one later.
    Away {
        reason: String,
        /// Who leads, if it says so.
        leader: Option<Box<Address>>,
        /// When to try again, if it says so.
        after: Option<Duration>,
    },
    /// It does not know what the worker shows, or does not let it work. Another token may do better, and files of tokens are
    /// replaced.
    Denied(String),
    /// No other one will.
    Refused(String),
}

impl Closed {
    pub fn away(reason: impl Into<String>) -> Self {
        Self::Away {
            reason: reason.into(),
            leader: None,
            after: None,
        }
    }
}

/// Where a worker looks, and how far around it is.
pub(super) struct Search {
    /// Not empty.
    addresses: Vec<Address>,
    next: usize,
    backoff: Backoff,
    /// Whether any coordinator has ever taken the worker.
    was_welcome: bool,
}

impl Search {
    pub fn new(addresses: Vec<Address>, backoff: Backoff) -> Self {
        Self {
            addresses,
            next: 0,
            backoff,
            was_welcome: false,
        }
    }

    /// Opens a session with the first coordinator that lets `open` succeed; from then on all others are left alone.
    pub async fn find<T, F>(
        &mut self,
        open: impl Fn(Address) -> F,
    ) -> Result<(Address, T), LinkError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Closed>> + Send + 'static,
    {
        let mut tries = Tries::default();
        let mut leader = None;
        let mut denied = None;
        loop {
            if let Some(address) = leader.take().or_else(|| self.turn(&tries)) {
                tries.begin(address.clone(), open(address));
            }
            let mut pause = HEAD_START;
            while let Some((address, ended)) = tries.ended(pause).await {
                match ended {
                    Ok(opened) => {
                        self.backoff.reset();
                        self.was_welcome = true;
                        return Ok((address, opened));
                    }
                    Err(Closed::Refused(reason)) => {
                        let address = address.to_string();
                        return Err(LinkError::Refused { address, reason });
                    }
                    Err(Closed::Denied(reason)) => {
                        let since = *denied.get_or_insert_with(Instant::now);
                        // What it holds took long to compute, and the next token may be on its way.
                        if !self.was_welcome || since.elapsed() > DENIED_FOR {
                            let address = address.to_string();
                            return Err(LinkError::Refused { address, reason });
                        }
                        tracing::warn!("{address} turns this worker away: {reason}");
                        pause = self.backoff.next();
                    }
                    Err(Closed::Away {
                        reason,
                        leader: named,
                        after,
                    }) => {
                        tracing::warn!("no session with {address}: {reason}");
                        // Two that name each other would keep a worker running to and fro.
                        let named = named.filter(|_| self.addresses.contains(&address));
                        let named = named.map(|named| *named);
                        leader = named.filter(|named| !tries.under_way.contains(named));
                        if leader.is_some() {
                            break;
                        }
                        pause = self.backoff.next().max(after.unwrap_or_default());
                    }
                }
            }
        }
    }

    /// Waits before the next search.
    pub async fn rest(&mut self) {
        self.backoff.wait(None).await;
    }

    /// The next address that is not being tried.
    fn turn(&mut self, tries: &Tries<impl Send + 'static>) -> Option<Address> {
        let count = self.addresses.len();
        let around = (self.next..self.next + count).map(|at| at % count);
        let idle = |at: &usize| !tries.under_way.contains(&self.addresses[*at]);
        let at = around.into_iter().find(idle)?;
        self.next = at + 1;
        Some(self.addresses[at].clone())
    }
}

type Ended<T> = (Address, Result<T, Closed>);

/// Attempts under way. They end with this value.
struct Tries<T> {
    tasks: JoinSet<Ended<T>>,
    under_way: Vec<Address>,
}

impl<T> Default for Tries<T> {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            under_way: Vec::new(),
        }
    }
}

impl<T: Send + 'static> Tries<T> {
    fn begin(
        &mut self,
        address: Address,
        open: impl Future<Output = Result<T, Closed>> + Send + 'static,
    ) {
        self.under_way.push(address.clone());
        self.tasks.spawn(async move {
            let opened = timeout(WELCOME_TIMEOUT, open).await;
            let silent = |_| Err(Closed::away("it does not say welcome"));
            (address, opened.unwrap_or_else(silent))
        });
    }

    /// The next one to end, if one does within `pause`.
    async fn ended(&mut self, pause: Duration) -> Option<Ended<T>> {
        tokio::select! {
            biased;
            // A panic was already reported by the runtime; its address stays out of this search.
            Some(Ok(ended)) = self.tasks.join_next() => {
                self.under_way.retain(|address| *address != ended.0);
                Some(ended)
            }
            () = sleep(pause) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future,
        sync::{Arc, Mutex},
    };

    use super::{
        super::surroundings::{Machine, Surroundings},
        *,
    };

    /// What an address does.
    #[derive(Clone, Copy)]
    enum Does {
        Welcome,
        /// Nothing at all.
        Silence,
        /// Nothing for so many seconds, then a welcome.
        Late(u64),
        No,
        /// It stands by, and names another one.
        Name(&'static str),
        Refuse,
        /// It does not know the token.
        Deny,
    }

    fn address(host: &str) -> Address {
        host.parse().expect("an address")
    }

    /// Looks at `hosts`; `does` knows them and others. Returns who was found, when, and who was tried.
    async fn look(
        hosts: &[&str],
        does: &'static [(&'static str, Does)],
    ) -> (Result<String, LinkError>, Duration, Vec<String>) {
        let addresses = hosts.iter().map(|host| address(host)).collect();
        let machine: Arc<dyn Surroundings> = Arc::new(Machine::default());
        let mut search = Search::new(addresses, Backoff::new(&machine));
        let tried = Mutex::new(Vec::new());
        let open = |at: Address| {
            let mut all = does.iter().filter(|(host, _)| address(host) == at);
            let (host, does) = *all.next().expect("a known host");
            tried.lock().expect("no panic").push(host.to_owned());
            act(does)
        };
        let began = Instant::now();
        let found = timeout(Duration::from_secs(60), search.find(open)).await;
        let found = found.expect("an end");
        let found = found.map(|(address, ())| address.to_string());
        (
            found,
            began.elapsed(),
            tried.into_inner().expect("no panic"),
        )
    }

    async fn act(does: Does) -> Result<(), Closed> {
        match does {
            Does::Welcome => Ok(()),
            Does::Silence => future::pending().await,
            Does::Late(seconds) => {
                sleep(Duration::from_secs(seconds)).await;
                Ok(())
            }
            Does::No => Err(Closed::away("no")),
            Does::Name(leader) => Err(Closed::Away {
                reason: "standing by".to_owned(),
                leader: Some(Box::new(address(leader))),
                after: None,
            }),
            Does::Refuse => Err(Closed::Refused("never".to_owned())),
            Does::Deny => Err(Closed::Denied("whose token is this?".to_owned())),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_one_that_is_silent() {
        let does = &[
            ("a", Does::Silence),
            ("b", Does::Silence),
            ("c", Does::Welcome),
        ];
        let (found, after, tried) = look(&["a", "b", "c"], does).await;
        assert_eq!(found.expect("a leader"), "http://c:7431");
        assert_eq!((after, tried), (2 * HEAD_START, strings(["a", "b", "c"])));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_its_time_is_not_given_up() {
        let does = &[("a", Does::Late(9)), ("b", Does::No)];
        let (found, after, tried) = look(&["a", "b"], does).await;
        assert_eq!(found.expect("a leader"), "http://a:7431");
        assert_eq!(after, Duration::from_secs(9));
        // Nor tried a second time meanwhile.
        assert_eq!(tried.iter().filter(|host| *host == "a").count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_named_is_next() {
        let does = &[
            ("a", Does::Name("z")),
            ("b", Does::No),
            ("z", Does::Welcome),
        ];
        let (found, after, tried) = look(&["a", "b"], does).await;
        assert_eq!(found.expect("a leader"), "http://z:7431");
        assert_eq!((after, tried), (Duration::ZERO, strings(["a", "z"])));
    }

    #[tokio::test(start_paused = true)]
    async fn the_list_counts_if_the_one_that_is_named_is_silent() {
        let does = &[
            ("a", Does::Name("z")),
            ("b", Does::Welcome),
            ("z", Does::Silence),
        ];
        let (found, after, tried) = look(&["a", "b"], does).await;
        assert_eq!(found.expect("a leader"), "http://b:7431");
        assert_eq!((after, tried), (HEAD_START, strings(["a", "z", "b"])));
    }

    #[tokio::test(start_paused = true)]
    async fn two_that_name_each_other_keep_nobody_busy() {
        let does = &[
            ("a", Does::Name("z")),
            ("z", Does::Name("a")),
            ("b", Does::Late(5)),
        ];
        let (found, _, tried) = look(&["b", "a"], does).await;
        assert_eq!(found.expect("a leader"), "http://b:7431");
        assert!(tried.len() < 20, "{tried:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_ends_the_search() {
        let does = &[("a", Does::Silence), ("b", Does::Refuse)];
        let (found, ..) = look(&["a", "b"], does).await;
        assert!(
            matches!(found, Err(LinkError::Refused { address, .. }) if address == "http://b:7431")
        );
    }

    fn search(host: &str) -> Search {
        let machine: Arc<dyn Surroundings> = Arc::new(Machine::default());
        Search::new(vec![address(host)], Backoff::new(&machine))
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_was_never_welcome_is_told_so_at_once() {
        let began = Instant::now();
        let found = search("a").find(|_| act(Does::Deny)).await;
        let Err(LinkError::Refused { address, reason }) = found else {
            panic!("refused");
        };
        assert_eq!(address, "http://a:7431");
        assert_eq!(reason, "whose token is this?");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_was_welcome_waits_for_another_token_but_not_for_ever() {
        let mut search = search("a");
        search.find(|_| act(Does::Welcome)).await.expect("welcome");
        let began = Instant::now();
        let renewed = |_| async move {
            let old = began.elapsed() < Duration::from_secs(120);
            act(if old { Does::Deny } else { Does::Welcome }).await
        };
        search.find(renewed).await.expect("welcome again");
        let began = Instant::now();
        let ended = search.find(|_| act(Does::Deny)).await;
        assert!(matches!(ended, Err(LinkError::Refused { .. })));
        let after = began.elapsed();
        assert!(after > DENIED_FOR && after < 2 * DENIED_FOR, "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_coordinator_that_says_when_is_left_alone_until_then() {
        let told = Duration::from_secs(20);
        let began = Instant::now();
        let busy = |_| async move {
            match began.elapsed() < told {
                true => Err(Closed::Away {
                    reason: "too often".to_owned(),
                    leader: None,
                    after: Some(told),
                }),
                false => Ok(()),
            }
        };
        search("a").find(busy).await.expect("welcome");
        assert_eq!(began.elapsed(), told);
    }

    fn strings<const N: usize>(hosts: [&str; N]) -> Vec<String> {
        hosts.map(str::to_owned).to_vec()
    }
}
