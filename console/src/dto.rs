//! What the API takes and gives: types for JSON, which programs in Rust can use as they are.
//!
//! Times are texts of RFC 3339 in UTC, with microseconds. Durations are numbers of milliseconds. Payloads are
//! the JSON values that they are.

mod attribute;
mod bulk;
mod change;
mod cluster;
mod converse;
mod doctor;
mod entity;
mod executions;
mod family;
mod filter;
mod history;
mod imported;
mod info;
mod instance;
mod items;
mod quarantine;
mod time;
mod timeline;
mod view;

pub use self::attribute::{
    InvalidAttribute, InvalidCondition, attribute_as_json, attribute_condition, attributes_of_json,
};
pub use self::bulk::{BulkAction, BulkPrepare, BulkPrepared, BulkProgress, BulkRun};
pub use self::change::{Done, Fork, Raise, Reason, Rewind, Start, StartEvent, Started};
pub use self::cluster::{Cluster, HostRow, Shard};
pub use self::converse::{
    AnswerKind, CompleteActivity, FailActivity, HeartbeatActivity, Published, PublishedValue,
    Update, UpdateAnswered,
};
pub use self::doctor::{Checked, FindingText};
pub use self::entity::{
    CallOperation, Entity, EntityList, EntityType, EntityTypes, LockHeld, SignalOperation,
    WaitingOperation,
};
pub use self::executions::{Execution, Executions};
pub use self::family::{
    Ancestor, Call, Cause, FailedCall, FailureChain, FailureLink, Tree, TreeNode,
};
pub use self::filter::Filter;
pub use self::history::{EventRow, HistoryPage};
pub use self::imported::Imported;
pub use self::info::{Action, Info, RegisteredOrchestration};
pub(crate) use self::instance::as_json;
pub use self::instance::{
    Count, Counts, InstanceList, InstanceRow, ListChange, OrchestrationCount, StateCount, StateText,
};
pub use self::items::{ItemPage, ItemRow, StreamBounds};
pub use self::quarantine::{QuarantineList, QuarantinedContent, QuarantinedMessage, Sender};
pub use self::time::{InvalidTime, Time};
pub use self::timeline::{Attempt, Span, SpanPage, Timeline};
pub use self::view::{
    BufferedEvent, ExecutionState, Failure, InstanceDetail, Listed, Mismatch, MismatchSide,
    OpenActivity, OpenChild, OpenLock, OpenMessage, OpenTimer, OpenUpdate, OpenWait, OutcomeOf,
    Parent, Parked, Rewound, Since, Stalled, StateAfter,
};
