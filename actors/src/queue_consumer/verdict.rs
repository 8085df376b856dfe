//! What became of a message from a queue.

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its effect is durable, or it never has one: the message leaves the queue.
    Done,
    /// The message is delivered again.
    Again,
    /// The message can never be accepted: it goes into quarantine.
    Refused(String),
}
