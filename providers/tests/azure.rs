//! A hub in Azure Storage keeps the contract.
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
