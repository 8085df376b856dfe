//! Changes that another site has a browser send are refused.

use axum::http::{HeaderMap, HeaderName, header};

use crate::problem::{Problem, ProblemKind};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a change that comes from a page of another origin.
///
/// A browser says so in `Sec-Fetch-Site`, which no page can set; an older one names the page's `Origin`, which is to
/// have the host that the request is for. What is no browser sends neither, and has no login that it sends by
/// itself.
pub(super) fn check(headers: &HeaderMap, authority: Option<&str>) -> Result<(), Problem> {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return match site.as_bytes() {
            b"same-origin" | b"none" => Ok(()),
            _ => Err(refused()),
        };
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).or(authority);
    let origin = origin.to_str().ok().and_then(host_of);
    match (origin, host) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(refused()),
    }
}

fn host_of(origin: &str) -> Option<&str> {
    origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))
}

fn refused() -> Problem {
    Problem::new(
        ProblemKind::Forbidden,
        "the request comes from a page of another site; nothing was changed. Where a proxy stands in front of the \
         console, let it pass the header `Host` on as it is",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(pairs: &[(&'static str, &'static str)]) -> bool {
        let pairs = pairs.iter().map(|(name, value)| {
            (HeaderName::from_static(name), value.parse().expect("a value of a header"))
        });
        check(&pairs.collect(), None).is_ok()
    }

    #[test]
    fn a_page_of_the_console_may_change_something_and_no_other() {
        assert!(passes(&[("sec-fetch-site", "same-origin")]));
        assert!(!passes(&[("sec-fetch-site", "cross-site")]));
        assert!(!passes(&[("sec-fetch-site", "same-site")]));
        assert!(passes(&[("host", "a:80"), ("origin", "http://a:80")]));
        assert!(!passes(&[("host", "a:80"), ("origin", "http://a:81")]));
        assert!(!passes(&[("host", "a"), ("origin", "null")]));
        assert!(!passes(&[("origin", "http://a")]));
        assert!(passes(&[("host", "a")]));
    }

    #[test]
    fn what_a_browser_says_counts_more_than_the_names() {
        let said = [("sec-fetch-site", "cross-site"), ("host", "a"), ("origin", "http://a")];
        assert!(!passes(&said));
    }
}
