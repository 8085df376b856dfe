//! An attempt whose end is on its way to the log.

use std::fmt;
use std::sync::Arc;

use reenact_core::{Payload, Timestamp};

use super::calls::Calls;
use super::context::ActivityContext;
use crate::metrics::Label;

/// Kept for an attempt whose end was reported. Until it is dropped, the attempt does not run again: it
/// is dropped when the end is durable and the run has ended, so that the run can still be cut off.
pub(crate) struct EndedCall {
    calls: Arc<Calls>,
    context: ActivityContext,
}

impl EndedCall {
    pub(crate) fn new(calls: &Arc<Calls>, context: &ActivityContext) -> Self {
        Self { calls: calls.clone(), context: context.clone() }
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.context.attempt()
    }

    /// The label of the activity and when the attempt began, for the metrics: its call is counted.
    pub(crate) fn counted(&self) -> (Label, Timestamp) {
        self.context.is_counted();
        (self.context.label(), self.context.began())
    }

    /// The details of the last heartbeat, unless they were sent before.
    pub(crate) fn take_details(&self) -> Option<Payload> {
        self.context.pulse().take_kept()
    }
}

impl Drop for EndedCall {
    fn drop(&mut self) {
        self.calls.let_go(&self.context);
    }
}

impl fmt::Debug for EndedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context.fmt(f)
    }
}
