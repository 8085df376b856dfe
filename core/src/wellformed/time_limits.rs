//! Where a log can speak of time limits.

use crate::event::{Event, TimeLimitEvent};
use crate::ids::CorrelationId;

/// What was said of time limits so far.
#[derive(Debug, Default)]
pub(super) struct LimitsSeen {
    is_set: bool,
    /// A limit has passed, and the end is to follow.
    has_passed: bool,
    /// The call that is to follow.
    of_call: Option<CorrelationId>,
}

impl LimitsSeen {
    pub(super) const fn is_set(&self) -> bool {
        self.is_set
    }

    /// What is expected in the place of an event that cannot stand there. `is_first` is of an event of the first turn, before
    /// the code has done anything.
    pub(super) fn refusal(&mut self, event: &Event, is_first: bool) -> Option<&'static str> {
        if let Some(id) = self.of_call.take() {
            let is_call =
                matches!(event, Event::ChildScheduled { .. } | Event::StartRequested { .. });
            if !is_call || event.correlation() != Some(id) {
                return Some("the call whose time limits were given");
            }
        }
        if core::mem::take(&mut self.has_passed) && !matches!(event, Event::ExecutionFailed { .. })
        {
            return Some("a failure, as a time limit has passed");
        }
        let Event::TimeLimit(said) = event else { return None };
        match said {
            TimeLimitEvent::Set { .. } if self.is_set || !is_first => {
                return Some("time limits after the start only");
            }
            TimeLimitEvent::Passed { .. } if !self.is_set => {
                return Some("no time limit to pass, as none was set");
            }
            TimeLimitEvent::Set { .. } => self.is_set = true,
            TimeLimitEvent::Passed { .. } => self.has_passed = true,
            TimeLimitEvent::OfChild { id, .. } => self.of_call = Some(*id),
        }
        None
    }
}
