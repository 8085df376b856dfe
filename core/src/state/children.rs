//! The children that the code can list: they follow from the log.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::State;
use super::mode::Mode;
use crate::event::Event;
use crate::limits::MAX_LISTED_CHILDREN;
use crate::view::{CalledChild, CalledChildren};

impl State {
    /// Keeps up with an event that the outbox has followed. It has its place already.
    pub(super) fn follow_children(&mut self, event: &Event) {
        if matches!(event, Event::ExecutionRenewed { .. }) {
            // They were those of the code before.
            self.children = None;
            return;
        }
        if matches!(event, Event::ChildScheduled { .. } | Event::StartRequested { .. }) {
            let none = || Box::new(CalledChildren::new(MAX_LISTED_CHILDREN));
            self.children.get_or_insert_with(none);
        }
        if let Some(children) = &mut self.children {
            let position = self.written.position.saturating_sub(1);
            children.follow(event, &self.outbox, (position, self.now));
        }
    }

    /// As the code sees them now.
    pub(crate) fn listed_children(&mut self) -> Vec<CalledChild> {
        if matches!(self.mode, Mode::Between) {
            self.refuse_foreign_call();
        }
        self.children.iter().flat_map(|children| children.list()).cloned().collect()
    }
}
