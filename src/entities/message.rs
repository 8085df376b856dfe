//! What entities are sent and what they answer, as it is stored.

use reenact_actors::{EntityError, EntityFailure, EntityFailureKind, Error, ExternalEvent, Result};
use reenact_core::{InstanceId, Payload, PayloadError, Timestamp, UpdateAnswer, UpdateName};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// The updates in order of arrival: operations, and requests of the lock. While the lock is held they wait.
pub(crate) const OPERATIONS: UpdateName<Head, IgnoredAny, IgnoredAny> = UpdateName::new("@op");

/// What the owner of the lock sends: operations, and that it gives the lock back.
pub(crate) const HELD: UpdateName<Head, IgnoredAny, IgnoredAny> = UpdateName::new("@held");

/// The name of the published value that is the state.
pub(crate) const STATE: &str = "@state";

/// The operation that each entity has: its state is as if it had never been.
pub(crate) const DELETE: &str = "@delete";

/// What is asked for, without the arguments.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Head {
    /// The operation.
    pub(crate) op: Option<String>,
    /// It is to be done at this time.
    pub(crate) at: Option<Timestamp>,
    /// The lock is asked for, under this id.
    pub(crate) lock: Option<String>,
    /// The lock is held under this id.
    pub(crate) by: Option<String>,
    /// The lock is given back.
    #[serde(default)]
    pub(crate) unlock: bool,
}

/// The arguments of an operation.
#[derive(Deserialize)]
pub(super) struct Arguments<I> {
    pub(super) input: I,
}

/// An operation, as it is sent.
#[derive(Serialize)]
pub(super) struct Request<'a, I> {
    pub(super) op: &'a str,
    pub(super) input: &'a I,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal<E> {
    Refused(E),
    Failed(EntityFailure),
}

/// The event that asks for an operation.
pub(crate) fn event_of<I: Serialize>(
    operation: &str,
    input: &I,
    at: Option<Timestamp>,
) -> Result<ExternalEvent> {
    let request = Request { op: operation, input, at, by: None };
    let data = Payload::encode(&request).map_err(|source| Error::InvalidPayload {
        what: format!("the arguments of operation `{operation}`"),
        source,
    })?;
    ExternalEvent::of_payload(OPERATIONS.as_str(), data)
}

/// The answer that says that an operation was not done.
pub(super) fn failed(failure: EntityFailure) -> UpdateAnswer {
    match Payload::encode(&Refusal::<()>::Failed(failure)) {
        Ok(refusal) => UpdateAnswer::Refused(refusal),
        Err(why) => UpdateAnswer::Invalid(why.to_string()),
    }
}

/// The answer of an operation that returned an error.
pub(super) fn refused<E: Serialize>(error: &E) -> UpdateAnswer {
    match Payload::encode(&Refusal::Refused(error)) {
        Ok(refusal) => UpdateAnswer::Refused(refusal),
        Err(why) => failed(invalid_answer(&why)),
    }
}

pub(super) fn invalid_answer(why: &PayloadError) -> EntityFailure {
    EntityFailure::new(
        EntityFailureKind::InvalidAnswer,
        format!("what it returned is not valid: {why}"),
    )
}

/// An answer as its type.
pub(crate) fn typed<A: DeserializeOwned, E: DeserializeOwned>(
    instance: &InstanceId,
    answer: UpdateAnswer,
) -> Result<A, EntityError<E>> {
    let invalid = |source: PayloadError| {
        let what = format!("the answer of entity `{instance}`");
        EntityError::Call(Error::InvalidPayload { what, source })
    };
    match answer {
        UpdateAnswer::Replied(answer) => answer.decode().map_err(invalid),
        UpdateAnswer::Refused(refusal) => match refusal.decode().map_err(invalid)? {
            Refusal::Refused(error) => Err(EntityError::Refused(error)),
            Refusal::Failed(failure) => Err(EntityError::Failed(failure)),
        },
        UpdateAnswer::Invalid(why) => Err(invalid(PayloadError::Decode(why))),
        other => {
            let reason = format!("an operation is answered as {other:?}");
            Err(EntityError::Call(Error::Unreadable { instance: instance.clone(), reason }))
        }
    }
}
