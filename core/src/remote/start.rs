//! Starts that go through a queue.

use alloc::boxed::Box;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::RemoteEvent;
use crate::attributes::Attributes;
use crate::ids::{ExecutionId, InstanceId, Name};
use crate::options::TimeLimits;
use crate::payload::Payload;
use crate::time::Timestamp;
use crate::version::Version;

/// How an instance begins that a client starts through a queue. Its id may be taken, if only by an
/// earlier delivery of the same. What another instance starts is a
/// [`RemoteCommand::Tell`](super::RemoteCommand::Tell).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteStart {
    /// The orchestration.
    pub name: Name,
    /// Its version; `None` is the newest of the host that takes it.
    pub version: Option<Version>,
    /// Its input.
    pub input: Payload,
    /// Where its random numbers begin; its caller recognises the start by this.
    pub seed: u64,
    /// When its code may run, if not at once.
    pub not_before: Option<Timestamp>,
    /// BufferedEvent with the start, or on the instance that is there.
    pub event: Option<RemoteEvent>,
}

/// What a start says besides: [`RemoteCommand::StartWith`](super::RemoteCommand::StartWith).
///
/// Kinds are added at the end, and never removed or reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartOption {
    /// What happens where there is an instance of the id.
    Reuse(IdReuse),
    /// How long it may take.
    Limits(TimeLimits),
    /// The attributes with which it begins.
    Attributes(Attributes),
    /// It begins as a fork of another instance, with the orchestration, version and input of that one.
    Fork(Box<RemoteFork>),
}

/// Of what a fork is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteFork {
    /// The instance that is forked.
    pub from: InstanceId,
    /// The execution of it whose history is copied: when it is gone by then, there is no fork.
    pub execution: ExecutionId,
    /// To before the event in this place.
    pub before: Option<u64>,
    /// Why, for people.
    pub reason: String,
}

/// What a start does where there is an instance of its id, by the state of that one. A set of states is a
/// number: the bit of a state counts from the lowest by the number under which stores keep it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdReuse {
    /// In one of these it is replaced.
    pub replaced: u16,
    /// In one of these it is taken for the one that was to be started.
    pub attached: u16,
}
