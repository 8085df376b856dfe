//! The JSON API, asked as programs ask it: over the router, and over a socket where that matters.

#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

mod asking;
mod bulk;
mod changing;
mod conversing;
mod guarding;
mod hostile;
mod importing;
mod inspecting;
mod metrics;
mod ordering;
mod quarantine;
mod quoting;
mod reading;
mod serving;
mod typed;
mod watching;
