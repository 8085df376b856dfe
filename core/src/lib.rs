//! The deterministic core of reenact: what an orchestration does, and nothing of how that is stored,
//! timed or carried out. No std, no clock, no randomness, no I/O: time and seeds are arguments.
//!
//! A [`Machine`] is one execution of an orchestration: its log, its correlation buffer and its live
//! future. It is told [`Command`]s and answers with [`Turn`]s:
//!
//! ```text
//! Command ──▶ Machine ──▶ Turn { recorded: events, actions: sealed, outcome }
//!                          │                        ▲
//!                          └──▶ store ──▶ Receipt ──┘ opens the seal
//! ```
//!
//! - A turn is one input event and the outputs that the code caused by it. It is stored as a whole
//!   or not at all, so that a history always ends where a turn ends.
//! - What is to be done outside ([`Action`]) is [`Sealed`] until a store has given a [`Receipt`].
//! - [`Machine::replay`] re-enacts a history. What the code does is compared with the log event by
//!   event; a difference is a [`Nondeterminism`] that names the place, what was expected and what was
//!   found.
//!
//! | for | see |
//! |---|---|
//! | the code of an orchestration | [`OrchestrationContext`], [`DurableFuture`] |
//! | how an activity is called | [`ActivityOptions`], [`RetryPolicy`] |
//! | what is stored | [`Event`], [`RecordedTurn`], [`History`], [`codec`] |
//! | unit tests | [`Executor`], [`run_turn`] |
//! | limits | [`limits`] |
//!
//! Programs depend on `reenact`, which has all of this at its root.
#![no_std]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod action;
mod attempts;
mod calls;
mod catalog;
mod code;
pub mod codec;
mod command;
mod context;
mod correlation_buffer;
mod deaths;
mod definition;
mod divergence;
mod error;
mod event;
mod event_name;
mod event_queue;
mod executor;
mod future;
mod history;
mod ids;
pub mod limits;
mod machine;
mod message;
mod open;
mod options;
mod outbox;
mod outcome;
mod output;
mod parked;
mod payload;
mod random;
mod receipt;
mod remote;
mod replace;
mod rewind;
mod seen_keys;
mod state;
mod time;
mod version;
mod wake;
mod wellformed;

pub use action::{Action, AttemptTerms, Tagged};
pub use calls::{Events, WhenAny, Winner};
pub use catalog::{ActivityCatalog, OrchestrationRefusal, Refusal};
#[doc(hidden)]
pub use code::{Checked, EncodeOutput, Unchecked};
pub use code::{CodeCatalog, OrchestrationCode};
pub use command::{Command, Rejected, Start};
pub use context::OrchestrationContext;
pub use deaths::RunDeaths;
pub use definition::{ActivityDefinition, Orchestration, OrchestrationWith, WithOptions};
pub use divergence::{MalformedHistory, Nondeterminism, Step};
#[doc(hidden)]
pub use error::returned;
pub use error::{
    ActivityError, ActivityErrorKind, BoxError, Cancelled, ChildError, EventError,
    OrchestrationError, OrchestrationErrorKind, ResultExt, SendError, TimedOut,
};
pub use event::Event;
pub use event_name::{DeclaredEvent, EventName, NamesEvent};
pub use executor::{DriveError, Executor, Run};
pub use future::DurableFuture;
pub use history::{History, HistoryEvent, RecordedTurn};
pub use ids::{
    CorrelationId, EventKey, ExecutionId, InstanceId, InvalidName, Name, ShardId, ToInstanceId,
};
pub use machine::{
    ApplyError, CatchPanic, Machine, MachineConfig, Replay, ReplayError, RunTurnError, Successor,
    Turn, run_turn,
};
pub use message::{
    Message, MessageBody, MessageId, MessageKind, NotTaken, Origin, Relation, SupersededCall,
    SupersededChild,
};
pub use open::{OpenActivities, OpenActivity, OpenChild};
pub use options::{
    ActivityOptions, ChildOptions, InvalidOptions, NamedActivity, OrchestrationByName, ParentClose,
    RecordedOptions, RecordedRetry, RetryPolicy,
};
pub use outbox::Outbox;
pub use outcome::Outcome;
pub use output::DurableOutput;
pub use parked::ParkedExecution;
pub use payload::{Payload, PayloadError};
pub use receipt::{Receipt, Sealed};
pub use remote::{RemoteActivity, RemoteCommand, RemoteEvent, RemoteRun, RemoteStart};
pub use replace::{Replacement, has_ended_by_itself};
pub use rewind::{NoSuchPosition, Rewind, Rewound};
pub use time::Timestamp;
pub use uuid::Uuid;
pub use version::{InvalidDefinition, InvalidVersion, Version};
pub use wake::ForeignWakeHook;
