//! The actor runtime of reenact, on ractor. Programs depend on `reenact`, which has what they need
//! at its root.
//!
//! Data goes round a ring, always in the same direction:
//!
//! ```text
//! client ──command──▶ routes ──command──▶ instance actor (machine: log, buffer, live future)
//!   ▲                   ▲                      │ one turn: events and sealed actions
//!   │ answer            │ command              ▼
//!   └─────────────── dispatcher ◀──actions── persistence actor (one append for many turns)
//!                       │                      ▲
//!                       │                      └ receipt from the store
//!                       └─▶ activity workers, timers, waiters ──command──▶ (back to the routes)
//! ```
//!
//! - An instance actor applies commands to its machine and hands the turns on. It goes on with the
//!   next command while a turn is being made durable.
//! - The persistence actor of a shard gathers turns while an append is under way, and appends them
//!   together. Only its receipt opens the actions.
//! - The dispatcher, a value in the persistence actor, carries the actions out.
//! - Messages between instances have a task each, which waits until the recipient says that they are
//!   durable there, and tells the sender. What is lost there is still in the outbox of the sender.
//! - Where hosts share a store, what is for a shard of another one goes through the queue of that shard.
//!   A pump takes it out there, gives it to the instance, and lets it leave the queue when it is durable.
//! - The supervisor of a shard holds the lease, brings instances into memory, and mends what breaks.
//!   A message for an instance that is in memory passes it by: the routing table is shared.
//!
//! Nothing depends on a mailbox surviving. Truth is in the log.

#[cfg(doc)]
use reenact_core::Action;

mod access;
mod activity;
mod admission;
mod answers;
mod context;
mod dispatcher;
mod error;
mod fitness;
mod footprint;
mod gate;
mod heartbeat;
mod held;
mod host;
mod instance;
mod log;
mod mail;
mod message;
mod options;
mod pace;
mod panic;
mod patience;
mod persistence;
mod pump;
mod registry;
mod remote;
mod retention;
mod routes;
mod run;
mod runtime;
mod seeds;
mod shard;
mod snapshot;
mod stalls;
mod state;
mod store;
mod suspects;
mod tags;
mod task;
mod threads;
mod timers;
mod verify;
mod waiters;
mod workers;

pub use access::{Access, StartRequest};
pub use activity::{Activity, ActivityContext, TestCall};
pub use error::{Error, ErrorKind, ParkReason, Result};
pub use heartbeat::HeartbeatError;
#[doc(hidden)]
pub use message::RuntimeMessage;
pub use message::{ExternalEvent, InstanceMessage, Reply};
pub use options::{
    ActivityThreads, HostOptions, MAX_BLOCKING_THREADS, MAX_REPLACED_THREADS, MAX_SHARD_THREADS,
    Retention, ShardThreads, WhenBusy,
};
pub use registry::{Named, Registry};
pub use runtime::Runtime;
pub use snapshot::Snapshot;
pub use stalls::Stalled;
pub use state::{Activities, ActivitySet, MissingState, State, StateType};
pub use verify::{Unfit, verify_histories};
