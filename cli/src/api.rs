//! The API of the console, as the commands use it.

pub(crate) mod events;
pub(crate) mod http;
mod problem;
pub(crate) mod way;

use axum::http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::way::{Answer, Lines, Question, Way};
use crate::failure::{Done, Failure};

/// A console, or what stands for one.
pub(crate) struct Api {
    way: Way,
}

/// What stands after the `?` of an address.
pub(crate) type Query<'a> = [(&'a str, String)];

/// The query that names an instance.
pub(crate) fn of(id: &str) -> [(&'static str, String); 1] {
    [("id", id.to_owned())]
}

impl Api {
    pub(crate) fn new(way: Way) -> Self {
        Self { way }
    }

    /// The address of the console, if it has one.
    pub(crate) fn address(&self) -> Option<String> {
        match &self.way {
            Way::Http(http) => Some(http.address().to_string()),
            Way::InProcess(_) => None,
        }
    }

    /// Reads a document.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Query<'_>) -> Done<T> {
        let bytes = self.bytes(path, query).await?;
        decoded(&bytes)
    }

    /// Reads a text, or whatever it is.
    pub(crate) async fn bytes(&self, path: &str, query: &Query<'_>) -> Done<Vec<u8>> {
        self.answer(Method::GET, path, query, None).await?.whole().await
    }

    /// Reads whatever it is, in portions.
    pub(crate) async fn stream(&self, path: &str, query: &Query<'_>) -> Done<Answer> {
        self.answer(Method::GET, path, query, None).await
    }

    /// Reads a stream of lines.
    pub(crate) async fn lines(&self, path: &str, query: &Query<'_>) -> Done<Lines> {
        Ok(self.answer(Method::GET, path, query, None).await?.lines())
    }

    /// Asks for a change.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Query<'_>,
        body: &Value,
    ) -> Done<T> {
        let answer = self.answer(Method::POST, path, query, Some(body)).await?;
        decoded(&answer.whole().await?)
    }

    /// Sends what is streamed, and waits for what is answered at its end.
    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Query<'_>,
        body: reqwest::Body,
    ) -> Done<T> {
        let Way::Http(http) = &self.way else {
            return Err(Failure::misused("what is streamed goes to a console"));
        };
        let question = Question { method: Method::POST, path, query, body: None };
        let response = http.upload(&question, body).await?;
        let answer = self.checked(Answer::of(response)).await?;
        decoded(&answer.whole().await?)
    }

    /// Asks for changes that are reported line by line.
    pub(crate) async fn post_lines(&self, path: &str, body: &Value) -> Done<Lines> {
        Ok(self.answer(Method::POST, path, &[], Some(body)).await?.lines())
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        query: &Query<'_>,
        body: Option<&Value>,
    ) -> Done<Answer> {
        let answer = self.way.ask(&Question { method, path, query, body }).await?;
        self.checked(answer).await
    }

    async fn checked(&self, answer: Answer) -> Done<Answer> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        let status = answer.status;
        let body = answer.whole().await.unwrap_or_default();
        Err(problem::failure(status, &body, self.address().as_deref()))
    }
}

pub(crate) fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Done<T> {
    serde_json::from_slice(bytes).map_err(|error| foreign(&error))
}

/// A document as the type that it should have.
pub(crate) fn understood<T: DeserializeOwned>(document: Value) -> Done<T> {
    serde_json::from_value(document).map_err(|error| foreign(&error))
}

fn foreign(error: &serde_json::Error) -> Failure {
    Failure::unreachable(format_args!("the answer is not that of a console: {error}"))
        .remedy("check the address, and that the host has the version of this program")
}
