//! What became of a message from a queue.

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its effect is durable, or it has none and never will: it leaves the queue.
    Done,
    /// It comes again.
    Again,
    /// It can never be taken: it goes into quarantine.
    Refused(String),
}
