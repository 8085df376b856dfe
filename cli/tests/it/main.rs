//! The command line, run as people and programs run it: on stores with and without a host.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

mod support;

mod arguments;
mod azure;
mod changes;
mod conversing;
mod encrypted;
mod entities;
mod forms;
mod reading;
mod serving;
mod streams;
mod transfer;
mod with_host;
