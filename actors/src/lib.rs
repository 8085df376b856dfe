//! The actor runtime of reenact, on ractor. Programs depend on `reenact`, which has what they need
//! at its root.
//!
//! Data goes round a ring, always in the same direction:
//!
//! ```text
//! client ──command──▶ routes ──command──▶ instance actor (machine: log, buffer, live future)
//!   ▲                   ▲                      │ a turn: events, sealed actions, the answer
//!   │                   │                      ▼
//!   │◀──── answer ──────│─────────────── persistence actor (one append for many turns) ◀──receipt── store
//!   │                   │                      │ actions
//!   │ result            │ command              ▼
//!   └─── waiters ◀──────│────────────────── dispatch
//!                       └─── activity workers, timers, messages to other instances ◀──┘
//! ```
//!
//! - An instance actor applies commands to its machine and passes the turns on. It goes on with the
//!   next command while a turn is being made durable.
//! - The persistence actor of a shard collects turns while an append is under way, and appends them
//!   together. Only its receipt opens the actions of a turn.
//! - Dispatch, a function of the shard's context, carries the actions out.
//! - Local delivery sends a message of one instance to another on the same host. The recipient answers
//!   when the message is durable there, and the answer goes to the sender. A message that is lost on
//!   the way is still in the outbox of its sender, and is sent again.
//! - Where hosts share a store, the queue client sends commands for other hosts' shards to the queues of
//!   these shards. The queue consumer of a shard receives them there, passes each to its instance, and
//!   acknowledges it when it is durable.
//! - The tag sender sends calls with a tag to the queue of the tag. The tag receiver of a host that
//!   declares the tag runs them.
//! - The supervisor of a shard holds the lease, brings instances into memory, and restarts what crashes.
//!   Messages for an instance in memory do not pass through it: the routing tables are shared.
//!
//! Nothing depends on a mailbox surviving a crash: all state follows from the log.

// The floors of the crate, from the ground up: a module imports from its own floor and those below it
// only, and no two files import each other. The test `floors` reads this list.

// Floor 1: values and tools.

mod changes;
mod footprint;
mod gate;
mod in_flight;
pub mod metrics;
mod new_shards;
mod options;
#[cfg(feature = "otel")]
pub mod otel;
mod panic;
mod patience;
mod reuse;
mod run;
mod seeds;
mod state;
mod task;
mod trace;

// Floor 2: errors, places, and the waits of clients.

mod admission;
mod answers;
pub mod entities;
mod entity_id;
mod error;
mod threads;
mod waiters;

// Floor 3: activities, as programs write them.

mod activity;
mod registry;
mod stalls;

// Floor 4: messages and their addresses; what is reported of instances.

mod message;
mod routes;
mod telemetry;

// Floor 5: logs and stores.

mod counted_queues;
pub mod inspect;
mod log;
mod published;
mod queue_client;
mod snapshot;
mod store;
mod verify;

// Floor 6: the parts that carry actions out.

mod local_delivery;
mod suspects;
mod tags;
mod timers;
mod workers;

// Floor 7: the contexts of hosts and of shards; turns become durable.

mod context;
mod persistence;

// Floor 8: the actors.

mod fitness;
mod host;
mod instance;
mod queue_consumer;
mod retention;
mod shard;

// Floor 9: the interface for clients.

mod access;
pub mod doctor;
mod runtime;
pub mod transfer;

#[cfg(doc)]
use reenact_core::Action;

pub use access::{
    Access, Emitted, ExecutionAccess, ForkRequest, ItemStream, StartRequest, Values, Watch,
};
#[doc(hidden)]
pub use activity::CodeTypes;
pub use activity::{Activity, ActivityContext, EmitError, HeartbeatError, State, TestCall};
pub use entity_id::EntityId;
pub use error::{
    EntityCallError, EntityError, EntityFailure, EntityFailureKind, Error, ErrorKind, NoRefusal,
    ParkReason, Result, UpdateError, WaitsForOthers,
};
#[doc(hidden)]
pub use message::RuntimeMessage;
pub use message::{ExternalEvent, InstanceMessage, Reply};
pub use options::{
    ActivityThreads, HostOptions, MAX_BLOCKING_THREADS, MAX_REPLACED_THREADS, MAX_SHARD_THREADS,
    Retention, ShardThreads, WhenBusy,
};
#[doc(hidden)]
pub use panic::Caught;
#[doc(hidden)]
pub use registry::NoDouble;
pub use registry::{Activities, ActivitySet, Dynamic, Named, Registry};
pub use reuse::ReusePolicy;
pub use runtime::Runtime;
pub use snapshot::Snapshot;
pub use stalls::Stalled;
pub use state::{MissingState, StateType};
pub use verify::{Unfit, Verifier, verify_histories};
