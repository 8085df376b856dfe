//! `Problem`: why a request was not carried out, as a problem document (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reenact_actors::{Error, ErrorKind};
use reenact_core::InstanceId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::RETRY_AFTER_SECONDS;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not carried out. Unless `detail` says otherwise, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// Names the kind, as a URI that leads nowhere: `urn:reenact:problem:not_found`.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The kind, for people.
    pub title: String,
    /// The status of the response.
    pub status: u16,
    /// What is wrong with this request, and what to do about it.
    pub detail: String,
    /// The instance that it is about, as an address below the console's: `instance?id=..`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The kind, for programs.
    pub kind: ProblemKind,
}

/// What a program can do about a [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// The request cannot be as it is: a parameter, an id, a value or a position is invalid or over a limit.
    InvalidArgument,
    /// No host that was asked has the orchestration, or not in that version.
    NotRegistered,
    /// There is no such instance, or no such thing.
    NotFound,
    /// The id is taken.
    AlreadyExists,
    /// The instance has finished.
    Finished,
    /// It cannot be done yet.
    NotYet,
    /// The instance cannot go on as it is. Somebody has to look.
    Parked,
    /// The orchestration failed.
    Failed,
    /// Somebody cancelled or terminated the instance, or stopped the bulk action.
    Stopped,
    /// There is no room for now. Try again later.
    Busy,
    /// The host has ended, or is about to.
    ShuttingDown,
    /// Whether it counted is not known, or not yet. Look before you do it again.
    Uncertain,
    /// The store failed.
    Store,
    /// What is stored does not decode.
    Unreadable,
    /// The store or the program does not allow it as it is put together.
    Setup,
    /// A host refused it for good later, and keeps it in quarantine.
    Quarantined,
    /// Something has changed since it was shown. Look again.
    Conflict,
    /// A login or a token is needed.
    Unauthorized,
    /// The console does not do this for this request: by its place, its origin or its form.
    Forbidden,
    /// The console only reads.
    ReadOnly,
    /// The console is faulty. Please report it.
    Internal,
}

impl ProblemKind {
    /// The kind for programs, as it is written in JSON.
    pub const fn name(self) -> &'static str {
        self.about().1
    }

    const fn about(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidArgument => {
                (StatusCode::BAD_REQUEST, "invalid_argument", "The request is invalid")
            }
            Self::NotRegistered => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "not_registered",
                "The orchestration is not registered",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is no such thing"),
            Self::AlreadyExists => {
                (StatusCode::CONFLICT, "already_exists", "The instance exists already")
            }
            Self::Finished => (StatusCode::CONFLICT, "finished", "The instance has finished"),
            Self::NotYet => (StatusCode::CONFLICT, "not_yet", "It cannot be done yet"),
            Self::Parked => (StatusCode::CONFLICT, "parked", "The instance cannot go on as it is"),
            Self::Failed => (StatusCode::CONFLICT, "failed", "The orchestration failed"),
            Self::Stopped => (StatusCode::CONFLICT, "stopped", "It was stopped"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "There is no room for now"),
            Self::ShuttingDown => {
                (StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "The host is shutting down")
            }
            Self::Uncertain => {
                (StatusCode::GATEWAY_TIMEOUT, "uncertain", "Whether it counted is not known")
            }
            Self::Store => (StatusCode::SERVICE_UNAVAILABLE, "store", "The store failed"),
            Self::Unreadable => {
                (StatusCode::INTERNAL_SERVER_ERROR, "unreadable", "What is stored is not readable")
            }
            Self::Setup => (StatusCode::CONFLICT, "setup", "It is not possible here"),
            Self::Quarantined => (StatusCode::CONFLICT, "quarantined", "It is in quarantine"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "Something has changed"),
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, "unauthorized", "A login or a token is needed")
            }
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The request is refused"),
            Self::ReadOnly => (StatusCode::FORBIDDEN, "read_only", "The console only reads"),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The console is faulty")
            }
        }
    }
}

impl Problem {
    /// A problem of that kind, with what is wrong.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (status, name, title) = kind.about();
        Self {
            type_uri: format!("urn:reenact:problem:{name}"),
            title: title.to_string(),
            status: status.as_u16(),
            detail: detail.into(),
            instance: None,
            kind,
        }
    }

    /// The request is invalid.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::InvalidArgument, detail)
    }

    /// The request is read, but something in it cannot be.
    pub(crate) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::invalid(detail).with_status(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// The same, with another status than most of its kind.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status.as_u16();
        self
    }

    /// The same, about that instance.
    pub(crate) fn about(mut self, instance: &InstanceId) -> Self {
        self.instance = Some(address_of(instance.as_str()));
        self
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE || self.status == 429
    }
}

/// The address of an instance below the console's.
pub(crate) fn address_of(instance: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(instance.as_bytes()).collect();
    format!("instance?id={id}")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.is_transient() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"reenact\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = Self::new(kind_of(&error), error.to_string());
        let problem = match &error {
            Error::InvalidPayload { .. }
            | Error::NoSuchPosition { .. }
            | Error::NotForkable(_)
            | Error::PastTheEnd { .. }
            | Error::StreamTrimmed { .. }
            | Error::UnknownEvent { .. }
            | Error::UpdateRefused { .. }
            | Error::OverLimit { .. }
            | Error::InvalidOptions(_) => problem.with_status(StatusCode::UNPROCESSABLE_ENTITY),
            Error::OtherExecution { .. } | Error::StreamReplaced { .. } => {
                Self::new(ProblemKind::Conflict, error.to_string())
            }
            Error::Store { source }
                if kind_of(&error) == ProblemKind::Store && !source.is_transient() =>
            {
                problem.with_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
            _ => problem,
        };
        match instance_of(&error) {
            Some(instance) => problem.about(instance),
            None => problem,
        }
    }
}

impl From<reenact_core::InvalidName> for Problem {
    fn from(invalid: reenact_core::InvalidName) -> Self {
        Error::from(invalid).into()
    }
}

impl From<reenact_core::InvalidVersion> for Problem {
    fn from(invalid: reenact_core::InvalidVersion) -> Self {
        Error::from(invalid).into()
    }
}

fn kind_of(error: &Error) -> ProblemKind {
    match error.kind() {
        ErrorKind::InvalidArgument => ProblemKind::InvalidArgument,
        ErrorKind::NotRegistered => ProblemKind::NotRegistered,
        ErrorKind::NotFound => ProblemKind::NotFound,
        ErrorKind::AlreadyExists => ProblemKind::AlreadyExists,
        ErrorKind::Finished => ProblemKind::Finished,
        ErrorKind::NotYet => ProblemKind::NotYet,
        ErrorKind::Parked => ProblemKind::Parked,
        ErrorKind::Failed => ProblemKind::Failed,
        ErrorKind::Stopped => ProblemKind::Stopped,
        ErrorKind::Busy => ProblemKind::Busy,
        ErrorKind::ShuttingDown => ProblemKind::ShuttingDown,
        ErrorKind::Uncertain => ProblemKind::Uncertain,
        ErrorKind::Store => ProblemKind::Store,
        ErrorKind::Unreadable => ProblemKind::Unreadable,
        ErrorKind::Setup => ProblemKind::Setup,
        ErrorKind::ReadOnly => ProblemKind::ReadOnly,
        ErrorKind::Quarantined => ProblemKind::Quarantined,
        _ => ProblemKind::Internal,
    }
}

fn instance_of(error: &Error) -> Option<&InstanceId> {
    match error {
        Error::NotForkable(waits) => Some(&waits.instance),
        Error::NotFound { instance }
        | Error::AlreadyExists { instance }
        | Error::Finished { instance }
        | Error::NotFinished { instance }
        | Error::NotTold { instance }
        | Error::NoSuchPosition { instance, .. }
        | Error::PastTheEnd { instance, .. }
        | Error::OtherExecution { instance, .. }
        | Error::StreamTrimmed { instance, .. }
        | Error::StreamReplaced { instance, .. }
        | Error::TokenUsed { instance, .. }
        | Error::TooLate { instance, .. }
        | Error::Parked { instance, .. }
        | Error::Failed { instance, .. }
        | Error::Terminated { instance, .. }
        | Error::Cancelled { instance, .. }
        | Error::TooManyEvents { instance, .. }
        | Error::UnknownEvent { instance, .. }
        | Error::UpdateRefused { instance, .. }
        | Error::NoAnswer { instance, .. }
        | Error::AnswerForgotten { instance, .. }
        | Error::Interrupted { instance }
        | Error::Unanswered { instance }
        | Error::Quarantined { instance, .. }
        | Error::OnAnotherHost { instance } => Some(instance),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_runtime_becomes_a_document_that_names_the_instance() {
        let instance = InstanceId::new("a/../b <c>").unwrap();
        let problem = Problem::from(Error::NotFound { instance });
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "urn:reenact:problem:not_found");
        assert_eq!(json["status"], 404);
        assert_eq!(json["kind"], "not_found");
        assert_eq!(json["instance"], "instance?id=a%2F..%2Fb+%3Cc%3E");
        assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    }

    #[test]
    fn a_problem_that_passes_says_when_to_try_again() {
        let response = Problem::from(Error::ShuttingDown).into_response();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
        let response = Problem::new(ProblemKind::Forbidden, "no").into_response();
        assert!(!response.headers().contains_key(header::RETRY_AFTER));
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
    }

    #[test]
    fn the_name_of_each_kind_is_what_stands_in_the_document() {
        for kind in [ProblemKind::InvalidArgument, ProblemKind::NotYet, ProblemKind::ReadOnly] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
