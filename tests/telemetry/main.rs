//! What a host says by `tracing`: the life of orders, and of the host itself. A program of its own, because
//! it listens to all threads.

#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

mod listener;
mod lives;
mod orders;
