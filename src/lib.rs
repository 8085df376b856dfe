//! Durable orchestrations, embedded in your own program.
//!
//! An *orchestration* is a plain `async fn`. Each thing that it awaits (an activity, a timer, an
//! external event, a child) is recorded as events in its instance's append-only log. When the instance
//! comes into memory again, the log is re-enacted: the function runs from its start, gets the recorded
//! results at once, and goes on where it stopped. No server, no second process.
//!
//! ```
//! use reenact::prelude::*;
//!
//! // Everything with a side effect is an activity.
//! #[activity]
//! async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
//!     Ok(format!("Hello, {name}!"))
//! }
//!
//! // What is to be done, and in which order, is an orchestration.
//! #[orchestration]
//! async fn welcome(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
//!     let greeting = ctx.call_activity(greet, name).await?;
//!     ctx.timer(Duration::from_millis(50)).await;
//!     let go: String = ctx.wait_external("Go").await?;
//!     Ok(format!("{greeting} {go}"))
//! }
//!
//! #[tokio::main]
//! async fn main() -> reenact::Result<()> {
//! #   let path = std::env::temp_dir().join(format!("reenact-docs-{}", std::process::id()));
//!     let host = Host::builder()
//!         .provider(Local::open(&path)?) // a directory; it is made if it is not there
//!         .orchestration(welcome)
//!         .activity(greet)
//!         .start()
//!         .await?;
//!     let instance = host.start_new(welcome, "Ada".to_string()).await?; // durable when it returns
//!     instance.raise_event("Go", "Come in.").await?; // durable when it returns
//!     assert_eq!(instance.result().await?, "Hello, Ada! Come in.");
//!     host.shutdown().await
//! #   .map(|()| std::fs::remove_dir_all(path).expect("it is there"))
//! }
//! ```
//!
//! # What is promised
//! 1. **Durable before visible.** No acknowledgement, result, activity start, timer, child or message to
//!    another instance leaves before the events that caused it are in the store. An `Ok` from
//!    [`start_new`](Client::start_new), [`raise_event`](Client::raise_event) and the like means that it
//!    survives whatever the store survives.
//! 2. **Exactly once in the log.** What is scheduled completes at most once; each external event is
//!    delivered once, in the order of arrival for its name, whether it came before or after the wait
//!    for it, in this execution or the next. Activities run at least once, under a
//!    [key](ActivityContext::idempotency_key) that stays the same. A child is started once, its result
//!    counts once, and so do messages between instances.
//! 3. **Determinism by the order of the history.** Replay resolves futures in the order of the log
//!    and by nothing else, in every combinator that is itself deterministic.
//! 4. **One writer.** An instance has one owner; an owner that lost its lease can write nothing.
//! 5. **Isolation.** An instance that panics, or whose code left its log, harms only itself. It
//!    fails, or is [parked](ParkReason): what it has done stays, and events are kept until it goes on.
//! 6. **Rot is reported.** What does not decode parks the instance and names the place.
//! 7. **The cost of a step does not grow with the history** while an instance is in memory: its
//!    future is kept, and replay happens only when it comes into memory.
//!
//! # What is where
//! The root has what programs name. The modules:
//!
//! | module | is for |
//! |---|---|
//! | [`prelude`] | what most files with orchestrations need |
//! | [`guide`] | each feature, with a program that runs |
//! | [`testing`] | unit tests without a host; a host in virtual time |
//! | [`transfer`], [`doctor`] | stores on which no host works: they are moved, and checked |
//! | [`verify`] | a program of your own that checks exported histories against its code |
//! | [`limits`] | every limit, with its unit |
//! | [`providers`] | the traits of a store, and the stores |
//! | [`core`](mod@core) | tools: the machine of one execution, its commands and actions, the stored form |
//! | [`actor`] | programs that are made of ractor's actors |
//! | [`attributes`] | code that implements the traits by hand, without the attributes |
//!
//! # Features
//! - `local` (on by default): [`Local`], a store in a directory, with SQLite built in.
//! - `azure`: `Azure`, a store in Azure Storage that many hosts share, on Microsoft's released crates.
//! - `azure-legacy`: the same on the unofficial crates that came before them.
//! - `encryption`, `compression`: what a store has is encrypted, or made smaller: [`codec`].
//! - `console`: the JSON API and the web console, as a router of axum or at an address of its own.
//! - `cluster`: for programs that turn on ractor's own feature `cluster`.
//! - `testing`: for tests of your own workflows, a host in virtual time with doubles: [`testing`].
//!
//! # Where the logs are
//! [`Local`] keeps them in a directory, where they survive crashes of the process and of the machine:
//! what is acknowledged was synced before. `Azure` (feature `azure`) keeps them in Azure Storage, where
//! many hosts [share them](guide#several-hosts), and go on for each other. [`InMemory`] lives as long as its
//! last clone, and so do the promises: it is for tests.
//!
//! # Where to look
//! | for | see |
//! |---|---|
//! | each feature, with a program that runs | [`guide`] |
//! | writing the code | [`orchestration`], [`activity`], [`OrchestrationContext`], [`ActivityContext`] |
//! | running it | [`Host`], [`HostBuilder`], [`HostOptions`], [`Local`], [`LocalOptions`], [`ShutdownHandle`] |
//! | talking to instances | [`Client`], [`InstanceHandle`], [`InstanceStatus`], [`InstanceFilter`] |
//! | several hosts on one store, and clients without one | [`HostBuilder::start`], [`Client::connect`], [`InMemory::shared`] |
#![cfg_attr(
    any(feature = "azure", feature = "azure-legacy"),
    doc = "| hubs in Azure Storage | [`Azure`], [`AzureOptions`], [`Connection`], [`Emulator`](testing::Emulator) |"
)]
//! | what activities share | [`State`], [`HostBuilder::state`], [`activities`], [`HostBuilder::activities`] |
//! | activities that block, or run on a runtime of yours | [`activity`] (`blocking`), [`HostOptions::blocking_activities`], [`ActivityThreads`] |
//! | activities for some hosts only | [`ActivityOptions::tag`], [`HostOptions::tags`] |
//! | what no host could take | [`Client::quarantined`], [`Client::requeue`], [`Quarantined`] |
//! | stopping them for a while | [`Client::suspend`], [`Client::resume`] |
//! | what people see of them | [`set_status`](OrchestrationContext::set_status), [`wait_for_status`](Client::wait_for_status) |
//! | retries, time limits and heartbeats of activities | [`ActivityOptions`], [`RetryPolicy`], [`ActivityContext::heartbeat`] |
//! | races and fan-outs | [`DurableFuture`], [`when_any`](OrchestrationContext::when_any), [`when_all`](OrchestrationContext::when_all), [`timeout`](OrchestrationContext::timeout) |
//! | being asked to end | [`Client::cancel`], [`shielded`](OrchestrationContext::shielded), [`until_cancelled`](OrchestrationContext::until_cancelled), [`check_cancelled`](OrchestrationContext::check_cancelled), [`cancelled`](OrchestrationContext::cancelled) |
//! | children, and events to other instances | [`call_orchestration`](OrchestrationContext::call_orchestration), [`start_orchestration`](OrchestrationContext::start_orchestration), [`raise_event`](OrchestrationContext::raise_event), [`ChildOptions`] |
//! | a start that comes with an event | [`and_raise`](StartNew::and_raise) |
//! | events, one after the other | [`wait_external`](OrchestrationContext::wait_external), [`events`](OrchestrationContext::events) |
//! | events that know what they carry | [`EventName`], [`orchestration`] (`events`) |
//! | objects that many share | [`entity`], [`Client::entity`], [`EntityHandle`], [`EntityContext`] |
//! | changes while instances run | [`orchestration`] (`version`), [`patched`](OrchestrationContext::patched), [`Version`] |
//! | looking into them | [`Client::view`], [`Client::view_after`], [`Client::history_page`], [`Client::executions`], [`inspect`] |
//! | mending what failed, on a copy | [`rewind`](Client::rewind), [`fork`](Client::fork) |
//! | before a new binary takes over | [`verify_histories`](HostBuilder::verify_histories), [`Unfit`] |
//! | failures | [`ActivityError`], [`BoxError`], [`ResultExt`], [`ErrorKind`], [`ChildError`], [`SendError`], [`CallUpdateError`], [`LockError`], [`CommandError`], [`OrchestrationError`], [`Error`], [`ParkReason`], [`OpenError`] |
//! | what a host counts | [`Host::metrics`], [`metrics::HostMetrics`] |
//! | unit tests without a host | [`testing::Executor`], [`testing::TestCall`] |
//! | tests of time, of whole workflows, and of recorded histories | [`testing`] |
//! | limits | [`limits`], [`providers::limits`] |
//! | ractor programs | [`actor`] |
//! | stores that are encrypted or compressed | [`Encoded`], [`codec`] |
//! | writing a store | [`providers`] |
//! | tools that read histories or drive executions by themselves | [`core`](mod@core) |
#![warn(missing_docs)]

pub mod actor;
mod client;
pub mod doctor;
mod entities;
pub mod guide;
mod host;
pub mod limits;
pub mod prelude;
mod shutdown;
pub mod testing;
pub mod verify;

// To run hosts, and to ask them.
pub use client::{
    CallEntity, Client, EntityPage, EntitySummary, ForkInstance, InstanceHandle, InstanceStatus,
    Interrupt, RaiseEvent, SignalEntity, StartNew, StartWithUpdate, UpdateInstance,
};
pub use host::{Host, HostBuilder};
pub use reenact_actors::{
    Access, ActivityThreads, Emitted, ExecutionAccess, HostOptions, ItemStream, Named, Retention,
    ReusePolicy, ShardThreads, Stalled, Unfit, Values, Watch, WhenBusy,
};
pub use reenact_providers::{
    AttributeFilter, InstanceCounts, InstanceFilter, InstancePage, InstanceState, InstanceSummary,
    PageRequest, QuarantineId, Quarantined, QueueOf, StateCounts, TimeOrder, TimeRange,
};
pub use shutdown::ShutdownHandle;

// To write orchestrations and activities.
pub use entities::{CallEntities, Entity, EntityAnswer, EntityContext, EntityHandle, Signals};
pub use reenact_actors::{Activities, Activity, ActivityContext, State};
pub use reenact_core::{
    ActivityDefinition, ActivityOptions, AnyEvent, AnyEvents, CalledChild, ChildEnd, ChildOptions,
    DurableFuture, DurableOutput, EventName, Events, HeldLock, LockGuard, NamedActivity,
    NamesEvent, NamesUpdate, Orchestration, OrchestrationByName, OrchestrationContext,
    OrchestrationWith, ParentClose, PublishedValues, Recipient, RetryPolicy, StreamWindow,
    ToRecipient, Update, UpdateName, Updates, WhenAny, Winner, WithOptions,
};
pub use reenact_macros::{activities, activity, entity, orchestration};

// What is in histories and in statuses.
pub use reenact_core::{
    ActivityToken, AttributeKind, AttributeValue, Attributes, CarriedStream, CorrelationId,
    EmittedBy, Event, EventKey, EventKind, ExecutionId, Guid, History, HistoryEvent, InstanceId,
    Name, OpenActivity, OpenChild, Outcome, Payload, StreamEvent, StreamItem, Timestamp,
    ToActivityToken, ToInstanceId, Version,
};

// The traces that instances belong to.
#[cfg(feature = "otel")]
pub use reenact_actors::otel;
pub use reenact_core::{InvalidTraceContext, TraceContext};

// What can go wrong.
pub use reenact_actors::{
    EmitError, EntityCallError, EntityError, EntityFailure, EntityFailureKind, Error, ErrorKind,
    HeartbeatError, MissingState, NoRefusal, ParkReason, Result, UpdateError, WaitsForOthers,
};
pub use reenact_core::{
    ActivityError, ActivityErrorKind, AttributeError, BoxError, CallUpdateError, Cancelled,
    ChildError, CommandError, EventError, InvalidActivityToken, InvalidName, InvalidOptions,
    InvalidStartInput, InvalidVersion, LockError, OrchestrationError, OrchestrationErrorKind,
    PayloadError, ResultExt, SendError, TimedOut,
};
pub use reenact_providers::OpenError;

// Where the logs are.
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
pub use reenact_providers::azure::{Azure, AzureOptions, connection::Connection};
pub use reenact_providers::{Encoded, InMemory};
#[cfg(feature = "local")]
pub use reenact_providers::{Local, LocalOptions};

/// What [`Client::view`] and its like return: values that show an instance without its code.
pub use reenact_actors::inspect;
/// What a host counts: the snapshot that [`Host::metrics`] gives.
pub use reenact_actors::metrics;
/// Moves histories between stores.
pub use reenact_actors::transfer;
/// The JSON API and the web console, as a router of axum.
#[cfg(feature = "console")]
pub use reenact_console as console;
/// The deterministic core, for those who build tools: the machine that runs one execution, its commands,
/// turns and actions, the outbox, the stored form of turns.
pub use reenact_core as core;
/// The traits that a store implements, the stores of this repository, and their limits.
pub use reenact_providers as providers;
/// What is done with turns and messages on their way to an [`Encoded`] store: encryption, compression, and what
/// you write yourself.
pub use reenact_providers::codec;

/// What the code that the attributes write names besides: for programs that implement the traits by hand.
pub mod attributes {
    pub use crate::entities::{
        EntityCaller, EntityOperations, EntitySignaller, EntityTarget, Operation, Outcome, When,
    };
    #[doc(inline)]
    pub use reenact_actors::entities::{EntityLock, LOCK};
    pub use reenact_actors::{ActivitySet, StateType};
    #[doc(hidden)]
    pub use reenact_core::returned;
    #[doc(inline)]
    pub use reenact_core::{DeclaredEvent, DeclaredUpdate};
}

/// The programs of the README, of the pages in `docs/` and of the attributes are tests. They need all kinds of
/// stores; and the attributes' crate cannot test those that need `reenact`.
#[cfg(all(doctest, feature = "local", feature = "azure"))]
mod pages {
    #[cfg(feature = "console")]
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/azure.md")]
    struct AzureStorage;
    #[cfg(feature = "console")]
    #[doc = include_str!("../docs/console.md")]
    struct Console;
    #[doc = include_str!("../docs/conversing.md")]
    struct Conversing;
    #[doc = include_str!("../docs/operations.md")]
    struct Operations;
    #[doc = include_str!("../docs/telemetry.md")]
    struct Telemetry;
    #[doc = include_str!("../docs/transfer.md")]
    struct Transfer;
    #[doc = include_str!("../docs/stores.md")]
    struct Stores;
    #[cfg(feature = "testing")]
    #[doc = include_str!("../docs/testing.md")]
    struct Testing;
    #[doc = include_str!("../docs/entities.md")]
    struct Entities;
    #[doc = include_str!("../macros/src/entity.md")]
    struct AttributeEntity;
    #[doc = include_str!("../macros/src/activities.md")]
    struct AttributeActivities;
    #[doc = include_str!("../macros/src/activity.md")]
    struct AttributeActivity;
    #[doc = include_str!("../macros/src/orchestration.md")]
    struct AttributeOrchestration;
}
