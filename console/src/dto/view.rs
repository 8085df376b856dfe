//! How an instance is, now or after an event of its history: what is open, what it waits for, and why.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Action, EventRow, InstanceRow, StreamBounds, Time};

/// One instance: how it is, why it waits, and what can be done to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InstanceDetail {
    /// What lists show of it.
    #[serde(flatten)]
    pub row: InstanceRow,
    /// The shard that it belongs to.
    pub shard: u32,
    /// Whether its shard is up on the host that has answered.
    pub is_here: bool,
    /// Whether it is in memory there.
    pub in_memory: bool,
    /// How its newest execution is, by its log.
    pub view: ExecutionState,
    /// Why its log could not be read to the end; `view` has what could be read then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// Why it cannot go on, if it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
    /// Its code, or an activity that it has called, where that blocks its thread on the host that has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<Stalled>,
    /// What can be done to it now.
    pub actions: Vec<Action>,
}

/// How an instance was directly after an event of its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StateAfter {
    /// The event; absent where a later one superseded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventRow>,
    /// The position that was asked for.
    pub position: u64,
    /// The turn that the event is in.
    pub turn: u64,
    /// When it happened.
    pub at: Time,
    /// Events in the history by now: positions are below this, unless events were superseded.
    pub events: u64,
    /// The `from` at which a page of the history begins with this event.
    pub from: String,
    /// How the execution was then.
    pub view: ExecutionState,
}

/// How an execution is after an event of its log, as its log alone knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExecutionState {
    /// Its orchestration; absent before its first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orchestration: Option<String>,
    /// The version of the orchestration; absent when it was started without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// What its code was given.
    #[serde(default)]
    pub input: Value,
    /// Who started it, if another instance did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The time of the last event.
    pub at: Time,
    /// Events so far, with those that later ones have superseded: the position of the next one.
    pub events: u64,
    /// Turns so far.
    pub turns: u64,
    /// What the code set as its status last; absent when it has set none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
    /// When it set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_since: Option<Time>,
    /// The values that the code has published, by their names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub published: Map<String, Value>,
    /// The streams that it emits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamBounds>,
    /// The attributes of the instance: texts, numbers and bools are what they are, timestamps are texts of RFC 3339.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
    /// The patches that the code goes by.
    pub patches: Vec<String>,
    /// How often the code has gone on as new in this log.
    pub renewals: u64,
    /// When this execution fails for its time limit, if it has one and has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_ends_at: Option<Time>,
    /// When the instance fails for the time limit of all its executions, if it has one and has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ends_at: Option<Time>,
    /// The newest rewind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewound: Option<Rewound>,
    /// The instance of which it is a fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<String>,
    /// That it is suspended, since when and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Since>,
    /// That it is parked, since when and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Since>,
    /// That somebody asked it to end, since when and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<Since>,
    /// How it ended, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeOf>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// The activities that are open.
    pub activities: Listed<OpenActivity>,
    /// The timers that have not fired.
    pub timers: Listed<OpenTimer>,
    /// The waits for external events for which none has come.
    pub waits: Listed<OpenWait>,
    /// The external events that no wait has taken.
    pub buffered: Listed<BufferedEvent>,
    /// The children that are open.
    pub children: Listed<OpenChild>,
    /// The updates to other instances that have no answer.
    #[serde(default)]
    pub updates: Listed<OpenUpdate>,
    /// The locks of other instances that it holds or waits for.
    #[serde(default)]
    pub locks: Listed<OpenLock>,
    /// The messages that are under way to other instances, the first one for each.
    pub messages: Listed<OpenMessage>,
}

/// The first of several things, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listed<T> {
    /// The first hundred.
    pub items: Vec<T>,
    /// How many there are, with those that are left out.
    pub total: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { items: Vec::new(), total: 0 }
    }
}

/// Who started an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Parent {
    /// The instance that did.
    pub instance: String,
    /// The correlation id of the call in its history.
    pub id: u64,
    /// Which attempt of the call this is; the first is 1.
    pub attempt: u32,
    /// How deep children are nested here; 0 for one that is nobody's child.
    pub depth: u32,
}

/// Since when something is so, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Since {
    /// Since when.
    pub at: Time,
    /// The place of the event that says so.
    pub position: u64,
    /// Why, in the words of the caller, or of the host.
    pub reason: String,
}

/// A rewind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rewound {
    /// When, where, and why.
    #[serde(flatten)]
    pub since: Since,
    /// Events that were undone.
    pub dropped: u64,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutcomeOf {
    /// `completed`, `failed`, `terminated`, `cancelled`, or `continued` for one that goes on in its next execution.
    pub kind: String,
    /// What it returned, of one that completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// What it failed with, of one that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Why, in the words of the caller, of one that was terminated or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the next execution is given, of one that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}

/// What an activity, a child or an orchestration failed with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// What sort of failure it is, such as `retryable`, `fatal` or `panicked`.
    pub kind: String,
    /// What went wrong, for people.
    pub message: String,
    /// The errors that led to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// A value for code.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

/// An activity that was scheduled and is not complete: it waits for a place, runs, or waits for its next attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenActivity {
    /// Its correlation id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The place of its schedule.
    pub position: u64,
    /// When it was scheduled.
    pub since: Time,
    /// Which hosts may run it: those that declare this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether it runs within the turns of its instance.
    pub local: bool,
    /// The attempt that is under way or comes next; the first is 1.
    pub attempt: u32,
    /// Most attempts; absent when it has no retry policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// What the attempt before it failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Failure>,
    /// When the attempt begins, or, if that is over, when it began; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_at: Option<Time>,
    /// When all of it must be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// The details of its newest heartbeat that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Value>,
    /// When that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_at: Option<Time>,
    /// Whether the attempt has returned, and is completed from outside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferred: bool,
    /// How many hosts are known to have died while an attempt of it ran.
    pub hosts_died: u32,
    /// Whether a cancel has come since it was scheduled: then it has ended unless it is shielded.
    pub in_doubt: bool,
}

/// A timer that has not fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenTimer {
    /// Its correlation id; 0 for the one that lets the code begin.
    pub id: u64,
    /// The place of the event that set it.
    pub position: u64,
    /// When it was set.
    pub since: Time,
    /// When it fires.
    pub fire_at: Time,
    /// Whether a cancel has come since: then it never fires unless it is shielded.
    pub in_doubt: bool,
}

/// A wait for an external event that has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenWait {
    /// Its correlation id.
    pub id: u64,
    /// The event that it waits for.
    pub name: String,
    /// The place of its beginning.
    pub position: u64,
    /// Since when.
    pub since: Time,
    /// Whether a cancel has come since: then it is over unless it is shielded.
    pub in_doubt: bool,
}

/// An external event that came and was not taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BufferedEvent {
    /// Its name.
    pub name: String,
    /// Its place.
    pub position: u64,
    /// When it came.
    pub at: Time,
    /// The size of what it carries, in bytes.
    pub bytes: u64,
    /// What it carries; absent where it is in the history only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The correlation id of the wait that it is there for; absent when nobody waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited_by: Option<u64>,
    /// Whether that wait may have ended with a cancel.
    pub in_doubt: bool,
}

/// A child that was called and has not ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenChild {
    /// The correlation id of the call.
    pub id: u64,
    /// The orchestration's name.
    pub name: String,
    /// The instance of the attempt that is under way or comes next.
    pub instance: String,
    /// That attempt; the first is 1.
    pub attempt: u32,
    /// What the attempt before it failed with, by the kind of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Value>,
    /// When the code of the attempt runs, or, if that is over, when it began to; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_at: Option<Time>,
    /// When it was called.
    pub since: Time,
    /// The place of its call.
    pub position: u64,
    /// Whether a cancel has come since it was called, and it may no longer be waited for.
    pub in_doubt: bool,
}

/// An update that was sent to another instance and has no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenUpdate {
    /// Its correlation id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The operation that it asks for, where it is for an entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The instance that it is for.
    pub to: String,
    /// The place of its sending.
    pub position: u64,
    /// When it was sent.
    pub since: Time,
    /// What it carries.
    #[serde(default)]
    pub data: Value,
    /// Whether a cancel has come since: then it is not waited for any more unless it is shielded.
    pub in_doubt: bool,
}

/// The lock of another instance, which an instance holds or waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenLock {
    /// Its correlation id.
    pub id: u64,
    /// The correlation id of the first that was asked for together with it: those are given back together.
    pub lock: u64,
    /// The instance whose lock it is.
    pub of: String,
    /// The place of its request.
    pub position: u64,
    /// Since when it was asked for.
    pub since: Time,
    /// Since when it is held; absent while it is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_at: Option<Time>,
    /// Whether it was given back because the instance was parked or rewound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

/// A message to another instance that is not known to have arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenMessage {
    /// The correlation id of what it follows from.
    pub id: u64,
    /// `start`, `cancel`, `event`, `result`, `command`, `update` or `return`.
    pub kind: String,
    /// The instance that it is for.
    pub to: String,
}

/// Why an instance cannot go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Parked {
    /// Since when, where its log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// What sort of reason it is, such as `nondeterministic` or `unknown_orchestration`.
    pub kind: String,
    /// Why, and what to do about it.
    pub reason: String,
    /// What the history has and what the code does there, where the two differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<Mismatch>,
}

/// What a history has in a place, and what the code does there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Mismatch {
    /// The place in the history.
    pub position: u64,
    /// What the history has.
    pub expected: MismatchSide,
    /// What the code does.
    pub found: MismatchSide,
}

/// One side of a mismatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MismatchSide {
    /// In words.
    pub text: String,
    /// In its parts, where it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Value>,
}

/// Code that blocks its thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stalled {
    /// The instance whose code it is, or that called the activity.
    pub instance: String,
    /// The name of the orchestration or the activity.
    pub code: String,
    /// Whether the code is an activity.
    pub is_activity: bool,
    /// Since when it has blocked its thread.
    pub since: Time,
}
