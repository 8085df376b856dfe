//! The sidecar as clients and workers see it: over gRPC, with workers that are written in Rust for these tests.

mod crashes;
mod entities;
mod instances;
mod orchestrations;
mod support;
mod work;
