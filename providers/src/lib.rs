//! Storage for reenact.
//!
//! A provider sees bytes, ids and positions, never what an event means. It hands out four things:
//! a [`HistoryStore`] for the logs, an [`ExternalEventRouter`] for messages to a shard from
//! outside its owner, a [`TimerScheduler`] that knows what time it is, and [`ShardLease`]s that
//! keep one writer per shard. [`InMemory`] is the reference model of all of them; `Local` (feature
//! `local`) keeps them in a directory: a store out of journals and an archive, which further durable
//! media can share (feature `journal`).
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
    #[cfg(feature = "journal")]
    pub mod archive;
    #[cfg(feature = "blobs")]
    pub mod azure {
        //! Azure Storage in memory.
        pub mod shelf;
        pub mod storage;
    }
    #[cfg(feature = "journal")]
    pub mod disk;
}

#[cfg(feature = "journal")]
pub mod archive;
#[cfg(feature = "blobs")]
pub mod azure;
mod error;
#[cfg(any(feature = "local", feature = "blobs"))]
mod identity;
#[cfg(feature = "journal")]
pub mod journal;
#[cfg(feature = "journal")]
pub mod journaled;
pub mod limits;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "journal")]
pub mod medium;
mod memory;
mod ownership;
mod queue;
mod router;
mod sharing;
mod store;
mod timer;
mod tip;

pub use error::{OpenError, Place, ProviderError};
#[cfg(feature = "local")]
pub use local::{Local, LocalOptions};
pub use memory::InMemory;
pub use router::{Delivery, DeliveryId, ExternalEventRouter, Message};
pub use sharing::{Membership, QuarantineId, Quarantined, QueueOf, Sharing, balance};
pub use store::{
    Batch, Epoch, HistoryStore, InstanceFilter, InstancePage, InstanceState, InstanceSummary,
    Lease, LoadedInstance, PageRequest, Provider, ShardLease, StoredTurn, TimeRange, TurnPage,
    TurnRecord, UnknownState,
};
pub use timer::{ManualClock, SystemClock, TimerScheduler};
