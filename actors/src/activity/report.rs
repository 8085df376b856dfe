//! Reports of an attempt that came through the queue of a tag.

use std::fmt;

use reenact_core::{ActivityError, Payload};
use tokio::sync::mpsc;

/// A report of an attempt that came through the queue of a tag and runs here.
#[derive(Debug)]
pub(crate) enum Report {
    /// The details of a heartbeat.
    Heartbeat(Payload),
    /// The attempt has ended.
    Ended {
        result: Result<Payload, ActivityError>,
        /// The details of its last heartbeat, if it failed and they were not sent before.
        details: Option<Payload>,
        /// Kept until the end is durable: before that the attempt is not taken again.
        known: Box<dyn fmt::Debug + Send + Sync>,
    },
    /// The call was cancelled.
    Unwanted,
    /// The attempt was cut off, or will not begin: another host may take it.
    Left,
}

/// Unbounded, which is safe: heartbeats are far apart, and each other report comes once.
pub(crate) type ReportSender = mpsc::UnboundedSender<Report>;
