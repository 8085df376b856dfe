//! The login of a browser, and what becomes of wrong tokens.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;

use super::now;
use crate::limits::{LOGIN_LASTS, MAX_WRONG_TOKENS_WAITING, WRONG_TOKEN_DELAY};
use crate::options::{ConsoleOptions, Guard};
use crate::problem::{Problem, ProblemKind};
use crate::shared::Shared;
use crate::token::Token;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The cookie of a login with a token. It has the time until which it is valid, sealed with the token; the token
/// itself is not in it.
pub(crate) struct Login<'a> {
    token: &'a Token,
}

impl<'a> Login<'a> {
    pub(super) fn of(token: &'a Token) -> Self {
        Self { token }
    }

    /// Two consoles on one machine have one place for cookies, so each has a name of its own.
    fn name(&self) -> String {
        let seal = self.token.seal("name of the cookie", "");
        format!("reenact_console_{}", &seal[..8])
    }

    /// Logs in: the cookie for a browser that has sent the right token.
    ///
    /// # Errors
    /// [`ProblemKind::Unauthorized`] after a while when the token is wrong; [`ProblemKind::Setup`] when this console
    /// has no token, so that there is nothing to log in to.
    pub(crate) async fn log_in(
        shared: &Shared,
        headers: &HeaderMap,
        text: &str,
    ) -> Result<HeaderValue, Problem> {
        let Guard::Token(token) = &shared.options().guard else {
            return Err(Problem::new(ProblemKind::Setup, "this console has no token"));
        };
        if !token.is(text.trim()) {
            return Err(shared.wrong_tokens().refuse().await);
        }
        let login = Login::of(token);
        let until = (now() + LOGIN_LASTS).as_secs().to_string();
        let value = format!("{until}.{}", token.seal("login", &until));
        login.cookie(shared.options(), headers, &value, LOGIN_LASTS)
    }

    /// Logs out: the cookie that takes the place of that of the login.
    ///
    /// # Errors
    /// [`ProblemKind::Setup`] when this console has no token.
    pub(crate) fn log_out(shared: &Shared, headers: &HeaderMap) -> Result<HeaderValue, Problem> {
        let Guard::Token(token) = &shared.options().guard else {
            return Err(Problem::new(ProblemKind::Setup, "this console has no token"));
        };
        Login::of(token).cookie(shared.options(), headers, "", Duration::ZERO)
    }

    fn cookie(
        &self,
        options: &ConsoleOptions,
        headers: &HeaderMap,
        value: &str,
        lasts: Duration,
    ) -> Result<HeaderValue, Problem> {
        let by_https = headers.get(X_FORWARDED_PROTO).is_some_and(|proto| proto == "https");
        let secure = if options.is_https || by_https { "; Secure" } else { "" };
        // Without a path it is for the addresses beside the page of the login: those of the console.
        let text = format!(
            "{}={value}; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
            self.name(),
            lasts.as_secs()
        );
        HeaderValue::from_str(&text)
            .map_err(|_| Problem::new(ProblemKind::Internal, "the cookie does not fit a header"))
    }

    /// The value of the cookie that a browser has sent.
    pub(super) fn value<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let name = self.name();
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut cookies = lines.flat_map(|line| line.split(';')).map(str::trim);
        cookies.find_map(|cookie| cookie.strip_prefix(&name)?.strip_prefix('='))
    }

    /// Whether a browser has sent a cookie that is valid at that time.
    pub(super) fn is_valid(&self, headers: &HeaderMap, now: Duration) -> bool {
        let Some((until, seal)) = self.value(headers).and_then(|value| value.split_once('.'))
        else {
            return false;
        };
        self.token.is_sealed("login", until, seal)
            && until.parse::<u64>().is_ok_and(|until| now < Duration::from_secs(until))
    }
}

/// Those who wait for the answer to a wrong token: a wrong try takes a while, and delays nobody else.
#[derive(Debug)]
pub(crate) struct WrongTokens {
    places: Semaphore,
}

impl Default for WrongTokens {
    fn default() -> Self {
        Self { places: Semaphore::new(MAX_WRONG_TOKENS_WAITING) }
    }
}

impl WrongTokens {
    /// The refusal, after a while.
    pub(crate) async fn refuse(&self) -> Problem {
        let Ok(_place) = self.places.try_acquire() else {
            return Problem::new(ProblemKind::Busy, "too many wrong tokens come at one time")
                .with_status(StatusCode::TOO_MANY_REQUESTS);
        };
        tokio::time::sleep(WRONG_TOKEN_DELAY).await;
        Problem::new(ProblemKind::Unauthorized, "the token is wrong")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_valid_until_its_time_and_for_its_token_only() {
        let token = Token::draw().unwrap();
        let login = Login::of(&token);
        let sent = |value: &str| {
            let cookie = format!("other=1; {}={value}", login.name());
            HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())])
        };
        let good = sent(&format!("100.{}", token.seal("login", "100")));
        assert!(login.is_valid(&good, Duration::from_secs(99)));
        assert!(!login.is_valid(&good, Duration::from_secs(100)));
        let prolonged = sent(&format!("200.{}", token.seal("login", "100")));
        assert!(!login.is_valid(&prolonged, Duration::from_secs(99)));
        assert!(!login.is_valid(&sent(""), Duration::ZERO));
        assert!(!login.is_valid(&HeaderMap::new(), Duration::ZERO));
        let other = Token::draw().unwrap();
        assert!(!Login::of(&other).is_valid(&good, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_token_takes_a_while_and_too_many_are_refused_at_once() {
        let wrong = WrongTokens::default();
        let before = tokio::time::Instant::now();
        assert_eq!(wrong.refuse().await.status, 401);
        assert_eq!(before.elapsed(), WRONG_TOKEN_DELAY);
        let mut waiting: Vec<_> =
            (0..MAX_WRONG_TOKENS_WAITING).map(|_| Box::pin(wrong.refuse())).collect();
        for refusal in &mut waiting {
            assert!(futures_util::poll!(refusal).is_pending());
        }
        assert_eq!(wrong.refuse().await.status, 429);
    }
}
