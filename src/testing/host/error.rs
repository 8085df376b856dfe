//! Why a test host does not start.

use std::fmt;

use reenact_actors::{Error, NoDouble};
use reenact_core::InvalidName;

use crate::testing::double::Kind;

/// Why a [`TestHost`](super::TestHost) does not start. Its `Debug` is its text, so that an `unwrap` reads well.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TestHostError {
    /// Time is not virtual here.
    #[error("{why}")]
    NotVirtual {
        /// What is missing, and what to do.
        why: String,
    },
    /// There is a double for what the host does not have.
    #[error(
        "there is a double for the {kind} `{name}`, and the host has none of that name: register it, or correct the name; it \
         has {}",
        listed(registered)
    )]
    NotRegistered {
        /// `activity` or `orchestration`.
        kind: String,
        /// The name.
        name: String,
        /// Those that the host has.
        registered: Vec<String>,
    },
    /// A double takes or returns something else than what it stands for.
    #[error(
        "the double of the {kind} `{name}` is {double}, and what the host has is {registered}: give it the same types"
    )]
    OtherTypes {
        /// `activity` or `orchestration`.
        kind: String,
        /// The name.
        name: String,
        /// The types of what is registered.
        registered: String,
        /// The types of the double.
        double: String,
    },
    /// There are two doubles of one thing.
    #[error("the {kind} `{name}` has two doubles: which answers? Give one double a longer script")]
    DoubledTwice {
        /// `activity` or `orchestration`.
        kind: String,
        /// The name.
        name: String,
    },
    /// The name of a double is none.
    #[error("a double has an invalid name: {source}")]
    InvalidName {
        /// What is wrong with it.
        #[source]
        source: InvalidName,
    },
    /// The host does not start.
    #[error("the host does not start: {0}")]
    Host(#[source] Error),
}

impl TestHostError {
    pub(super) fn no_double(kind: Kind, name: String, why: NoDouble) -> Self {
        let kind = kind.to_string();
        match why {
            NoDouble::InvalidName(source) => Self::InvalidName { source },
            NoDouble::NotRegistered { registered } => {
                let registered = registered.iter().map(ToString::to_string).collect();
                Self::NotRegistered { kind, name, registered }
            }
            NoDouble::OtherTypes { registered, double } => {
                let (registered, double) = (registered.to_string(), double.to_string());
                Self::OtherTypes { kind, name, registered, double }
            }
        }
    }
}

impl From<Error> for TestHostError {
    fn from(error: Error) -> Self {
        Self::Host(error)
    }
}

impl fmt::Debug for TestHostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none at all".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
