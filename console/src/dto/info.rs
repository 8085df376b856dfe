//! What the console is, and what it allows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the console is, and what it allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Info {
    /// The version of reenact.
    pub version: String,
    /// Whether everything that would change something is refused.
    pub read_only: bool,
    /// Whether the console is on a host; otherwise it reaches hosts by the queues of a shared store, or only reads.
    pub has_host: bool,
    /// The orchestrations that the host has, ordered by name; empty without a host.
    pub orchestrations: Vec<RegisteredOrchestration>,
    /// What the console lets one do.
    pub allowed: Vec<Action>,
}

/// An orchestration that the host has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegisteredOrchestration {
    /// Its name.
    pub name: String,
    /// Its versions, oldest first.
    pub versions: Vec<String>,
}

/// Something that one can do to instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Start a new one.
    Start,
    /// Raise an event on it.
    Raise,
    /// Ask it to end.
    Cancel,
    /// Stop its code until it is resumed.
    Suspend,
    /// Let its code go on.
    Resume,
    /// End it without asking its code.
    Terminate,
    /// Take it back to before an event.
    Rewind,
    /// Remove it with its history.
    Purge,
    /// Begin a new instance with its history.
    Fork,
}

impl Action {
    /// All that there are.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Raise,
        Self::Cancel,
        Self::Suspend,
        Self::Resume,
        Self::Terminate,
        Self::Rewind,
        Self::Purge,
        Self::Fork,
    ];

    /// Its name, as it is written in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Raise => "raise",
            Self::Cancel => "cancel",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Terminate => "terminate",
            Self::Rewind => "rewind",
            Self::Purge => "purge",
            Self::Fork => "fork",
        }
    }
}
