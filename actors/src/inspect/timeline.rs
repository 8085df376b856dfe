//! The timeline of an execution.

use reenact_core::limits::MAX_SPANS_VIEWED;
use reenact_core::{ExecutionId, InstanceId, Timeline, TimelineBuilder};
use reenact_providers::InstanceSummary;
use serde::Serialize;

use crate::error::Result;
use crate::store::Store;

/// The timeline of an execution of an instance, as far as it is durable.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct InstanceTimeline {
    /// What the store says of the instance, in that execution.
    pub summary: InstanceSummary,
    /// The spans.
    pub timeline: Timeline,
    /// Why its log cannot be read to its end, if it cannot: then the spans are of the turns before that.
    pub unreadable: Option<String>,
}

impl Store {
    pub(crate) async fn timeline(
        &self,
        instance: &InstanceId,
        execution: Option<ExecutionId>,
        from_position: u64,
        limit: usize,
    ) -> Result<InstanceTimeline> {
        let limit = limit.clamp(1, MAX_SPANS_VIEWED);
        let begin = || TimelineBuilder::new(instance.clone(), from_position, limit);
        let folded = self.fold(instance, execution, begin, TimelineBuilder::apply).await?;
        Ok(InstanceTimeline {
            summary: folded.summary,
            timeline: folded.fold.finish(),
            unreadable: folded.unreadable,
        })
    }
}
