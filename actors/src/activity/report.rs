//! Reports of an attempt that came through the queue of a tag.

use std::fmt;

use reenact_core::{ActivityError, Payload};
use tokio::sync::mpsc;

/// What becomes of an attempt that came through the queue of a tag, as it runs here.
#[derive(Debug)]
pub(crate) enum Report {
    /// How far it is.
    Heartbeat(Payload),
    /// It has ended.
    Ended {
        result: Result<Payload, ActivityError>,
        /// The details of its last heartbeat, where it failed and they are not on their way already.
        details: Option<Payload>,
        /// Held until the end is durable: before that the attempt is not taken again.
        known: Box<dyn fmt::Debug + Send + Sync>,
    },
    /// Nobody waits for it any more.
    Unwanted,
    /// It was cut off, or will not begin: another host may take it.
    Left,
}

/// Never full: heartbeats are far apart, and all else comes once.
pub(crate) type ReportSender = mpsc::UnboundedSender<Report>;
