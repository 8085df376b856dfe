//! The end of a host: what it lets go of, whom it tells, and what it says.
#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "support/kit.rs"]
mod kit;

#[path = "ending/directory.rs"]
mod directory;
#[path = "ending/log.rs"]
mod log;
#[path = "ending/outside.rs"]
mod outside;
#[path = "ending/scene.rs"]
mod scene;
#[path = "ending/start.rs"]
mod start;
#[path = "ending/waiting.rs"]
mod waiting;
