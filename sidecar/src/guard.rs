//! Who may use the service.

use subtle::ConstantTimeEq;
use tonic::Status;
use tonic::codegen::http::HeaderMap;
use tonic::codegen::http::header::AUTHORIZATION;

/// Asks for a token, if there is one.
#[derive(Default)]
pub(crate) struct Guard {
    token: Option<String>,
}

impl Guard {
    pub(crate) const fn new(token: Option<String>) -> Self {
        Self { token }
    }

    /// Whether a request has the token, with or without the word `Bearer`.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Status> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        let given = given.strip_prefix(b"Bearer ").unwrap_or(given);
        match bool::from(given.ct_eq(token.as_bytes())) {
            true => Ok(()),
            false => Err(Status::unauthenticated(
                "the metadata `authorization` does not have the token of this sidecar",
            )),
        }
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("has_token", &self.token.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, given: Option<&'static str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(AUTHORIZATION, given.parse().unwrap());
        }
        guard.check(&headers).is_ok()
    }

    #[test]
    fn only_who_has_the_token_comes_in() {
        let guard = Guard::new(Some("secret".to_owned()));
        assert!(check(&guard, Some("secret")));
        assert!(check(&guard, Some("Bearer secret")));
        for given in
            [None, Some(""), Some("Bearer "), Some("secre"), Some("secrets"), Some("SECRET")]
        {
            assert!(!check(&guard, given), "{given:?}");
        }
        assert!(!format!("{guard:?}").contains("secret"));
    }

    #[test]
    fn without_a_token_everybody_comes_in() {
        assert!(check(&Guard::default(), None));
        assert!(check(&Guard::default(), Some("anything")));
    }
}
