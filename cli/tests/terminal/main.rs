//! The command line on a terminal, which is tmux's.
//!
//! Needs `tmux` (on Debian: `apt-get install tmux`), and so is not among the tests that `cargo test` runs:
//! `cargo test -p reenact-cli --test terminal` runs them.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

mod screens;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "the other tests need more of it")]
mod support;
