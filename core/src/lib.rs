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

// The floors of the crate, from the ground up: a module imports from its own floor and those below it
// only, and no two files import each other. The test `floors` reads this list.

// Floor 1: values.

mod event_name;
mod ids;
pub mod limits;
mod payload;
mod random;
mod receipt;
mod time;
mod version;
mod wake;

// Floor 2: errors and options.

mod catalog;
mod error;
mod options;
mod outcome;
mod output;

// Floor 3: the four words.

mod action;
mod command;
mod event;
mod message;

// Floor 4: the log.

pub mod codec;
mod deaths;
mod divergence;
mod history;
mod remote;
mod wellformed;

// Floor 5: what follows from a log, without code.

mod attempts;
mod open;
mod outbox;
mod parked;
mod replace;
mod rewind;
mod seen_keys;

// Floor 6: the state of an execution.

mod correlation_buffer;
mod event_queue;
mod state;

// Floor 7: what code has in its hands.

mod calls;
mod code;
mod context;
mod definition;
mod future;

// Floor 8: an execution.

mod machine;

// Floor 9: for unit tests.

mod executor;

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
pub use event::{Event, EventKind};
pub use event_name::{DeclaredEvent, EventName, NamesEvent};
pub use executor::{DriveError, Executor, Run};
pub use future::DurableFuture;
pub use history::{History, HistoryEvent, RecordedTurn};
pub use ids::{
    CorrelationId, EventKey, ExecutionId, Guid, InstanceId, InvalidGuid, InvalidName, Name,
    ShardId, ToInstanceId,
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
pub use version::{InvalidDefinition, InvalidVersion, Version};
pub use wake::ForeignWakeHook;
