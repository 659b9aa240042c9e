//! Bearer tokens: what one may look like, and how a file of them is read. A token is never shown, not even in part.

use std::fmt;

/// The shortest token. Shorter ones can be guessed.
pub const MIN_TOKEN: usize = 16;

/// The longest token.
pub const MAX_TOKEN: usize = 512;

/// A token. It is written out only where it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The secret itself.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why a line is no token. It does not say what the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct InvalidToken {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Reads a file of tokens, one a line; empty lines and those that begin with `#` are left out. Each comes with the number
/// of its line.
pub fn tokens(text: &[u8]) -> Result<Vec<(usize, Token)>, InvalidToken> {
    let lines = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .zip(1..);
    lines
        .filter(|(text, _)| !text.is_empty() && !text.starts_with(b"#"))
        .map(|(text, line)| match token(text) {
            Ok(token) => Ok((line, token)),
            Err(why) => Err(InvalidToken { line, why }),
        })
        .collect()
}

/// The alphabet of RFC 6750, which every header can carry.
fn is_fit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

fn token(text: &[u8]) -> Result<Token, &'static str> {
    if !text.iter().copied().all(is_fit) {
        return Err(
            "a token has only letters, digits and - . _ ~ + / =, and stands alone on its line",
        );
    }
    match text.len() {
        ..MIN_TOKEN => Err("a token has at least 16 characters"),
        MIN_TOKEN..=MAX_TOKEN => Ok(Token(text.iter().copied().map(char::from).collect())),
        _ => Err("a token has at most 512 characters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "abcdefghijklm-0123456789._~+/==";

    #[test]
    fn a_file_has_comments_and_a_token_a_line() {
        let text = format!("# for the cluster\n\n  {GOOD}\r\n#another\n{GOOD}x");
        let found = tokens(text.as_bytes()).expect("tokens");
        let found: Vec<_> = found.iter().map(|(at, t)| (*at, t.secret())).collect();
        assert_eq!(found, [(3, GOOD), (5, &*format!("{GOOD}x"))]);
        assert_eq!(tokens(b"# none\n"), Ok(vec![]));
    }

    #[test]
    fn anything_else_names_the_line_and_not_the_token() {
        let wrong: [&[u8]; 7] = [
            b"short-secret",
            b"two tokens-on-one-line",
            "sécret-of-many-letters".as_bytes(),
            b"secret-of-many\0-letters",
            b"\xff\xfesecret-of-many-letters",
            b"secret-of-many-letters # why",
            &[b'a'; MAX_TOKEN + 1],
        ];
        for text in wrong {
            let file = [b"# first\n", text, b"\n"].concat();
            let error = tokens(&file).expect_err("an error");
            assert_eq!(error.line, 2);
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("secret") && !shown.contains("aaa"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let found = tokens(GOOD.as_bytes()).expect("tokens");
        assert_eq!(format!("{found:?}"), "[(1, Token(..))]");
    }
}
