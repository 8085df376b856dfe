//! Activities with a tag, on a store that several hosts share. The owner of an instance sends their
//! calls into the queue of the tag; the hosts that declare it take them from there, run them, and send
//! back what becomes of them through the queue of the instance's shard.
//!
//! All of it follows from the log of the instance: what is lost here is sent again when the instance
//! comes into memory, so a call may arrive twice, and the log takes the first end of each attempt.

mod received_call;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub(crate) use receiver::TagReceiver;
pub(crate) use sender::TagSender;
