//! The way over HTTP to a console.

use std::fmt;
use std::net::IpAddr;

use axum::http::header;
use reqwest::{Body, Client, RequestBuilder, Response, Url, redirect};
use tokio::time::timeout;

use super::way::Question;
use crate::failure::{Done, Failure};
use crate::limits::{ANSWER_WITHIN, CONNECT_WITHIN};

/// A console at an address.
pub(crate) struct Http {
    client: Client,
    /// Ends with `/`.
    base: Url,
    token: Option<Token>,
}

/// A secret: it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl Token {
    /// A token, without the white space around it.
    pub(crate) fn new(text: &str) -> Done<Self> {
        let text = text.trim();
        if text.is_empty() || !text.chars().all(|character| character.is_ascii_graphic()) {
            return Err(Failure::misused(
                "the token is empty, or has characters that no token has",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Http {
    pub(crate) fn new(address: &str, token: Option<Token>) -> Done<Self> {
        let base = base(address)?;
        let mut client = Client::builder()
            .user_agent(concat!("reenact/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            // A token must not follow to another place.
            .redirect(redirect::Policy::none());
        if is_loopback(&base) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| {
            Failure::unreachable(format_args!("no HTTP client can be made: {}", causes(&error)))
        })?;
        Ok(Self { client, base, token })
    }

    pub(crate) fn address(&self) -> &Url {
        &self.base
    }

    fn request(&self, question: &Question<'_>) -> Done<RequestBuilder> {
        let url = question.address(&self.base)?;
        let request = self.client.request(question.method.clone(), url);
        Ok(match &self.token {
            Some(Token(token)) => request.bearer_auth(token),
            None => request,
        })
    }

    /// Sends lines of JSON for as long as it takes.
    pub(super) async fn upload(&self, question: &Question<'_>, body: Body) -> Done<Response> {
        let request = self.request(question)?;
        let request = request.header(header::CONTENT_TYPE, "application/x-ndjson").body(body);
        request.send().await.map_err(|error| self.unanswered(&error))
    }

    pub(super) async fn ask(&self, question: &Question<'_>) -> Done<Response> {
        let mut request = self.request(question)?;
        if question.method == axum::http::Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/json");
            request = request.body(question.body.map_or_else(String::new, ToString::to_string));
        }
        match timeout(ANSWER_WITHIN, request.send()).await {
            Ok(Ok(response)) if response.status().is_redirection() => {
                Err(Failure::unreachable(format_args!("{} sends the request elsewhere", self.base))
                    .remedy("give the address to which it leads"))
            }
            Ok(response) => response.map_err(|error| self.unanswered(&error)),
            Err(_) => Err(Failure::unreachable(format_args!(
                "{} has not answered for {} s",
                self.base,
                ANSWER_WITHIN.as_secs()
            ))
            .remedy("try again; what was asked for may have been done")),
        }
    }

    fn unanswered(&self, error: &reqwest::Error) -> Failure {
        if error.is_connect() || error.is_timeout() {
            Failure::unreachable(format_args!(
                "nothing answers at {}: {}",
                self.base,
                causes(error)
            ))
            .remedy("start the host with its console, or correct the address")
        } else {
            Failure::unreachable(format_args!("{} cannot be asked: {}", self.base, causes(error)))
                .remedy("try again; what was asked for may have been done")
        }
    }
}

/// An answer that did not come to its end.
pub(super) fn broken(error: &reqwest::Error) -> Failure {
    Failure::unreachable(format_args!("the answer broke off: {}", causes(error)))
        .remedy("try again; the host may have ended")
}

/// The deepest cause: the outer ones repeat the address.
fn causes(error: &dyn std::error::Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn base(address: &str) -> Done<Url> {
    let help = "give an address such as `http://localhost:9000/admin`";
    let with_scheme =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let mut url = Url::parse(&with_scheme).map_err(|error| {
        Failure::misused(format_args!("the address is invalid: {error}")).remedy(help)
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(Failure::misused("the address is not one of HTTP").remedy(help));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::misused("an address must not hold a name or a secret")
            .remedy("give the token in REENACT_TOKEN or with `--token-file FILE`"));
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Whether the address is this machine: no proxy has a way to it.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_base_for_the_paths_of_the_api() {
        for (given, expected) in [
            ("http://localhost:9000/admin", "http://localhost:9000/admin/"),
            ("http://localhost:9000", "http://localhost:9000/"),
            ("localhost:9000/a/", "http://localhost:9000/a/"),
            ("https://example.com/x?y#z", "https://example.com/x/"),
        ] {
            assert_eq!(base(given).unwrap().as_str(), expected);
        }
        for given in ["ftp://a/", "http://", "http://me:secret@host/", "::"] {
            assert!(base(given).is_err_and(|failure| failure.code() == 2), "{given}");
        }
    }

    #[test]
    fn no_proxy_has_a_way_to_this_machine() {
        for address in ["http://localhost/", "http://127.0.0.1:9/", "http://[::1]:9/"] {
            assert!(is_loopback(&base(address).unwrap()), "{address}");
        }
        assert!(!is_loopback(&base("http://example.com").unwrap()));
    }

    #[test]
    fn a_token_is_one_word_and_never_printed() {
        let token = Token::new(" abc\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert!(Token::new("").is_err() && Token::new("a b").is_err());
    }
}
