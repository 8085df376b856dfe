//! The tokens of forms: only a page of this console can have made one.

use std::time::Duration;

use axum::http::HeaderMap;

use super::login::Login;
use super::now;
use crate::limits::FORM_LASTS;
use crate::options::Guard;
use crate::problem::{Problem, ProblemKind};
use crate::token::Token;

/// Makes and checks the tokens of forms.
pub(crate) struct Forms {
    /// The console's token, so that another process with the same one takes its forms; otherwise one that is drawn.
    key: Option<Token>,
    /// Forms are for one login, where there is one.
    has_login: bool,
}

impl Forms {
    pub(crate) fn new(guard: &Guard) -> Self {
        match guard {
            Guard::Token(token) => Self { key: Some(token.clone()), has_login: true },
            Guard::Loopback | Guard::Layer => Self { key: Token::draw().ok(), has_login: false },
        }
    }

    /// A token for the forms of a page, for the browser that sent these headers.
    ///
    /// # Errors
    /// [`ProblemKind::Internal`] when the operating system gave no random bytes.
    pub(crate) fn token(&self, headers: &HeaderMap) -> Result<String, Problem> {
        self.token_until(headers, now() + FORM_LASTS)
    }

    fn token_until(&self, headers: &HeaderMap, until: Duration) -> Result<String, Problem> {
        let until = until.as_secs();
        let key = self.key()?;
        Ok(format!("{until}.{}", key.seal("form", &self.sealed(until, headers))))
    }

    /// Refuses a form that no page of this console has made for this browser, or that is too old.
    ///
    /// # Errors
    /// [`ProblemKind::Forbidden`].
    pub(crate) fn check(&self, headers: &HeaderMap, token: &str) -> Result<(), Problem> {
        self.check_at(headers, token, now())
    }

    fn check_at(&self, headers: &HeaderMap, token: &str, now: Duration) -> Result<(), Problem> {
        let refused = || {
            let detail =
                "the form is too old or of another login; nothing was changed. Load the page again";
            Problem::new(ProblemKind::Forbidden, detail)
        };
        let (until, seal) = token.split_once('.').ok_or_else(refused)?;
        let until: u64 = until.parse().map_err(|_| refused())?;
        let is_ours = self.key()?.is_sealed("form", &self.sealed(until, headers), seal);
        match is_ours && now < Duration::from_secs(until) {
            true => Ok(()),
            false => Err(refused()),
        }
    }

    fn key(&self) -> Result<&Token, Problem> {
        let none = || Problem::new(ProblemKind::Internal, "the system gave no random bytes");
        self.key.as_ref().ok_or_else(none)
    }

    fn sealed(&self, until: u64, headers: &HeaderMap) -> String {
        let login = self.key.as_ref().filter(|_| self.has_login);
        let login = login.and_then(|token| Login::of(token).value(headers)).unwrap_or_default();
        format!("{until} {login}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_counts_for_a_while_and_for_its_console_only() {
        let none = HeaderMap::new();
        let forms = Forms::new(&Guard::Loopback);
        let token = forms.token_until(&none, Duration::from_secs(100)).unwrap();
        assert!(forms.check_at(&none, &token, Duration::from_secs(99)).is_ok());
        assert!(forms.check_at(&none, &token, Duration::from_secs(100)).is_err());
        assert!(forms.check_at(&none, &token.replace("100.", "101."), Duration::ZERO).is_err());
        assert!(forms.check_at(&none, "", Duration::ZERO).is_err());
        let others = Forms::new(&Guard::Loopback);
        assert!(others.check_at(&none, &token, Duration::ZERO).is_err());
    }
}
