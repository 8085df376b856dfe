//! The local provider keeps the contract, and refuses a directory that it cannot open.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "local/conformance.rs"]
mod conformance;
#[path = "local/fixture.rs"]
mod fixture;
#[path = "local/fixture_kept.rs"]
mod fixture_kept;
#[path = "local/kit.rs"]
mod kit;
#[path = "local/opening.rs"]
mod opening;
#[path = "local/read_only.rs"]
mod read_only;
#[cfg(unix)]
#[path = "local/replaced.rs"]
mod replaced;
#[cfg(unix)]
#[path = "local/rights.rs"]
mod rights;
