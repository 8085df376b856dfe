//! Where a log can speak of time limits, and of what is given to a call besides its input.

use crate::attributes::AttributeChange;
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
    /// The call of which attributes were given: its time limits or itself are to follow.
    attributes_of: Option<CorrelationId>,
}

impl LimitsSeen {
    pub(super) const fn is_set(&self) -> bool {
        self.is_set
    }

    /// What is expected in the place of an event that cannot stand there. `is_first` is of an event of the first turn, before
    /// the code has done anything.
    pub(super) fn refusal(&mut self, event: &Event, is_first: bool) -> Option<&'static str> {
        if let Some(id) = self.of_call.take()
            && !is_call(event, id)
        {
            return Some("the call whose time limits were given");
        }
        if let Some(id) = self.attributes_of.take()
            && !is_call(event, id)
            && !limits_call(event, id)
        {
            return Some("the call whose attributes were given");
        }
        if let Event::AttributesChanged { change } = event
            && let AttributeChange::OfChild { id, .. } = &**change
        {
            self.attributes_of = Some(*id);
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

fn is_call(event: &Event, id: CorrelationId) -> bool {
    matches!(event, Event::ChildScheduled { .. } | Event::StartRequested { .. })
        && event.correlation() == Some(id)
}

fn limits_call(event: &Event, id: CorrelationId) -> bool {
    matches!(event, Event::TimeLimit(TimeLimitEvent::OfChild { id: of, .. }) if *of == id)
}
