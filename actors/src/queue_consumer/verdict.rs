//! What became of a message from a queue.

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its effect is durable, or it never has one: the message leaves the queue.
    Done,
    /// The message is delivered again.
    Again,
    /// The message can never be accepted: it goes into quarantine.
    Refused(Refusal),
}

/// Why a message can never be accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// For people.
    pub(super) reason: String,
    /// For the program that sent it, where that can know it by type; otherwise empty.
    pub(super) details: String,
}
