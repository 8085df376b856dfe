//! Tests for the author of a storage provider of reenact: the conformance suite, and fakes that fail
//! on demand.
//!
//! A provider is a type that implements [`Provider`](reenact_providers::Provider). The
//! [`conformance`] suite turns each sentence of the contract of that trait, and of the traits that it
//! gives out, into a test. One line in a test file runs all of it:
//!
//! ```
//! use reenact_providers::InMemory;
//!
//! # #[cfg(test)]
//! reenact_testkit::conformance_tests!(|clock| async move { InMemory::new().with_clock(clock) });
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | (none) | [`conformance`] |
//! | `journal` | `disk`, `archive`: a disk in memory that crashes, tears and refuses, and an archive on it, for stores that are made of journals and an archive |
//! | `azure` | `azure`: Azure Storage in memory, and a proxy before an emulator of it |

#[cfg(feature = "journal")]
pub mod archive;
#[cfg(feature = "azure")]
pub mod azure;
pub mod conformance;
#[cfg(feature = "journal")]
pub mod disk;
