//! What one instance asks of another, besides events.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::command::Command;

/// What the code of one instance asks of another one.
///
/// Stored as it is here: kinds are added at the end, and never removed or reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum InstanceCommand {
    /// Ask its code to end.
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// End now, without asking its code.
    Terminate {
        /// Why, for people.
        reason: String,
    },
    /// Stop its code until it is resumed.
    Suspend {
        /// Why, for people.
        reason: String,
    },
    /// Let its code go on.
    Resume,
}

impl InstanceCommand {
    /// What it is, in one word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cancel { .. } => "cancel",
            Self::Terminate { .. } => "terminate",
            Self::Suspend { .. } => "suspend",
            Self::Resume => "resume",
        }
    }

    /// Why, in the words of the code that asks.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Cancel { reason } | Self::Terminate { reason } | Self::Suspend { reason } => {
                Some(reason)
            }
            Self::Resume => None,
        }
    }
}

impl From<InstanceCommand> for Command {
    fn from(command: InstanceCommand) -> Self {
        match command {
            InstanceCommand::Cancel { reason } => Self::Cancel { reason },
            InstanceCommand::Terminate { reason } => Self::Terminate { reason },
            InstanceCommand::Suspend { reason } => Self::Suspend { reason },
            InstanceCommand::Resume => Self::Resume,
        }
    }
}

/// The word, and why.
impl fmt::Display for InstanceCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.reason().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}
