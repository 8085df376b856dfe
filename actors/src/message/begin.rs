//! How an actor begins with its instance: from a start, or from the log.

/// How an actor begins with its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The first message starts it, under an id that was made for it.
    Fresh,
    /// The first message starts it, if its id is free.
    Claim,
    /// From the log.
    Activate,
    /// From the log, as its host starts: an earlier host may have died of it.
    Recover,
    /// Like [`Activate`](Self::Activate), for a caller that resumes the instance.
    Resume,
}
