//! A dropped future of something open, for which nothing is recorded yet.

use alloc::collections::VecDeque;

use crate::correlation_buffer::Scheduled;
use crate::event::Event;
use crate::ids::CorrelationId;

/// Something open whose future was dropped, of which nothing is recorded yet.
pub(super) struct PendingDrop {
    pub(super) id: CorrelationId,
    pub(super) scheduled: Scheduled,
}

impl PendingDrop {
    /// What is recorded when the code goes on.
    pub(super) fn event(&self) -> Option<Event> {
        let id = self.id;
        match self.scheduled {
            Scheduled::Task { .. } => Some(Event::TaskCancelRequested { id }),
            Scheduled::Timer { .. } => Some(Event::TimerCancelled { id }),
            Scheduled::Wait { .. } => Some(Event::ExternalUnsubscribed { id }),
            Scheduled::Child { .. } => Some(Event::ChildCancelRequested { id }),
            // They go on their way; only the answer is forgotten.
            Scheduled::Start { .. } | Scheduled::Send { .. } | Scheduled::Command { .. } => None,
            Scheduled::Refused | Scheduled::Cancellation | Scheduled::Stopped => None,
        }
    }
}

/// The queue of a state.
pub(super) type Drops = VecDeque<PendingDrop>;
