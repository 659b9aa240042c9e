//! The token that a client shows with every call. It is read again at every connection, and shown to nobody else.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use bistable_common::token::{InvalidToken, Token, tokens};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// A connection over which every call shows who makes it.
pub type Wire = InterceptedService<Channel, Bearer>;

/// What calls show of their caller: a token, or nothing.
#[derive(Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// Why a file has no token that can be shown. Nothing here quotes the file.
#[derive(Debug, thiserror::Error)]
#[error("the token in {} cannot be used: {why}", path.display())]
pub struct Unusable {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    #[error("{0}")]
    Invalid(#[from] InvalidToken),
    #[error("there are {0} tokens in the file, not one")]
    Count(usize),
}

impl Bearer {
    /// The token in a file, which holds one and perhaps comments.
    pub fn read(path: &Path) -> Result<Self, Unusable> {
        let token = read(path).map_err(|why| Unusable {
            path: path.to_owned(),
            why,
        })?;
        // Its alphabet is one that headers take.
        let header = format!("Bearer {}", token.secret()).parse();
        let mut shown: MetadataValue<Ascii> = header.expect("a token is a header's value");
        shown.set_sensitive(true);
        Ok(Self(Some(shown)))
    }

    /// Shows it with every call over `channel`.
    pub fn over(self, channel: Channel) -> Wire {
        InterceptedService::new(channel, self)
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(shown) = &self.0 {
            let shown = shown.clone();
            request.metadata_mut().insert("authorization", shown);
        }
        Ok(request)
    }
}

fn read(path: &Path) -> Result<Token, Why> {
    let about = path.metadata()?;
    // A pipe or a device would keep the reader waiting, or never end.
    if !about.is_file() || about.len() > MAX_FILE_BYTES {
        return Err(io::Error::other("it is no small file").into());
    }
    let mut found = tokens(&std::fs::read(path)?)?;
    match (found.pop(), found.len()) {
        (Some((_, token)), 0) => Ok(token),
        (None, _) => Err(Why::Count(0)),
        (Some(_), others) => Err(Why::Count(1 + others)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "secret-0123456789abcdef";

    fn bearer(text: &str) -> Result<Bearer, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, text).expect("a file");
        Bearer::read(&path).map_err(|error| format!("{error} {error:?}"))
    }

    #[test]
    fn a_token_is_shown_to_the_server_and_to_nobody_else() {
        let mut bearer = bearer(&format!("# ours\n{SECRET}\n")).expect("a token");
        let request = bearer.call(Request::new(())).expect("a call");
        let shown = request.metadata().get("authorization").expect("a token");
        assert_eq!(shown.as_bytes(), format!("Bearer {SECRET}").as_bytes());
        let debug = format!("{bearer:?} {request:?}");
        assert!(!debug.contains("secret"), "{debug}");
        let request = Bearer::default().call(Request::new(())).expect("a call");
        assert!(request.metadata().is_empty());
    }

    #[test]
    fn a_file_of_anything_but_one_token_is_refused() {
        let two = format!("{SECRET}\n{SECRET}x\n");
        let wrong = [
            ("", "0 tokens"),
            (&*two, "2 tokens"),
            ("secret", "line 1: a token has at least 16"),
            ("secret with spaces in it", "line 1: a token has only"),
        ];
        for (text, why) in wrong {
            let error = bearer(text).expect_err("an error");
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
        let error = Bearer::read(Path::new("/nonexistent/token")).expect_err("an error");
        assert!(error.to_string().contains("/nonexistent/token"), "{error}");
        let folder = Bearer::read(Path::new("/")).expect_err("an error");
        assert!(folder.to_string().contains("no small file"), "{folder}");
    }
}
