//! `Base`: the way from the address of a request back to that of the console, wherever that is nested.

use std::convert::Infallible;
use std::fmt;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;

/// What stands in front of a relative link to a page of the console: `{base}login` leads to the login from any
/// page, under any prefix, and through proxies that cut a prefix off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base(String);

impl Base {
    /// From the page that was asked for.
    pub(crate) fn of(parts: &Parts) -> Self {
        let whole =
            parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        Self::between(parts.uri.path(), whole.path())
    }

    /// `within` is the path in the router of the console, `whole` that of the request.
    fn between(within: &str, whole: &str) -> Self {
        let depth = within.trim_start_matches('/').matches('/').count();
        let is_root = within.is_empty() || within == "/";
        match whole.rsplit_once('/') {
            // The console's own address without a slash: links are relative to what stands in front of it.
            Some((_, last)) if is_root && !last.is_empty() => Self(format!("{last}/")),
            _ => Self("../".repeat(depth)),
        }
    }
}

impl Base {
    /// Whether relative links work as they are.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_back_from_any_page_under_any_prefix() {
        let base = |within, whole| Base::between(within, whole).0;
        assert_eq!(base("/", "/"), "");
        assert_eq!(base("/", "/admin"), "admin/");
        assert_eq!(base("/", "/deep/admin"), "admin/");
        assert_eq!(base("/", "/admin/"), "");
        assert_eq!(base("/instance", "/admin/instance"), "");
        assert_eq!(base("/act/cancel", "/admin/act/cancel"), "../");
    }
}
