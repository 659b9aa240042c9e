//! The tokens that callers may have: a folder with a file for each role, of which only hashes are kept.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bistable_common::token::{InvalidToken, Token, tokens};
use blake3::Hash;

use super::access::{Role, Roles};

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Tokens at most: a call is compared with each of them.
const MAX_TOKENS: usize = 1024;

/// Why a folder of tokens cannot be used. Nothing here quotes a token.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The folder, or a file in it, cannot be read.
    #[error("the tokens in {} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A line is no token.
    #[error("{}, {error}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Which line, and why.
        error: InvalidToken,
    },
    /// There is none, which would lock everyone out.
    #[error("{} has no tokens in a file called worker, submit or read", .0.display())]
    Empty(PathBuf),
    /// There are too many.
    #[error("{} has more than {MAX_TOKENS} tokens", .0.display())]
    TooMany(PathBuf),
}

/// Hashes of tokens, and what each is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens(Vec<(Hash, Roles)>);

/// The hash by which a token is known.
pub(crate) fn hash(token: &[u8]) -> Hash {
    blake3::hash(token)
}

impl Tokens {
    /// Reads `folder`. What else is in it is not looked at: folders of secrets have other files, too.
    pub fn read(folder: &Path) -> Result<Self, TokensError> {
        folder.read_dir().map_err(|error| TokensError::Unreadable {
            path: folder.to_owned(),
            error,
        })?;
        let mut entries: Vec<(Hash, Roles)> = Vec::new();
        for role in Role::ALL {
            for token in read_file(&folder.join(role.name()))? {
                let hash = hash(token.secret().as_bytes());
                match entries.iter_mut().find(|(known, _)| *known == hash) {
                    Some((_, roles)) => *roles = roles.with(role),
                    None => entries.push((hash, Roles::default().with(role))),
                }
            }
            if entries.len() > MAX_TOKENS {
                return Err(TokensError::TooMany(folder.to_owned()));
            }
        }
        match entries.is_empty() {
            true => Err(TokensError::Empty(folder.to_owned())),
            false => Ok(Self(entries)),
        }
    }

    /// What the token with this hash is for. How long that takes does not depend on the hash: each is compared, and each
    /// comparison takes the same time.
    pub fn roles(&self, presented: Hash) -> Roles {
        let own = self.0.iter().map(|(known, roles)| {
            let is_it = *known == presented;
            if is_it { *roles } else { Roles::default() }
        });
        own.fold(Roles::default(), Roles::and)
    }

    /// How many there are of a role.
    pub fn count(&self, role: Role) -> usize {
        self.0.iter().filter(|(_, roles)| roles.has(role)).count()
    }
}

/// The tokens of a file, which may be absent.
fn read_file(path: &Path) -> Result<Vec<Token>, TokensError> {
    let text = match read_bounded(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let path = path.to_owned();
            return Err(TokensError::Unreadable { path, error });
        }
    };
    let found = tokens(&text).map_err(|error| TokensError::Invalid {
        path: path.to_owned(),
        error,
    })?;
    Ok(found.into_iter().map(|(_, token)| token).collect())
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe or a device would keep the reader waiting, or never end.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = Vec::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut text)?;
    match text.len() as u64 > MAX_FILE_BYTES {
        true => Err(io::Error::other("it has more than 1 MiB")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SECRET: &str = "secret-0123456789abcdef";
    const OTHER: &str = "other-0123456789abcdef";

    fn read(files: &[(&str, &str)]) -> Result<Tokens, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        Tokens::read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_has_the_roles_of_its_files() {
        let both = format!("# both\n{SECRET}\n");
        let all = format!("{OTHER}\n{SECRET}\n");
        let found = read(&[("worker", &both), ("submit", &all), ("tls.key", "-----")]);
        let found = found.expect("tokens");
        assert_eq!(Role::ALL.map(|role| found.count(role)), [1, 2, 0]);
        let roles = |token: &str| found.roles(hash(token.as_bytes()));
        assert_eq!(roles(OTHER), Roles::default().with(Role::Submit));
        assert_eq!(
            roles(SECRET),
            Roles::default().with(Role::Worker).with(Role::Submit)
        );
        assert!(roles("").is_empty() && roles("secret-0123456789abcdeg").is_empty());
    }

    #[test]
    fn a_wrong_folder_is_refused_without_a_word_of_its_tokens() {
        let short = format!("{OTHER}\nshort\n");
        let wrong: [(&[(&str, &str)], &str); 5] = [
            (&[("worker", &short)], "worker, line 2"),
            (&[("workers", SECRET)], "has no tokens"),
            (&[("read", "secret with spaces")], "read, line 1"),
            (&[("read", "# none\n")], "has no tokens"),
            (&[], "has no tokens"),
        ];
        for (files, why) in wrong {
            let error = read(files).expect_err("an error");
            assert!(error.contains(why), "no `{why}` in {error}");
            assert!(
                !error.contains("secret") && !error.contains(OTHER),
                "{error}"
            );
        }
        let nowhere = Tokens::read(Path::new("/nonexistent/tokens"));
        assert!(matches!(nowhere, Err(TokensError::Unreadable { .. })));
    }

    #[test]
    fn what_is_no_file_or_without_end_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("read")).expect("a folder");
        let error = Tokens::read(folder.path()).expect_err("an error");
        assert!(error.to_string().contains("no file"), "{error}");
        let many: String = (0..=MAX_TOKENS)
            .map(|number| format!("{SECRET}{number}\n"))
            .collect();
        assert!(read(&[("read", &many)]).is_err_and(|error| error.contains("more than 1024")));
        let long = "#".repeat(MAX_FILE_BYTES as usize + 1);
        assert!(read(&[("read", &long)]).is_err_and(|error| error.contains("more than 1 MiB")));
    }
}
