//! What the code has dropped while it was open, for which nothing is recorded yet.

use alloc::collections::VecDeque;

use crate::correlation_buffer::Scheduled;
use crate::event::{Event, RequestEvent};
use crate::ids::{CorrelationId, EventKey};
use crate::update_answer::UpdateAnswer;

/// Something open that was dropped, of which nothing is recorded yet.
pub(super) enum PendingDrop {
    /// A durable future.
    Future { id: CorrelationId, scheduled: Scheduled },
    /// An update that has no answer.
    Update { key: EventKey },
    /// The lock of other instances.
    Lock { lock: CorrelationId },
}

impl PendingDrop {
    /// Whether it is the update with that key.
    pub(super) fn is_update(&self, key: &EventKey) -> bool {
        matches!(self, Self::Update { key: dropped } if dropped == key)
    }

    /// What is recorded when the code goes on.
    pub(super) fn event(&self) -> Option<Event> {
        let (id, scheduled) = match self {
            Self::Future { id, scheduled } => (*id, scheduled),
            Self::Lock { lock } => {
                let lock = *lock;
                return Some(Event::Request(RequestEvent::LockReleased { lock }));
            }
            Self::Update { key } => {
                return Some(Event::UpdateAnswered {
                    key: key.clone(),
                    answer: UpdateAnswer::Dropped,
                });
            }
        };
        match scheduled {
            Scheduled::Task { .. } => Some(Event::TaskCancelRequested { id }),
            Scheduled::Timer { .. } => Some(Event::TimerCancelled { id }),
            Scheduled::Wait { .. } | Scheduled::AnyWait => Some(Event::ExternalUnsubscribed { id }),
            Scheduled::Child { .. } => Some(Event::ChildCancelRequested { id }),
            // They go on their way; only the answer is forgotten.
            Scheduled::Start { .. }
            | Scheduled::Send { .. }
            | Scheduled::Command { .. }
            | Scheduled::Update { .. } => None,
            Scheduled::Refused | Scheduled::Cancellation | Scheduled::Stopped => None,
        }
    }
}

/// The queue of a state.
pub(super) type Drops = VecDeque<PendingDrop>;
