//! A hub in Azure Storage keeps the contract.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "azure/conformance.rs"]
mod conformance;
#[path = "azure/readers.rs"]
mod readers;
#[cfg(feature = "azure-wire")]
#[path = "azure/stage.rs"]
mod stage;
