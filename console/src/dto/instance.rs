//! Instances, in lists and one by one.

use reenact_core::Attributes;
use reenact_providers::{InstanceCounts, InstanceState, InstanceSummary, StateCounts};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Time;
use crate::limits::MAX_COUNTED_ORCHESTRATIONS;

/// The state of an instance: in JSON its name in small letters, such as `running`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ToSchema)]
#[schema(value_type = String, examples("running", "parked"))]
pub struct StateText(pub InstanceState);

impl StateText {
    /// Its name in small letters.
    pub fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }
}

impl Serialize for StateText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl<'de> Deserialize<'de> for StateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        InstanceState::deserialize(deserializer).map(Self)
    }
}

/// What a list shows of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceRow {
    /// Its id.
    pub id: String,
    /// The number of its newest execution; the first is 1.
    pub execution: u32,
    /// The name of its orchestration.
    pub orchestration: String,
    /// Its state.
    pub state: StateText,
    /// When it was started.
    pub created_at: Time,
    /// When something happened to it last; of a finished one, when it finished.
    pub updated_at: Time,
    /// Turns in the history of its newest execution.
    pub turns: u64,
    /// Events in the history of its newest execution.
    pub events: u64,
    /// Whether it has finished.
    pub is_finished: bool,
    /// Whether it has finished and nobody needs it any more: it can be purged.
    pub can_be_purged: bool,
    /// Its attributes, where the store shows them: texts, numbers and bools are what they are, timestamps are texts of
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
}

impl From<&InstanceSummary> for InstanceRow {
    fn from(summary: &InstanceSummary) -> Self {
        Self {
            id: summary.instance.to_string(),
            execution: summary.execution.0,
            orchestration: summary.name.to_string(),
            state: StateText(summary.state),
            created_at: summary.created_at.into(),
            updated_at: summary.updated_at.into(),
            turns: summary.turns,
            events: summary.events,
            is_finished: summary.state.is_finished(),
            can_be_purged: summary.is_over(),
            attributes: as_json(&summary.attributes),
        }
    }
}

/// Attributes as people and programs read them.
pub(crate) fn as_json(attributes: &Attributes) -> Map<String, Value> {
    let values = attributes.iter().map(|(name, value)| {
        let value = serde_json::to_value(value).unwrap_or_default();
        (name.to_string(), value)
    });
    values.collect()
}

/// A page of a list, ordered by id; or the first by the time of their last event, where these were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceList {
    /// The instances.
    pub instances: Vec<InstanceRow>,
    /// The `after` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How many instances pass a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// How many.
    pub count: u64,
}

/// How many instances there are, by state and by orchestration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Of each state, in the order in which states come into being.
    pub states: Vec<StateCount>,
    /// Of all states.
    pub total: u64,
    /// Of each orchestration, those with the most instances first: the first thousand.
    #[serde(default)]
    pub orchestrations: Vec<OrchestrationCount>,
    /// How many orchestrations are left out.
    #[serde(default)]
    pub more_orchestrations: u64,
}

/// How many instances there are of one orchestration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrchestrationCount {
    /// Its name.
    pub orchestration: String,
    /// Of all states.
    pub total: u64,
    /// Of each state of which there are any.
    pub states: Vec<StateCount>,
}

impl From<&InstanceCounts> for Counts {
    fn from(counts: &InstanceCounts) -> Self {
        let of_states = |counts: StateCounts| {
            let all = InstanceState::ALL.iter();
            all.map(move |state| StateCount { state: StateText(*state), count: counts.of(*state) })
        };
        let named = counts.orchestrations().map(|(name, counts)| OrchestrationCount {
            orchestration: name.to_string(),
            total: counts.total(),
            states: of_states(counts).filter(|of| of.count > 0).collect(),
        });
        let mut orchestrations: Vec<_> = named.collect();
        orchestrations.sort_by_key(|of| std::cmp::Reverse(of.total));
        let left_out = orchestrations.len().saturating_sub(MAX_COUNTED_ORCHESTRATIONS);
        orchestrations.truncate(MAX_COUNTED_ORCHESTRATIONS);
        let all = counts.all();
        Self {
            states: of_states(all).collect(),
            total: all.total(),
            orchestrations,
            more_orchestrations: left_out as u64,
        }
    }
}

/// How many instances there are of one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateCount {
    /// The state.
    pub state: StateText,
    /// How many.
    pub count: u64,
}

/// What is new on a page of a list that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListChange {
    /// The instances that are new on the page, or have changed.
    pub changed: Vec<InstanceRow>,
    /// The ids of those that are no longer on it.
    pub gone: Vec<String>,
    /// The `after` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
