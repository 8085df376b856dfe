//! The output of a durable future before it is decoded.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use serde::de::DeserializeOwned;

use crate::error::{
    ActivityError, ActivityErrorKind, CallUpdateError, ChildError, CommandError, EventError,
    SendError,
};
use crate::ids::{InstanceId, Name};
use crate::payload::{Payload, PayloadError};

/// What a durable future gives before it is decoded: the form in which different kinds can stand
/// in one `Vec`. See [`DurableFuture::into_output`](crate::DurableFuture::into_output).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurableOutput {
    /// An activity ended.
    Task(Result<Payload, ActivityError>),
    /// A timer fired. A cancel never brings this about.
    Timer,
    /// An external event came.
    External(Result<Payload, EventError>),
    /// An external event came, of any name: its name, and what it carries.
    AnyExternal(Result<(Name, Payload), EventError>),
    /// A child ended: which one, and what it returned.
    Child(Result<(InstanceId, Payload), Box<ChildError>>),
    /// A detached orchestration was started, or refused.
    Started(Result<InstanceId, Box<ChildError>>),
    /// An event that was raised on another instance was delivered, or refused.
    Sent(Result<(), Box<SendError>>),
    /// A cancel came, and was waited for: [`cancelled`](crate::OrchestrationContext::cancelled).
    Cancelled,
    /// Another instance has taken a command, or never will.
    Commanded(Result<(), Box<CommandError>>),
    /// Another instance has answered an update, or never will: what it replied.
    Updated(Result<Payload, Box<CallUpdateError<Payload>>>),
}

impl DurableOutput {
    /// An activity's output as its type.
    ///
    /// # Errors
    /// What the activity failed with; [`ActivityErrorKind::InvalidOutput`] when the output is not
    /// a `T`, or not an activity's.
    pub fn into_task<T: DeserializeOwned>(self) -> Result<T, ActivityError> {
        let invalid = |why| ActivityError::of_kind(ActivityErrorKind::InvalidOutput, why);
        let Self::Task(result) = self else {
            return Err(invalid(format!("it is not of an activity: {self:?}")));
        };
        result?.decode().map_err(|e| invalid(format!("{e}")))
    }

    /// An external event's data as its type.
    ///
    /// # Errors
    /// [`EventError::InvalidData`] when the data is not a `T`, or not an event's.
    pub fn into_external<T: DeserializeOwned>(self) -> Result<T, EventError> {
        let Self::External(data) = self else {
            let why = format!("it is not of an external event: {self:?}");
            return Err(PayloadError::Decode(why).into());
        };
        Ok(data?.decode()?)
    }

    /// An external event of any name.
    ///
    /// # Errors
    /// [`EventError`]; [`EventError::InvalidData`] when it is the output of something else.
    pub fn into_any_event(self) -> Result<(Name, Payload), EventError> {
        let Self::AnyExternal(event) = self else {
            let why = format!("it is not of an event of any name: {self:?}");
            return Err(PayloadError::Decode(why).into());
        };
        event
    }

    /// A child's output as its type.
    ///
    /// # Errors
    /// What the child ended with; [`ChildError::InvalidOutput`] when the output is not a `T`, or not
    /// a child's.
    pub fn into_child<T: DeserializeOwned>(self) -> Result<T, ChildError> {
        let Self::Child(ended) = self else {
            let why = format!("it is not of a child: {self:?}");
            return Err(ChildError::InvalidInput { orchestration: "?".into(), why });
        };
        let (child, output) = ended.map_err(|error| *error)?;
        output.decode().map_err(|why| ChildError::InvalidOutput { child, why: why.to_string() })
    }

    /// The id of a detached orchestration that was started.
    ///
    /// # Errors
    /// Why it was not started; [`ChildError::InvalidInput`] when it is the output of something else.
    pub fn into_started(self) -> Result<InstanceId, ChildError> {
        let Self::Started(started) = self else {
            let why = format!("it is not of a start: {self:?}");
            return Err(ChildError::InvalidInput { orchestration: "?".into(), why });
        };
        started.map_err(|error| *error)
    }

    /// What became of an event that was raised on another instance.
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::InvalidData`] when it is the output of something else.
    pub fn into_sent(self) -> Result<(), SendError> {
        let Self::Sent(sent) = self else {
            let why = format!("it is not of an event that was sent: {self:?}");
            return Err(PayloadError::Decode(why).into());
        };
        sent.map_err(|error| *error)
    }

    /// The answer of another instance to an update.
    ///
    /// # Errors
    /// [`CallUpdateError`]; [`CallUpdateError::InvalidRequest`] when it is the output of something else.
    pub fn into_updated<A: DeserializeOwned, E: DeserializeOwned>(
        self,
    ) -> Result<A, CallUpdateError<E>> {
        let Self::Updated(answer) = self else {
            let why = format!("it is not of an update that was sent: {self:?}");
            return Err(PayloadError::Decode(why).into());
        };
        let reply = answer.map_err(|error| error.decoded())?;
        reply.decode().map_err(CallUpdateError::WrongAnswer)
    }

    /// What became of a command to another instance.
    ///
    /// # Errors
    /// [`CommandError`]; [`CommandError::OtherOutput`] when it is the output of something else.
    pub fn into_commanded(self) -> Result<(), CommandError> {
        let Self::Commanded(answer) = self else {
            return Err(CommandError::OtherOutput(format!("{self:?}")));
        };
        answer.map_err(|error| *error)
    }
}
