//! Why an instance is parked, and what was expected and found where its code does not fit its log.

use std::time::Duration;

use reenact_core::{MalformedHistory, Name, Nondeterminism, Step, Version};
use serde::Serialize;

/// Why an instance is parked. Its log is as it was before the command that it could not take; after that, it
/// only says that the instance is parked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParkReason {
    /// The code does not do what the history says, or did what no history can repeat. Start a host
    /// with the code that made the history.
    #[error("{0}")]
    Nondeterministic(Nondeterminism),
    /// The history is one that no execution can have written.
    #[error("{0}")]
    Malformed(MalformedHistory),
    /// This host does not have the orchestration. The instance goes on by itself on a host that has it.
    #[error("orchestration `{name}` is not registered on this host; start one that has it")]
    UnknownOrchestration {
        /// The orchestration.
        name: Name,
    },
    /// This host has the orchestration, but not in the version that the instance is of. It goes on by
    /// itself on one that has it.
    #[error("orchestration `{name}` is not registered in version {version} on this host, {}; start one that has it", instead(.registered))]
    UnknownVersion {
        /// The orchestration.
        name: Name,
        /// The version of the instance; [`Version::NONE`] when it was started without one.
        version: Version,
        /// The versions that the host has, oldest first.
        registered: Vec<Version>,
    },
    /// The code called an activity that this host does not have, or waits for one. It goes on by itself on
    /// a host that has it.
    #[error("activity `{name}` is not registered on this host; start one that has it")]
    UnknownActivity {
        /// The activity.
        name: Name,
    },
    /// The host is [dormant](crate::HostOptions::dormant): it runs no code. The instance goes on by itself when
    /// a host with its code starts.
    #[error(
        "the host that took a command for it runs no code; it goes on when one with its code starts"
    )]
    Dormant,
    /// An import has brought its first turns, and not come to the last ones. It goes on once the same file is
    /// imported to its end.
    #[error("an import of it was broken off; import the same file again, or purge it")]
    Importing,
    /// What is stored does not decode.
    #[error(
        "its stored history is not readable; put back a good copy of the store, or terminate it: {reason}"
    )]
    Unreadable {
        /// What is wrong, and where.
        reason: String,
    },
    /// What is stored is encoded, and this host cannot decode it: it has not the codec or not the keys of the store
    /// ([`codec`](reenact_providers::codec)). Nothing is written to its log meanwhile. It goes on by itself on
    /// a host that has them.
    #[error(
        "its stored history cannot be decoded by this host; start one with the codec and the keys of the store: \
         {reason}"
    )]
    Undecodable {
        /// Why not, and where.
        reason: String,
    },
    /// The actor that runs the instance crashed again and again.
    #[error(
        "its actor crashed {times} times in a row; mend the cause and resume it. The last crash: {last}"
    )]
    Crashed {
        /// How often.
        times: u32,
        /// The last crash.
        last: String,
    },
    /// Host after host has died while its code ran, or was about to: by the code itself, or by what ran
    /// beside it. Its code does not run before somebody resumes it: mend it first. It can be terminated.
    #[error(
        "{times} hosts died while its code ran; mend it and resume the instance, or terminate it"
    )]
    HostDied {
        /// How many, since the code made a step.
        times: u32,
    },
    /// Another host has parked it, or this one before its last start; this host has not tried it since. The
    /// reason is from its log.
    #[error("{reason}")]
    Recorded {
        /// Why, as the other host has put it.
        reason: String,
    },
    /// Its code has held a thread of the host for longer than
    /// [`HostOptions::replace_threads_after`](crate::HostOptions::replace_threads_after), and that host has
    /// given up the thread. The code may still be running there, and nothing that it does since then counts. It
    /// does not run again on that host before somebody resumes the instance: mend it first. It can be
    /// terminated.
    #[error(
        "`{code}` blocked its thread for {blocked_for:?} without awaiting anything; mend it and resume the instance, \
         or terminate it"
    )]
    Stalled {
        /// The orchestration.
        code: Name,
        /// How long, when that was given up.
        blocked_for: Duration,
    },
}

/// The versions that the host has instead of the missing one.
pub(super) fn instead(registered: &[Version]) -> String {
    let registered: Vec<_> = registered.iter().map(Version::to_string).collect();
    format!("which has {}", registered.join(", "))
}

/// What a history has in a place, and what the code does there instead; or why no execution can have written
/// what is there. For people who compare the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The place in the history; the first event is 0.
    pub position: u64,
    /// What the history has; of a malformed one, what it could have.
    pub expected: MismatchSide,
    /// What the code does; of a malformed history, what it has.
    pub found: MismatchSide,
}

/// One side of a [`Mismatch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MismatchSide {
    /// In words.
    pub text: String,
    /// In its parts; `None` for a malformed history.
    pub step: Option<Step>,
}

impl ParkReason {
    /// What was expected and found, where the reason is that the two differ. That of another host, or from
    /// before the last start of this one, is known as a text only
    /// ([`Recorded`](Self::Recorded)).
    pub fn mismatch(&self) -> Option<Mismatch> {
        match self {
            Self::Nondeterministic(Nondeterminism { position, expected, found }) => {
                let side =
                    |step: &Step| MismatchSide { text: step.to_string(), step: Some(step.clone()) };
                Some(Mismatch { position: *position, expected: side(expected), found: side(found) })
            }
            Self::Malformed(MalformedHistory { position, expected, found }) => {
                let side = |text: &str| MismatchSide { text: text.to_owned(), step: None };
                Some(Mismatch { position: *position, expected: side(expected), found: side(found) })
            }
            Self::UnknownOrchestration { .. }
            | Self::UnknownVersion { .. }
            | Self::UnknownActivity { .. }
            | Self::Unreadable { .. }
            | Self::Undecodable { .. }
            | Self::Crashed { .. }
            | Self::HostDied { .. }
            | Self::Recorded { .. }
            | Self::Dormant
            | Self::Importing
            | Self::Stalled { .. } => None,
        }
    }

    /// Whether nothing can be written to the log, not even that the instance is parked.
    pub(crate) const fn takes_nothing(&self) -> bool {
        matches!(self, Self::Importing | Self::Undecodable { .. })
    }

    /// Which reason it is, in one word for programs: the name of the variant in lower case, with
    /// underscores, such as `unknown_activity`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nondeterministic(_) => "nondeterministic",
            Self::Malformed(_) => "malformed",
            Self::UnknownOrchestration { .. } => "unknown_orchestration",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::UnknownActivity { .. } => "unknown_activity",
            Self::Unreadable { .. } => "unreadable",
            Self::Undecodable { .. } => "undecodable",
            Self::Crashed { .. } => "crashed",
            Self::HostDied { .. } => "host_died",
            Self::Recorded { .. } => "recorded",
            Self::Dormant => "dormant",
            Self::Importing => "importing",
            Self::Stalled { .. } => "stalled",
        }
    }
}
