//! The sidecar as clients and workers see it: over gRPC, with workers that are written in Rust for these tests.

#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

mod crashes;
mod entities;
mod hub;
mod instances;
mod large;
mod orchestrations;
mod support;
mod work;
