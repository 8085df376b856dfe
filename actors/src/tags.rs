//! Activities with a tag, on a store that several hosts share. The owner of an instance sends their
//! calls into the queue of the tag; the hosts that declare it take them from there, run them, and send
//! back what becomes of them through the queue of the instance's shard.
//!
//! All of it follows from the log of the instance: what is lost here is sent again when the instance
//! comes into memory, so a call may arrive twice, and the log takes the first end of each attempt.

mod posts;
mod run;
mod takers;
#[cfg(test)]
mod tests;

use reenact_core::{ActivityError, Payload};
use tokio::sync::mpsc;

use crate::workers::KnownCall;

pub(crate) use posts::Posts;
pub(crate) use takers::Takers;

/// What becomes of an attempt that came through the queue of a tag, as it runs here.
#[derive(Debug)]
pub(crate) enum News {
    /// How far it is.
    Heartbeat(Payload),
    /// It has ended. It is not taken again before that is durable.
    Ended { result: Result<Payload, ActivityError>, known: KnownCall },
    /// Nobody waits for it any more.
    Unwanted,
    /// It was cut off, or will not begin: another host may take it.
    Left,
}

/// Never full: heartbeats are far apart, and all else comes once.
pub(crate) type NewsSender = mpsc::UnboundedSender<News>;
