//! The deterministic core of reenact: one execution of an orchestration, without storage, clock, randomness or
//! I/O. Time and seeds are arguments.
//!
//! Programs depend on `reenact`, which has what they need at its root and this crate as `reenact::core`. This crate
//! is for tools: a runtime of another kind, a viewer of histories, a test that drives executions by itself.
//!
//! # The ring
//! A shell gives a [`Machine`] [`Command`]s, and the machine returns [`Turn`]s:
//!
//! ```text
//! Command ──▶ Machine ──▶ Turn { recorded: events, actions: sealed, outcome }
//!                          │                        ▲
//!                          └──▶ store ──▶ Receipt ──┘ opens the seal
//! ```
//!
//! 1. The shell applies a command to the machine ([`Machine::apply`]).
//! 2. It appends the events of the turn to the log of the instance. A turn is one input event and the outputs that
//!    the code caused by it. It is stored as a whole or not at all.
//! 3. The store confirms the append with a [`Receipt`], which opens the [`Sealed`] [`Action`]s of the turn.
//! 4. The shell carries the actions out. Each of them leads to a further command: an activity has ended, a timer is
//!    due, a message has arrived.
//!
//! After a crash, [`Machine::replay`] builds the machine from the log. The code runs from its start, and what it does
//! is compared with the log, event by event. A difference is a [`Nondeterminism`], which names the place, what was
//! expected and what was found.
//!
//! # Where to look
//! | for | see |
//! |---|---|
//! | an execution | [`Machine`], [`MachineConfig`], [`Command`], [`Turn`], [`Action`], [`run_turn`] |
//! | the code of an orchestration | [`OrchestrationContext`], [`DurableFuture`], [`OrchestrationCode`] |
//! | options of calls | [`ActivityOptions`], [`ChildOptions`], [`RetryPolicy`] |
//! | what is stored | [`Event`], [`RecordedTurn`], [`History`], [`codec`] |
//! | what a log says without the code | [`Viewer`], [`TimelineBuilder`], [`Family`], [`CauseFinder`], [`Outbox`], [`OpenActivities`], [`ParkedExecution`], [`RunDeaths`], [`Rewind`] |
//! | messages between instances and hosts | [`Message`], [`RemoteCommand`], [`RemoteActivity`] |
//! | unit tests without a runtime | [`Executor`] |
//! | limits | [`limits`] |
//!
//! Enums of this crate that a tool has to handle completely (commands, actions, rejections) are exhaustive: with a new
//! minor version a tool may need another arm.
//!
//! # Features
//! - `std` (off by default): conversions by `?` from errors that only std has, such as `std::io::Error`, into
//!   [`ActivityError`] and [`OrchestrationError`]. Nothing else uses std.
#![no_std]
#![warn(missing_docs)]
// A new kind of event, or a new variant of any enum, must be thought of in each place that looks at it.
#![warn(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

// The floors of the crate, from the ground up: a module imports from its own floor and those below it
// only, and no two files import each other. The test `floors` reads this list.

// Floor 1: values.

mod attributes;
mod event_name;
mod ids;
pub mod limits;
mod payload;
mod random;
mod receipt;
mod time;
mod trace_context;
mod version;
mod wake;
#[doc(hidden)]
pub mod zoo;

// Floor 2: errors and options.

mod catalog;
mod error;
mod options;
mod outcome;
mod output;
mod update_answer;

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

mod answers;
mod attempts;
mod attributes_of;
mod fork;
mod open;
mod outbox;
mod parked;
mod published;
mod replace;
mod rewind;
mod running_limits;
mod seen_keys;
mod streams;
mod view;

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
mod update_name;

// Floor 8: an execution.

mod machine;

// Floor 9: for unit tests.

mod executor;

pub use action::{Action, AttemptTerms, Tagged};
pub use answers::{UpdateFate, UpdateFinder};
pub use attributes::{AttributeChange, AttributeError, AttributeKind, AttributeValue, Attributes};
pub use calls::{
    AnyEvent, AnyEvents, Events, HeldLock, LockGuard, Recipient, ToRecipient, Update, Updates,
    WhenAny, Winner,
};
#[doc(hidden)]
pub use calls::{NextRawUpdate, RawUpdate};
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
    ActivityError, ActivityErrorKind, BoxError, CallUpdateError, Cancelled, ChildError,
    CommandError, EventError, InvalidStartInput, LockError, OrchestrationError,
    OrchestrationErrorKind, ResultExt, SendError, TimedOut,
};
pub use event::{
    CarriedStream, EmittedBy, Event, EventKind, ForkedFrom, RequestEvent, StreamEvent, StreamItem,
    TimeLimitEvent,
};
pub use event_name::{DeclaredEvent, EventName, NamesEvent};
pub use executor::{DriveError, Executor, Run};
pub use fork::{Fork, NotForkable};
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
    InstanceCommand, Message, MessageBody, MessageId, MessageKind, NotTaken, OrStart, Origin,
    Relation, Request, Requester, SupersededCall, SupersededChild, UpdateReturn,
};
pub use open::{OpenActivities, OpenActivity, OpenChild};
pub use options::{
    ActivityOptions, ChildOptions, InvalidOptions, NamedActivity, OrchestrationByName, ParentClose,
    RecordedOptions, RecordedRetry, RetryPolicy, StreamWindow, TimeLimit, TimeLimits,
};
pub use outbox::Outbox;
pub use outcome::Outcome;
pub use output::DurableOutput;
pub use parked::ParkedExecution;
pub use payload::{Payload, PayloadError};
pub use published::PublishedValues;
#[doc(hidden)]
pub use random::number_of_seed;
pub use receipt::{Receipt, Sealed};
pub use remote::{
    ActivityToken, IdReuse, InvalidActivityToken, RemoteActivity, RemoteCommand, RemoteEvent,
    RemoteFork, RemoteRun, RemoteStart, StartOption, ToActivityToken,
};
pub use replace::{Anew, BegunAnew, Replacement, has_ended_by_itself, key_of_start, knows_start};
pub use rewind::{NoSuchPosition, Rewind, Rewound};
pub use streams::StreamBounds;
pub use time::Timestamp;
pub use trace_context::{InvalidTraceContext, ReceivedTrace, TraceContext, TraceRelation};
pub use update_answer::UpdateAnswer;
pub use update_name::{DeclaredUpdate, NamesUpdate, UpdateName};
pub use version::{InvalidDefinition, InvalidVersion, Version};
pub use view::{
    AttemptSpan, CalledChild, CauseFinder, ChildEnd, ExecutionView, FailedCall, FailureCause,
    Family, FamilyView, Listed, Since, Span, SpanEnd, SpanKind, Timeline, TimelineBuilder,
    ViewedActivity, ViewedChild, ViewedEvent, ViewedLock, ViewedMessage, ViewedRewind, ViewedTimer,
    ViewedUpdate, ViewedWait, Viewer,
};
pub use wake::ForeignWakeHook;
pub use wellformed::check_history;
