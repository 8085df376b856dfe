//! The two ways to the API: over HTTP, or the same router called in this process.

use std::collections::VecDeque;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use reqwest::Url;
use serde_json::Value;
use tower::ServiceExt;

use super::http::Http;
use crate::failure::{Done, Failure};
use crate::limits::{MAX_ANSWER_BYTES, MAX_LINE_BYTES};

/// A way to the API.
pub(crate) enum Way {
    /// To a console, wherever it is.
    Http(Http),
    /// To the router of a console that nobody serves.
    InProcess(Router),
}

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) method: Method,
    /// Relative to the prefix of the console.
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) body: Option<&'a Value>,
}

/// The beginning of an answer; the rest comes in portions.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    body: Portions,
}

enum Portions {
    Http(Box<reqwest::Response>),
    InProcess(Body),
}

/// The lines of an answer, as they come.
pub(crate) struct Lines {
    answer: Answer,
    ready: VecDeque<String>,
    begun: Vec<u8>,
    is_over: bool,
}

impl Question<'_> {
    /// The address of what is asked under a base that ends with `/`.
    pub(super) fn address(&self, base: &Url) -> Done<Url> {
        let mut url = base.join(self.path).map_err(Failure::misused)?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(self.query);
        }
        Ok(url)
    }
}

impl Way {
    pub(crate) async fn ask(&self, question: &Question<'_>) -> Done<Answer> {
        match self {
            Self::Http(http) => Ok(Answer::of(http.ask(question).await?)),
            Self::InProcess(router) => {
                let response = router.clone().oneshot(request(question)?).await;
                let (head, body) = response.unwrap_or_else(|never| match never {}).into_parts();
                Ok(Answer { status: head.status, body: Portions::InProcess(body) })
            }
        }
    }
}

/// The request that a router gets without a socket.
fn request(question: &Question<'_>) -> Done<Request<Body>> {
    let base = Url::parse("http://localhost/").map_err(Failure::misused)?;
    let url = question.address(&base)?;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let request = Request::builder()
        .method(question.method.clone())
        .uri(target)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json");
    let body = question.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    request.body(body).map_err(Failure::misused)
}

impl Answer {
    pub(super) fn of(response: reqwest::Response) -> Self {
        Self { status: response.status(), body: Portions::Http(Box::new(response)) }
    }

    /// The next portion; `None` at the end.
    pub(crate) async fn portion(&mut self) -> Done<Option<Bytes>> {
        match &mut self.body {
            Portions::Http(response) => {
                let portion = response.chunk().await;
                portion.map_err(|error| super::http::broken(&error))
            }
            Portions::InProcess(body) => loop {
                let Some(frame) = body.frame().await else { return Ok(None) };
                let frame = frame.map_err(|error| {
                    Failure::unreachable(format_args!("the answer broke off: {error}"))
                })?;
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            },
        }
    }

    /// All of it.
    pub(crate) async fn whole(mut self) -> Done<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(portion) = self.portion().await? {
            if bytes.len() + portion.len() > MAX_ANSWER_BYTES {
                return Err(Failure::unreachable("the answer is too large for a console's"));
            }
            bytes.extend_from_slice(&portion);
        }
        Ok(bytes)
    }

    pub(crate) fn lines(self) -> Lines {
        Lines { answer: self, ready: VecDeque::new(), begun: Vec::new(), is_over: false }
    }
}

impl Lines {
    /// The next line, without its end; `None` after the last. Cancelled, it has lost nothing.
    pub(crate) async fn next(&mut self) -> Done<Option<String>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            if self.is_over {
                return Ok(None);
            }
            match self.answer.portion().await? {
                Some(portion) => self.take_in(&portion)?,
                None => {
                    self.is_over = true;
                    if !self.begun.is_empty() {
                        let last = std::mem::take(&mut self.begun);
                        self.ready.push_back(text(last)?);
                    }
                }
            }
        }
    }

    fn take_in(&mut self, portion: &[u8]) -> Done {
        let mut parts = portion.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            self.begun.extend_from_slice(part);
            if parts.peek().is_some() {
                let mut line = std::mem::take(&mut self.begun);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                self.ready.push_back(text(line)?);
            }
        }
        if self.begun.len() > MAX_LINE_BYTES {
            return Err(Failure::unreachable("a line of the answer is too long for a console's"));
        }
        Ok(())
    }
}

fn text(bytes: Vec<u8>) -> Done<String> {
    String::from_utf8(bytes).map_err(|_| Failure::unreachable("the answer is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(portions: &[&'static str]) -> Lines {
        let mut lines =
            Answer { status: StatusCode::OK, body: Portions::InProcess(Body::empty()) }.lines();
        for portion in portions {
            lines.take_in(portion.as_bytes()).unwrap();
        }
        lines
    }

    #[tokio::test]
    async fn lines_are_found_wherever_the_portions_end() {
        let mut lines = lines_of(&["a", "b\nc\r", "\n", "\nd"]);
        for expected in ["ab", "c", "", "d"] {
            assert_eq!(lines.next().await.unwrap().as_deref(), Some(expected));
        }
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_id_cannot_leave_its_place_in_the_address() {
        let router = Router::new().route(
            "/api/instance",
            axum::routing::get(|uri: axum::http::Uri| async move { uri.to_string() }),
        );
        let query = [("id", "../a b&x=1#é".to_owned())];
        let question =
            Question { method: Method::GET, path: "api/instance", query: &query, body: None };
        let answer = Way::InProcess(router).ask(&question).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        let seen = String::from_utf8(answer.whole().await.unwrap()).unwrap();
        assert_eq!(seen, "/api/instance?id=..%2Fa+b%26x%3D1%23%C3%A9");
    }
}
