//! States as texts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::InstanceState;

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
