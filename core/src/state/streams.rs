//! Emits items to streams.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::State;
use super::mode::{Halt, Mode};
use super::record::Recorded;
use super::replayed_items::ReplayedItems;
use crate::action::Action;
use crate::command::Rejected;
use crate::divergence::Step;
use crate::event::{EmittedBy, Event, StreamEvent, bytes_of};
use crate::history::{history_limit, turn_limit};
use crate::ids::Name;
use crate::limits::{MAX_STREAM_ITEM_BYTES, MAX_STREAMS};
use crate::options::StreamWindow;
use crate::payload::Payload;

impl State {
    /// The code emits an item. Several that it emits one after the other, with no other step between them, are
    /// one event.
    pub(crate) fn emit(&mut self, stream: Name, item: Payload) {
        if matches!(self.mode, Mode::Live) {
            if let Err(message) = self.stream_limit(&stream, item.len()) {
                return self.exceed(message);
            }
            if let Err(why) = item.check_depth() {
                return self.refuse_value(NOT_EMITTED, &why);
            }
        }
        self.record_drops();
        if self.goes_with_the_event_before(&stream, &item) {
            return;
        }
        let (first, values) = (self.streams.next(&stream), vec![item]);
        match self.record(Event::Streamed(StreamEvent::Emitted { stream, first, values })) {
            Recorded::Halted => {}
            Recorded::Now => self.act(Action::AnnounceStatus),
            Recorded::Before(event) => {
                self.turn.replayed_items = Some(Box::new(ReplayedItems::new(event)));
            }
        }
    }

    /// The code says how much of a stream is kept. What it has said already is no step.
    pub(crate) fn keep_stream(&mut self, stream: Name, window: StreamWindow) {
        let is_between = matches!(self.mode, Mode::Between);
        if !is_between && self.streams.window(&stream) == Some(window) && !self.sets_window(&stream)
        {
            return;
        }
        if matches!(self.mode, Mode::Live)
            && let Err(message) = self.stream_limit(&stream, 0)
        {
            return self.exceed(message);
        }
        self.record(Event::Streamed(StreamEvent::WindowSet { stream, window }));
    }

    /// The offset of the next item of a stream, as the code sees it.
    pub(crate) fn next_offset(&self, stream: &Name) -> u64 {
        let to_come = self.turn.replayed_items.as_ref().and_then(|replayed| {
            let items = replayed.items_of(stream)?;
            Some(items.len() - replayed.emitted)
        });
        self.streams.next(stream) - to_come.unwrap_or_default() as u64
    }

    /// An attempt of an activity emits items; nothing happens when they are recorded already.
    pub(crate) fn accept_items(
        &self,
        by: EmittedBy,
        stream: Name,
        number: u64,
        mut items: Vec<Payload>,
    ) -> Result<Option<Event>, Rejected> {
        let EmittedBy { id, attempt } = by;
        if !self.buffer.is_attempt(id, attempt) {
            return Err(Rejected::AttemptOver { id });
        }
        let recorded = self.streams.emitted_by(by, &stream);
        let Some(again) = recorded.checked_sub(number) else {
            return Err(Rejected::ItemsMissing { recorded });
        };
        if again >= items.len() as u64 {
            return Ok(None);
        }
        items.drain(..again as usize);
        let largest = items.iter().map(Payload::len).max().unwrap_or_default();
        self.stream_limit(&stream, largest).map_err(Rejected::OverLimit)?;
        let bytes = (stream.as_str().len() + bytes_of(&items)) as u64;
        let full = history_limit(self.limits, self.written.events + 1, self.written.bytes + bytes);
        if let Some(full) = full.or_else(|| turn_limit(self.limits, bytes)) {
            return Err(Rejected::OverLimit(full.to_string()));
        }
        let (first, number) = (self.streams.next(&stream), recorded);
        let values = items;
        let event = StreamEvent::TaskEmitted { id, attempt, number, stream, first, values };
        Ok(Some(Event::Streamed(event)))
    }

    /// The limit that items of a stream would pass.
    fn stream_limit(&self, stream: &Name, bytes: usize) -> Result<(), String> {
        if bytes > MAX_STREAM_ITEM_BYTES {
            return Err(format!(
                "an item of {bytes} bytes for the stream `{stream}` is over {MAX_STREAM_ITEM_BYTES}"
            ));
        }
        if self.streams.len() >= MAX_STREAMS && !self.streams.has(stream) {
            return Err(format!("more than {MAX_STREAMS} streams"));
        }
        Ok(())
    }

    /// At replay, what the log has that the code has not done in the turn.
    pub(crate) fn missing_step(&self) -> Option<Step> {
        let Mode::Replay(expected) = &self.mode else { return None };
        self.missing_items().or_else(|| expected.front().map(Step::of))
    }

    /// Another turn begins.
    pub(crate) fn forget_replayed_items(&mut self) {
        self.turn.replayed_items = None;
    }

    /// At replay, whether the log has more items in an event than the code has emitted before it did something
    /// else.
    pub(crate) fn missing_items(&self) -> Option<Step> {
        let replayed = self.turn.replayed_items.as_ref()?;
        let (_, items) = replayed.emitted();
        (replayed.emitted < items.len()).then(|| {
            let detail = format!("with {} items, after {}", items.len(), replayed.emitted);
            Step::with_detail(&replayed.event, detail)
        })
    }

    fn goes_with_the_event_before(&mut self, stream: &Name, item: &Payload) -> bool {
        match self.mode {
            _ if self.halt.is_some() => false,
            Mode::Live => self.extends_event_before(stream, item),
            Mode::Replay(_) => self.replays_event_before(stream, item),
            Mode::Between | Mode::Closed => false,
        }
    }

    fn extends_event_before(&mut self, stream: &Name, item: &Payload) -> bool {
        let Some(Event::Streamed(StreamEvent::Emitted { stream: before, values, .. })) =
            self.turn.events.last_mut()
        else {
            return false;
        };
        if before != stream {
            return false;
        }
        let more = bytes_of(core::slice::from_ref(item)) as u64;
        let limit = history_limit(self.limits, self.written.events, self.written.bytes + more);
        if let Some(error) = limit.or_else(|| turn_limit(self.limits, self.turn.bytes + more)) {
            self.halt(Halt::Failed(error));
            return true;
        }
        values.push(item.clone());
        self.written.bytes += more;
        self.turn.bytes += more;
        self.streams.go_on(stream, item.clone());
        true
    }

    fn replays_event_before(&mut self, stream: &Name, item: &Payload) -> bool {
        let strict = self.strict;
        let Some(replayed) = &mut self.turn.replayed_items else { return false };
        let at = replayed.emitted;
        let Some(recorded) = replayed.items_of(stream).and_then(|items| items.get(at)) else {
            return false;
        };
        if strict && !recorded.is_same_value_or_set(item) {
            return false;
        }
        replayed.emitted += 1;
        true
    }

    /// At replay, whether the log has it in this place that the code sets the window of a stream.
    fn sets_window(&mut self, stream: &Name) -> bool {
        let recorded = self.next_recorded();
        recorded.is_some_and(|event| {
            matches!(event, Event::Streamed(StreamEvent::WindowSet { stream: recorded, .. }) if recorded == stream)
        })
    }
}

pub(crate) const NOT_EMITTED: &str = "an item cannot be emitted";
