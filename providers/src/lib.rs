//! Storage for reenact.
//!
//! A provider sees bytes, ids and positions, never what an event means. Each [`Provider`] has a
//! [`HistoryStore`] for the logs, a [`TimerScheduler`] that knows what time it is, and a [`ShardLease`] that
//! keeps one writer per shard. A store that several hosts share also has [`Sharing`], with the queues through
//! which they send each other messages ([`ExternalEventRouter`]).
//!
//! [`InMemory`] is the reference model of all of them. `Local` (feature `local`) stores in a directory. It is made
//! of journals and an archive, which other durable media can use as well (feature `journal`); `azure::Azure`
//! does (features `azure` and `azure-legacy`). [`Encoded`] wraps a store, to encrypt (feature `encryption`) or
//! compress (feature `compression`) what is in it, or to do what a [`Codec`](codec::Codec) of your own does.
//!
//! The crate `reenact-testkit` has the tests that every provider must pass, and fakes that fail on demand.

// The sources of the fakes are compiled here once more, for tests of what is not public: to them the
// types of `reenact-testkit` itself are those of another crate.
#[cfg(test)]
extern crate self as reenact_providers;
#[cfg(test)]
#[path = "../../testkit/src"]
pub mod testkit {
    //! The fakes of `reenact-testkit`.
    #[cfg(feature = "blobs")]
    pub mod azure {
        //! Azure Storage in memory.
        pub mod blob_store;
        pub mod storage;
    }
    #[cfg(feature = "journal")]
    pub use crate::fakes::{archive, disk};
}

// The floors of the crate, from the ground up: a module imports from its own floor and those below it
// only, and no two files import each other. The test `floors` reads this list.

// Floor 1: values and tools.

mod backoff;
mod error;
mod finding;
#[cfg(feature = "journal")]
mod in_step;
#[cfg(feature = "journal")]
pub mod medium;
mod timer;

// Floor 2: the traits.

mod router;
mod sharing;
mod store;

// Floor 3: limits, and what the stores have in common.

pub mod codec;
pub mod limits;
mod ownership;
mod queue;

// Floor 4: the journal of a shard.

#[cfg(feature = "journal")]
pub mod journal;

// Floor 5: the trait of an archive, and what a store says of itself.

#[cfg(feature = "journal")]
pub mod archive;
#[cfg(any(feature = "local", feature = "blobs"))]
mod identity;
#[cfg(feature = "journal")]
pub mod large_turns;
mod tip;

// Floor 6: a store that is made of journals and an archive.

#[cfg(feature = "journal")]
pub mod journaled;

// Floor 7: the stores.

#[cfg(feature = "blobs")]
pub mod azure;
mod encoded;
#[cfg(any(feature = "fakes", all(test, feature = "journal")))]
pub mod fakes;
#[cfg(feature = "local")]
pub mod local;
mod memory;

pub use backoff::Backoff;
pub use encoded::Encoded;
pub use error::{OpenError, Place, ProviderError};
pub use finding::{Finding, Severity};
#[cfg(feature = "local")]
pub use local::{Local, LocalOptions, check_machine};
pub use memory::InMemory;
pub use router::{Delivery, DeliveryId, ExternalEventRouter, Message};
pub use sharing::{
    Membership, OldestMessage, QuarantineId, Quarantined, QueueOf, Sharing, SharingHost, Waiting,
    balance,
};
pub use store::{
    AttributeFilter, Batch, Epoch, FirstByTime, HistoryStore, InstanceCounts, InstanceFilter,
    InstancePage, InstanceState, InstanceSummary, Lease, LoadedInstance, PageRequest, Provider,
    ShardHolder, ShardLease, StateCounts, StoredTurn, TimeOrder, TimeRange, TurnPage, TurnRecord,
    UnknownState,
};
pub use timer::{ManualClock, SystemClock, TimerScheduler};
