//! A hub keeps the contract, on the service in memory.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "azure/conformance.rs"]
mod conformance;
