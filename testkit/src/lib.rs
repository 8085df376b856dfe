//! Tests for the author of a storage provider of reenact: a conformance suite, and fakes that fail on demand.
//!
//! # The conformance suite
//!
//! A store is a type that implements [`Provider`](reenact_providers::Provider). The suite in [`conformance`] turns
//! each sentence of the contract of that trait, and of the traits of what it gives out, into a test. It needs to
//! know how your store is opened, and opened again on the same data. A [`Hub`](conformance::Hub) says that:
//!
//! ```
//! use reenact_providers::{InMemory, ManualClock};
//! use reenact_testkit::conformance::{self, Hub};
//!
//! /// Where the data of one test is. Here it is memory; elsewhere it is a directory, or a database.
//! struct Place {
//!     data: InMemory,
//! }
//!
//! impl Place {
//!     async fn new(clock: ManualClock) -> Self {
//!         Self { data: InMemory::new().with_clock(clock).shared() }
//!     }
//! }
//!
//! impl Hub for Place {
//!     // Your provider.
//!     type Provider = InMemory;
//!
//!     async fn open(&self) -> InMemory {
//!         self.data.clone()
//!     }
//! }
//!
//! // In a test file, one line makes a test of each case, with the name of the case:
//! # #[cfg(test)]
//! reenact_testkit::conformance_tests!(Place::new);
//! // For a store that several hosts share:
//! # #[cfg(test)]
//! reenact_testkit::sharing_conformance_tests!(Place::new);
//!
//! // Elsewhere, all cases run one after the other:
//! # fn main() {
//! # let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
//! # runtime.block_on(async {
//! conformance::check(Place::new).await;
//! conformance::check_sharing(Place::new).await;
//! # });
//! # }
//! ```
//!
//! | the suite checks | with cases in |
//! |---|---|
//! | a batch is stored as a whole or not at all, and is durable when its append returns | [`append`](conformance::append), [`executions`](conformance::executions) |
//! | histories, summaries and lists are read as they were written, in pages of any size | [`read`](conformance::read), [`summary`](conformance::summary), [`list`](conformance::list) |
//! | each shard has one owner, and an owner that lost its shard can write nothing | [`lease`](conformance::lease), [`fence`](conformance::fence) |
//! | nothing of a purged instance is left | [`purge`](conformance::purge) |
//! | a new owner learns which instances must be woken | [`recovery`](conformance::recovery) |
//! | time comes from the clock that the store was given | [`timers`](conformance::timers) |
//! | a message to a shard arrives at least once, and in order | [`queue`](conformance::queue) |
//! | hosts that share a store have equal parts of the shards | [`members`](conformance::members) |
//! | tagged messages go to one host each; messages in quarantine are kept | [`tags`](conformance::tags), [`quarantine`](conformance::quarantine) |
//!
//! The last three rows are checked by [`sharing_conformance_tests!`] and [`conformance::check_sharing`].
//!
//! The suite opens a store again after everything of it was dropped. It does **not** check what happens when a
//! process is killed, a disk loses what was not synced, a request fails or stored bytes rot, and it measures no
//! speed. The fakes of this crate are for such tests: they fail at each step, one after the other.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | (none) | [`conformance`] |
//! | `journal` | `disk`, `archive`: a disk in memory that crashes, tears and refuses, and an archive on it, for stores that are made of journals and an archive; `archive_conformance`, the suite for an archive of your own |
//! | `azure` | `azure`: Azure Storage in memory, and a proxy before an emulator of it that makes requests fail; and `journal` |

#[cfg(feature = "journal")]
pub mod archive_conformance;
#[cfg(feature = "azure")]
pub mod azure;
pub mod conformance;
#[cfg(feature = "journal")]
pub use reenact_providers::fakes::{archive, disk};
