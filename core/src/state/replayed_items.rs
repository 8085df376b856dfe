//! The items of an event of the log that the code is emitting again.

use crate::event::{Event, StreamEvent};
use crate::ids::Name;
use crate::payload::Payload;

/// An event of the log with several items, of which the code has emitted some.
pub(crate) struct ReplayedItems {
    pub(super) event: Event,
    /// How many it has emitted.
    pub(super) emitted: usize,
}

impl ReplayedItems {
    /// The code has emitted the first.
    pub(super) const fn new(event: Event) -> Self {
        Self { event, emitted: 1 }
    }

    /// The stream, and all items of the event.
    pub(super) fn emitted(&self) -> (Option<&Name>, &[Payload]) {
        if let Event::Streamed(StreamEvent::Emitted { stream, values, .. }) = &self.event {
            (Some(stream), values)
        } else {
            (None, &[])
        }
    }

    pub(super) fn items_of(&self, stream: &Name) -> Option<&[Payload]> {
        let (of, items) = self.emitted();
        (of == Some(stream)).then_some(items)
    }
}
