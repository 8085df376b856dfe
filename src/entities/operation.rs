//! One operation on its way through an entity: what the code that the attribute writes has in its hands.

use reenact_actors::{EntityFailure, EntityFailureKind};
use reenact_core::{Payload, UpdateAnswer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::{self, Arguments};

/// An operation that is to be done: its name, and its arguments.
#[derive(Debug)]
pub struct Operation {
    name: String,
    data: Payload,
}

/// What became of an operation.
#[derive(Debug)]
#[must_use = "its caller waits for it"]
pub struct Outcome(UpdateAnswer);

impl Operation {
    pub(super) const fn new(name: String, data: Payload) -> Self {
        Self { name, data }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its arguments, as a tuple.
    ///
    /// # Errors
    /// They are of other types: with this the operation ends.
    pub fn arguments<I: DeserializeOwned>(&self) -> Result<I, Outcome> {
        let decoded = self.data.decode::<Arguments<I>>();
        decoded.map(|arguments| arguments.input).map_err(|why| {
            let what = format!("the arguments of `{}` are of other types: {why}", self.name);
            Outcome::failed(EntityFailureKind::InvalidInput, what)
        })
    }

    /// There is no such operation.
    pub fn unknown(&self) -> Outcome {
        let what = format!("the entity has no operation `{}`", self.name);
        Outcome::failed(EntityFailureKind::UnknownOperation, what)
    }
}

impl Outcome {
    /// It was done, and returns this.
    pub fn done<A: Serialize>(answer: &A) -> Self {
        match Payload::encode(answer) {
            Ok(answer) => Self(UpdateAnswer::Replied(answer)),
            Err(why) => Self(message::failed(message::invalid_answer(&why))),
        }
    }

    /// It returned an error: the state stays as it was.
    pub fn refused<E: Serialize>(error: &E) -> Self {
        Self(message::refused(error))
    }

    /// What a method that returns a `Result` says.
    pub fn of<A: Serialize, E: Serialize>(result: &Result<A, E>) -> Self {
        match result {
            Ok(answer) => Self::done(answer),
            Err(error) => Self::refused(error),
        }
    }

    pub(super) fn failed(kind: EntityFailureKind, why: impl Into<String>) -> Self {
        Self(message::failed(EntityFailure::new(kind, why)))
    }

    /// Whether it was done.
    pub(super) const fn counts(&self) -> bool {
        matches!(self.0, UpdateAnswer::Replied(_))
    }

    pub(super) fn into_answer(self) -> UpdateAnswer {
        self.0
    }
}
