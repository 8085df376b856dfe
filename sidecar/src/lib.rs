//! The Durable Task protocol on reenact: durable orchestrations whose code is in Python, JavaScript, .NET, Java or Go.
//!
//! The SDKs of Durable Task (`durabletask` on PyPI, `@microsoft/durabletask-js` on npm, and others) talk to a *sidecar*
//! over gRPC: their clients start orchestrations, and their workers take work. This crate is that sidecar, as a program
//! (`reenact-sidecar --store DIR`) and as a library for hosts that run orchestrations in Rust as well:
//!
//! ```
//! use reenact::prelude::*;
//! use reenact_sidecar::{ServeOptions, Sidecar};
//!
//! #[activity]
//! async fn charge(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
//!     Ok(cents) // called from Python by its name
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let host = Host::builder().provider(InMemory::new()).activity(charge);
//! let (sidecar, host) = Sidecar::install(host)?;
//! let host = host.start().await?;
//! let server = sidecar.serve(host.client(), "127.0.0.1:0", ServeOptions::new()).await?;
//! println!("workers and clients connect to {}", server.address());
//! server.shutdown().await;
//! host.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How foreign code is durable
//! Each instance runs the [interpreter](Sidecar::install): an orchestration of reenact that shows a worker the history and
//! asks what to do next. The answer is the result of an activity (`durabletask.decide`), so it is recorded once; then
//! the interpreter does what was decided with the means of reenact: activities, timers, children, events, entities.
//! The history that the worker is shown follows from what is recorded and is not stored a second time.
//!
//! All that reenact promises holds: what a client was answered is durable, and instances go on after a crash of
//! everything where they stopped. An activity runs at least once.
//!
//! # What is where
//! | module | is for |
//! |---|---|
//! | [`proto`] | the messages of the protocol |
//! | [`limits`] | every limit, with its unit |
#![warn(missing_docs)]

mod activities;
mod base64;
mod decision;
mod detached;
mod entities;
mod events;
mod failure;
mod guard;
mod instances;
mod interpreter;
mod large_status;
pub mod limits;
mod names;
pub mod proto;
mod serve;
mod service;
mod sidecar;
mod start;
mod text;
mod workers;

pub use serve::{ServeError, ServeOptions, Server};
pub use sidecar::Sidecar;
