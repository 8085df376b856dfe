//! Spans of OpenTelemetry: one trace from the request that starts an order to its last activity, through restarts
//! and other hosts.

#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

mod collector;
mod commands;
mod continued;
mod killed;
mod order;
mod orders;
mod others;
mod otlp;
mod rewound;
