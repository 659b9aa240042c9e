//! The tokens that are valid now. The folder is read again when the process is told to (SIGHUP), and every few seconds.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    time::Duration,
};

use blake3::Hash;
use tokio::{sync::watch, task::spawn_blocking};

use super::{
    access::{Access, Role, Roles},
    tokens::{Tokens, TokensError},
};

/// How often the folder is looked at. Kubernetes takes longer than that to change it.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The tokens that are valid now.
#[derive(Clone)]
pub(crate) struct Keyring(watch::Receiver<Tokens>);

impl Keyring {
    /// Reads `folder`, and keeps reading it for as long as the keyring, or a copy of it, is there.
    pub async fn open(folder: PathBuf) -> Result<Self, TokensError> {
        let unreadable = |error| TokensError::Unreadable {
            path: folder.clone(),
            error,
        };
        // Before anything is read: a signal that comes now must not end the process.
        let hangup = hangups().map_err(unreadable)?;
        let first = read(&folder).await?;
        tell(&first, "callers need a token");
        let (current, keyring) = watch::channel(first);
        tokio::spawn(keep(folder, current, hangup));
        Ok(Self(keyring))
    }

    /// What the token with this hash is for.
    pub fn roles(&self, hash: Hash) -> Roles {
        self.0.borrow().roles(hash)
    }

    /// Returns when the token with this hash may no longer do what it was let in for.
    pub fn withdrawn(
        &self,
        hash: Hash,
        access: Access,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut current = self.0.clone();
        Box::pin(async move {
            let withdrawn = |tokens: &Tokens| !access.allows(tokens.roles(hash));
            if current.wait_for(withdrawn).await.is_err() {
                // Nobody reads the folder any more: the coordinator is ending.
                std::future::pending().await
            }
        })
    }
}

async fn read(folder: &Path) -> Result<Tokens, TokensError> {
    let path = folder.to_owned();
    let tokens = spawn_blocking(move || Tokens::read(&path)).await;
    tokens.unwrap_or_else(|error| {
        Err(TokensError::Unreadable {
            path: folder.to_owned(),
            error: io::Error::other(error),
        })
    })
}

/// Says how many tokens there are: a file that is not where it should be shows.
fn tell(tokens: &Tokens, what: &str) {
    let [worker, submit, read] = Role::ALL.map(|role| tokens.count(role));
    tracing::info!(worker, submit, read, "{what}");
}

/// Replaces the tokens by what is in the folder, for as long as anybody asks for them.
async fn keep(folder: PathBuf, current: watch::Sender<Tokens>, mut hangup: Hangups) {
    // What was said once is not said again every few seconds.
    let mut complaint = None;
    loop {
        tokio::select! {
            () = current.closed() => return,
            () = hangup.next() => complaint = None,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        match read(&folder).await {
            Ok(tokens) => {
                complaint = None;
                let is_new = tokens != *current.borrow();
                if is_new {
                    tell(&tokens, "the tokens have changed");
                    current.send_replace(tokens);
                }
            }
            Err(error) => {
                let error = error.to_string();
                if complaint.as_ref() != Some(&error) {
                    tracing::error!("the tokens stay as they were: {error}");
                    complaint = Some(error);
                }
            }
        }
    }
}

/// The times that the process is told to read its files again.
#[cfg(unix)]
struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
fn hangups() -> io::Result<Hangups> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::hangup()).map(Hangups)
}

#[cfg(unix)]
impl Hangups {
    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending().await
        }
    }
}

#[cfg(not(unix))]
struct Hangups;

#[cfg(not(unix))]
fn hangups() -> io::Result<Hangups> {
    Ok(Hangups)
}

#[cfg(not(unix))]
impl Hangups {
    async fn next(&mut self) {
        std::future::pending().await
    }
}
