//! Looks into instances without their code: pages of a history, what an instance is doing and waits for, its
//! timeline, its parents and children, why it failed; and who has which shard.

mod cursor;
mod executions;
mod failure;
mod fold;
mod history;
mod published;
mod shards;
mod streams;
mod timeline;
mod tree;
mod updates;
mod view;

pub use crate::error::{Mismatch, MismatchSide};
pub use cursor::{HistoryCursor, InvalidCursor};
pub use executions::{ExecutionEnding, ExecutionInfo};
pub use failure::FailureLink;
pub use history::{HistoryPage, PlacedEvent};
pub use reenact_core::{
    AttemptSpan, CalledChild, ChildEnd, ExecutionView, FailedCall, FailureCause, Listed, Since,
    Span, SpanEnd, SpanKind, StreamBounds, Timeline, ViewedActivity, ViewedChild, ViewedEvent,
    ViewedLock, ViewedMessage, ViewedRewind, ViewedTimer, ViewedUpdate, ViewedWait,
};
pub use reenact_providers::SharingHost;
pub use shards::ShardInfo;
pub use streams::StreamPage;
pub(crate) use streams::StreamPlace;
pub use timeline::InstanceTimeline;
pub use tree::{Ancestor, InstanceTree, TreeNode};
pub(crate) use updates::UpdateRead;
pub use view::{InstanceView, StateAfter, ViewedPark};
