//! The token that opens the console: a secret that is never shown.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::limits::{DRAWN_TOKEN_BYTES, MIN_TOKEN_BYTES};

/// The secret that opens the console. Its `Debug` form does not show it.
#[derive(Clone)]
pub struct Token(String);

/// A text is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    /// It could be guessed.
    #[error(
        "the token has {bytes} bytes; at least {MIN_TOKEN_BYTES} are needed; `Token::draw` makes one"
    )]
    TooShort {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It cannot stand in the header of a request.
    #[error("the token has a character that is no visible character of ASCII")]
    NotVisibleAscii,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {reason}")]
    NoRandomness {
        /// Why not.
        reason: String,
    },
}

impl Token {
    /// Takes a token of the program's own, such as one from its configuration. An empty text is refused, so a
    /// variable that is not set does not leave the console open.
    ///
    /// # Errors
    /// [`InvalidToken::TooShort`] below [`MIN_TOKEN_BYTES`] bytes; [`InvalidToken::NotVisibleAscii`].
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidToken> {
        let text = text.into();
        if text.len() < MIN_TOKEN_BYTES {
            return Err(InvalidToken::TooShort { bytes: text.len() });
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken::NotVisibleAscii);
        }
        Ok(Self(text))
    }

    /// Draws a token of [`DRAWN_TOKEN_BYTES`] random bytes.
    ///
    /// # Errors
    /// [`InvalidToken::NoRandomness`] when the operating system gives none.
    pub fn draw() -> Result<Self, InvalidToken> {
        let mut bytes = [0; DRAWN_TOKEN_BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| InvalidToken::NoRandomness { reason: error.to_string() })?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The secret itself: for the person who is to log in, and for nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this is the token, in a time that does not depend on where they differ.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// A code that only one who has the token can make for that text.
    pub(crate) fn seal(&self, purpose: &str, text: &str) -> String {
        let Ok(mut code) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else {
            unreachable!("a key of any length is a key");
        };
        code.update(purpose.as_bytes());
        code.update(&[0]);
        code.update(text.as_bytes());
        URL_SAFE_NO_PAD.encode(code.finalize().into_bytes())
    }

    /// Whether the code was made for that text.
    pub(crate) fn is_sealed(&self, purpose: &str, text: &str, code: &str) -> bool {
        self.seal(purpose, text).as_bytes().ct_eq(code.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_could_be_guessed_is_refused() {
        assert_eq!(Token::new("").unwrap_err(), InvalidToken::TooShort { bytes: 0 });
        assert_eq!(
            Token::new("fifteen letters").unwrap_err(),
            InvalidToken::TooShort { bytes: 15 }
        );
        let spaced = Token::new("with a space in its middle");
        assert_eq!(spaced.unwrap_err(), InvalidToken::NotVisibleAscii);
    }

    #[test]
    fn drawn_tokens_are_long_and_differ() {
        let (one, other) = (Token::draw().unwrap(), Token::draw().unwrap());
        assert_eq!(one.expose().len(), 43);
        assert!(one.is(one.expose()) && !one.is(other.expose()));
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::new("a-secret-of-the-operator").unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn a_seal_is_for_one_text_and_one_purpose() {
        let token = Token::draw().unwrap();
        let seal = token.seal("login", "7");
        assert!(token.is_sealed("login", "7", &seal));
        assert!(!token.is_sealed("login", "8", &seal));
        assert!(!token.is_sealed("form", "7", &seal));
        assert!(!Token::draw().unwrap().is_sealed("login", "7", &seal));
    }
}
