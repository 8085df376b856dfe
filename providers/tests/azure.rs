//! A hub in Azure Storage keeps the contract: on the service in memory, and on the emulator.
//!
//! Most tests wait for the emulator most of the time, so more of them at a time than there are processors take
//! less time: `cargo test -p reenact-providers --all-features --test azure -- --test-threads=8`.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "azure/conformance.rs"]
mod conformance;
#[path = "azure/doubt.rs"]
mod doubt;
#[path = "azure/faults.rs"]
mod faults;
#[path = "azure/faulty.rs"]
mod faulty;
#[path = "azure/members.rs"]
mod members;
#[path = "azure/owner.rs"]
mod owner;
#[path = "azure/readers.rs"]
mod readers;
#[path = "azure/record.rs"]
mod record;
#[path = "azure/scenario.rs"]
mod scenario;
#[cfg(feature = "azure-wire")]
#[path = "azure/stage.rs"]
mod stage;
#[path = "azure/takeover.rs"]
mod takeover;
#[cfg(feature = "azure-wire")]
#[path = "azure/wire_faults.rs"]
mod wire_faults;
