//! What the API takes and gives: types for JSON, which programs in Rust can use as they are.
//!
//! Times are texts of RFC 3339 in UTC, with microseconds. Durations are numbers of milliseconds. Payloads are
//! the JSON values that they are.

mod change;
mod history;
mod info;
mod instance;
mod time;

pub use self::change::{Done, Raise, Reason, Rewind, Start, StartEvent, Started};
pub use self::history::{EventRow, HistoryPage};
pub use self::info::{Action, Info, RegisteredOrchestration};
pub use self::instance::{
    Count, Counts, InstanceDetail, InstanceList, InstanceRow, StateCount, StateText,
};
pub use self::time::Time;
