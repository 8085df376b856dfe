//! The end of a host: what it lets go of, whom it tells, and what it says.
#![cfg(feature = "local")]

mod directory;
mod log;
mod outside;
mod scene;
mod start;
mod waiting;
