//! Looks into instances without their code: pages of a history, and what an instance is doing and waits for.

mod cursor;
mod history;
mod view;

pub use crate::error::{Mismatch, MismatchSide};
pub use cursor::{HistoryCursor, InvalidCursor};
pub use history::{HistoryPage, PlacedEvent};
pub use reenact_core::{
    ExecutionView, Listed, Since, ViewedActivity, ViewedChild, ViewedEvent, ViewedMessage,
    ViewedRewind, ViewedTimer, ViewedWait,
};
pub use view::{InstanceView, StateAfter, ViewedPark};
