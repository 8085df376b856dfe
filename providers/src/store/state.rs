//! The states of instances, and how they are written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The state of an instance, by its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstanceState {
    /// It goes on, or waits.
    Running,
    /// It returned a value.
    Completed,
    /// It returned an error, panicked, or passed a limit.
    Failed,
    /// Somebody terminated it.
    Terminated,
    /// Somebody cancelled it, and its code ended for that.
    Cancelled,
    /// It is unfinished, and does not go on until somebody resumes it.
    Suspended,
    /// It is unfinished, and cannot go on: its code does not fit its log, or is not there. It goes on
    /// by itself once a host has code that fits.
    Parked,
    /// An import has brought its first turns, and not come to the last ones. Nothing happens to it before the same
    /// import has ended.
    Importing,
}

impl InstanceState {
    /// Whether its code has come to its end.
    pub const fn is_finished(self) -> bool {
        !matches!(self, Self::Running | Self::Suspended | Self::Parked | Self::Importing)
    }
}

/// How states are stored.
#[cfg(feature = "journal")]
impl InstanceState {
    /// All states by their number. Never changed; new ones go to the end.
    pub(crate) const BY_NUMBER: [Self; 8] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Terminated,
        Self::Cancelled,
        Self::Suspended,
        Self::Parked,
        Self::Importing,
    ];

    /// A match, so that a new state asks for its number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Running => 0,
            Self::Completed => 1,
            Self::Failed => 2,
            Self::Terminated => 3,
            Self::Cancelled => 4,
            Self::Suspended => 5,
            Self::Parked => 6,
            Self::Importing => 7,
        }
    }

    /// `None` when there is no such state.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::BY_NUMBER.get(usize::from(number)).copied()
    }
}

/// A text is no state of an instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of an instance; the states are {states}", states = all())]
pub struct UnknownState(String);

impl InstanceState {
    /// All that there are, in the order in which they came into being.
    pub const ALL: &'static [Self] = &[
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Terminated,
        Self::Cancelled,
        Self::Suspended,
        Self::Parked,
        Self::Importing,
    ];

    /// Its name, as it is written in code: `Running`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Terminated => "Terminated",
            Self::Cancelled => "Cancelled",
            Self::Suspended => "Suspended",
            Self::Parked => "Parked",
            Self::Importing => "Importing",
        }
    }
}

fn all() -> String {
    let names: Vec<_> = InstanceState::ALL.iter().map(|state| state.name()).collect();
    names.join(", ")
}

/// Its [name](InstanceState::name).
impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// By its [name](InstanceState::name), in capital or small letters.
impl FromStr for InstanceState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let named = Self::ALL.iter().find(|state| state.name().eq_ignore_ascii_case(text));
        named.copied().ok_or_else(|| UnknownState(text.to_string()))
    }
}

/// As its [name](InstanceState::name).
impl Serialize for InstanceState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for InstanceState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_from_what_it_shows_itself_as() {
        for &state in InstanceState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
            assert_eq!(state.to_string().to_lowercase().parse(), Ok(state));
            assert_eq!(format!("{state:?}"), state.to_string());
        }
        let unknown = "asleep".parse::<InstanceState>().unwrap_err();
        assert!(unknown.to_string().starts_with("`asleep` is no state"), "{unknown}");
        assert!(unknown.to_string().contains("Running, Completed"), "{unknown}");
    }
}
