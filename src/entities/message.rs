//! What entities are sent and what they answer, with its types.

use reenact_actors::entities::{self, EntityRefusal, EntityRequest, OperationRequest};
use reenact_actors::{EntityError, EntityFailure, EntityFailureKind, Error, ExternalEvent, Result};
use reenact_core::{InstanceId, Payload, PayloadError, Timestamp, UpdateAnswer, UpdateName};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// Operations in order of arrival, and requests of the lock.
pub(crate) const OPERATIONS: UpdateName<EntityRequest, IgnoredAny, IgnoredAny> =
    UpdateName::new(entities::OPERATIONS);

/// What the owner of the lock sends.
pub(crate) const HELD: UpdateName<EntityRequest, IgnoredAny, IgnoredAny> =
    UpdateName::new(entities::HELD);

/// The arguments of an operation.
#[derive(Deserialize)]
pub(super) struct Arguments<I> {
    pub(super) input: I,
}

/// The event that asks for an operation.
pub(crate) fn event_of<I: Serialize>(
    operation: &str,
    input: &I,
    at: Option<Timestamp>,
) -> Result<ExternalEvent> {
    let request = OperationRequest { op: operation, input, at, by: None };
    ExternalEvent::of_payload(OPERATIONS.as_str(), request.encode()?)
}

/// The answer that says that an operation was not done.
pub(super) fn failed(failure: EntityFailure) -> UpdateAnswer {
    match Payload::encode(&EntityRefusal::<()>::Failed(failure)) {
        Ok(refusal) => UpdateAnswer::Refused(refusal),
        Err(why) => UpdateAnswer::Invalid(why.to_string()),
    }
}

/// The answer of an operation that returned an error.
pub(super) fn refused<E: Serialize>(error: &E) -> UpdateAnswer {
    match Payload::encode(&EntityRefusal::Refused(error)) {
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
            EntityRefusal::Refused(error) => Err(EntityError::Refused(error)),
            EntityRefusal::Failed(failure) => Err(EntityError::Failed(failure)),
        },
        UpdateAnswer::Invalid(why) => Err(invalid(PayloadError::Decode(why))),
        other => {
            let reason = format!("an operation is answered as {other:?}");
            Err(EntityError::Call(Error::Unreadable { instance: instance.clone(), reason }))
        }
    }
}
