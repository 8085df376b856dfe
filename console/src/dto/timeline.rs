//! The time that an instance took, as spans.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InstanceRow, Time};

/// What the newest execution of an instance did, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// What lists show of the instance.
    pub instance: InstanceRow,
    /// The spans.
    #[serde(flatten)]
    pub spans: SpanPage,
    /// Why the log could not be read to its end; then the spans are of what could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// A page of spans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpanPage {
    /// The time of the first event.
    pub begin: Time,
    /// The time of the last event: what is open goes on after it.
    pub at: Time,
    /// When the execution ended; absent when it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// For how long at least one attempt of an activity was under way, in milliseconds. The rest of the time was spent
    /// waiting.
    pub running_ms: u64,
    /// The spans, in the order in which they began.
    pub spans: Vec<Span>,
    /// How many there are in all.
    pub total: u64,
    /// How many of them began before those that are here.
    pub before: u64,
    /// The `from` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Something that an execution did or waited for, from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Span {
    /// `activity`, `timer`, `wait`, `child`, `event`, `start`, `send`, `suspended`, `parked`, `cancel`, `rewind` or
    /// `renewal`.
    pub kind: String,
    /// The position of the event that began it.
    pub position: u64,
    /// Its correlation id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// The name of the activity, the event, or the child's orchestration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it began.
    pub begin: Time,
    /// When it ended; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// The position of the event that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_position: Option<u64>,
    /// How it ended: `open`, `completed`, `failed`, `cancelled`, `overtaken` or `instant`.
    pub outcome: String,
    /// What it failed with; why it was suspended, parked, cancelled or rewound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of an activity or a child: its attempts, the last ones. Between two of them it waited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// How many attempts before them are left out.
    pub attempts_left_out: u64,
    /// For how long an attempt of an activity was under way, in milliseconds.
    pub running_ms: u64,
    /// The child, or the other instance that was started or sent an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Of a timer: when it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fire_at: Option<Time>,
    /// Of a wait: the position of the external event that came for it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u64>,
    /// Of an activity: which hosts may run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether it is an activity that runs within the turns of its instance.
    pub local: bool,
    /// Whether a cancel came while it was open: then it ended there unless it is shielded.
    pub in_doubt: bool,
}

/// An attempt of an activity or a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Its number; the first is 1.
    pub attempt: u32,
    /// When it began.
    pub begin: Time,
    /// When it ended; absent while it is under way, or to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Time>,
    /// Whether it failed.
    pub failed: bool,
    /// What it failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
