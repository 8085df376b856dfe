//! Activities with a tag, on a store that several hosts share. The owner of an instance sends their
//! calls to the queue of the tag. The hosts that declare the tag receive them from there, run them, and
//! send the results and heartbeats back through the queue of the instance's shard.
//!
//! Everything here follows from the log of the instance. A call that is lost is sent again when the
//! instance comes into memory, so it may arrive twice; the log accepts the first end of each attempt.

mod received_call;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub(crate) use receiver::TagReceiver;
pub(crate) use sender::TagSender;
