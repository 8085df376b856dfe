//! The streams of an execution, from its log alone.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use serde::Serialize;

use crate::event::{CarriedStream, EmittedBy, Event, StreamEvent, StreamItem};
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, Name};
use crate::limits::MAX_ALL_STREAMS_KEPT_BYTES;
use crate::options::StreamWindow;
use crate::payload::Payload;

/// The streams of an execution. Most have none, and pay a pointer for them.
///
/// Of each stream it holds the newest items, as its window says, and no more, however long the stream is: what
/// the next execution is given. The log has all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Option<Box<Inner>>);

#[derive(Clone, Debug, Default)]
struct Inner {
    by_name: BTreeMap<Name, Stream>,
    /// Of all items that are held, with what each takes besides its value.
    bytes: usize,
    /// How many items the activities that are open have emitted.
    tasks: BTreeMap<CorrelationId, TaskItems>,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    /// The items before it were trimmed.
    first: u64,
    next: u64,
    window: Option<StreamWindow>,
    kept: VecDeque<StreamItem>,
    kept_bytes: usize,
}

/// How many items the newest attempt has emitted, by stream.
#[derive(Clone, Debug, Default)]
struct TaskItems {
    attempt: u32,
    by_stream: BTreeMap<Name, u64>,
}

/// What is known of a stream of an execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StreamBounds {
    /// Its name.
    pub name: Name,
    /// The items before this offset were trimmed.
    pub first: u64,
    /// The offset of the next item.
    pub next: u64,
}

impl Streams {
    /// Goes on with an event.
    pub(crate) fn follow(&mut self, event: &Event) {
        if let Event::Streamed(event) = event {
            return self.0.get_or_insert_default().follow(event);
        }
        let Some(inner) = &mut self.0 else { return };
        if let Event::TaskCompleted { id, .. }
        | Event::TaskFailed { id, .. }
        | Event::TaskCancelRequested { id } = event
        {
            inner.tasks.remove(id);
        } else if matches!(event, Event::ExecutionRenewed { .. }) {
            inner.tasks.clear();
        }
    }

    /// Goes on with an item of the code that belongs to the event before.
    pub(crate) fn go_on(&mut self, stream: &Name, value: Payload) {
        if let Some(inner) = &mut self.0 {
            inner.push(stream, value, None);
        }
    }

    /// The offset of the next item of a stream.
    pub(crate) fn next(&self, stream: &Name) -> u64 {
        self.get(stream).map_or(0, |stream| stream.next)
    }

    /// How much of it the code wants to keep, if it has said so.
    pub(crate) fn window(&self, stream: &Name) -> Option<StreamWindow> {
        self.get(stream).and_then(|stream| stream.window)
    }

    pub(crate) fn has(&self, stream: &Name) -> bool {
        self.get(stream).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.by_name.len())
    }

    /// How many items that attempt has emitted to a stream.
    pub(crate) fn emitted_by(&self, by: EmittedBy, stream: &Name) -> u64 {
        let task = self.0.as_ref().and_then(|inner| inner.tasks.get(&by.id));
        let of_attempt = task.filter(|task| task.attempt == by.attempt);
        of_attempt.and_then(|task| task.by_stream.get(stream)).copied().unwrap_or_default()
    }

    /// What the next execution is given: the items are this many, and count for so many bytes.
    pub(crate) fn carried_size(&self) -> (usize, usize) {
        let Some(inner) = &self.0 else { return (0, 0) };
        let items = inner.by_name.values().map(|stream| stream.kept.len()).sum();
        let names: usize = inner.by_name.keys().map(|name| name.as_str().len()).sum();
        (items, inner.bytes + names)
    }

    /// The same.
    pub(crate) fn carried(&self) -> Vec<CarriedStream> {
        let streams = self.0.iter().flat_map(|inner| &inner.by_name);
        let carried = |(name, stream): (&Name, &Stream)| CarriedStream {
            stream: name.clone(),
            first: stream.kept.front().map_or(stream.next, |item| item.offset),
            next: stream.next,
            window: stream.window,
            items: stream.kept.iter().cloned().collect(),
        };
        streams.map(carried).collect()
    }

    /// What a history is given that was cut: the offsets of `undone` are not given again.
    pub(crate) fn advanced_to(&self, undone: &Self) -> Vec<CarriedStream> {
        let streams = undone.0.iter().flat_map(|inner| &inner.by_name);
        let later = streams.filter(|(name, stream)| self.next(name) < stream.next);
        let carried = later.map(|(name, stream)| CarriedStream {
            stream: name.clone(),
            first: self.get(name).map_or(stream.first, |kept| kept.first),
            next: stream.next,
            window: self.window(name),
            items: Vec::new(),
        });
        carried.collect()
    }

    /// Bytes that are held, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| 2 * inner.bytes)
    }

    /// What is known of each, in the order of their names.
    pub(crate) fn bounds(&self) -> Vec<StreamBounds> {
        let streams = self.0.iter().flat_map(|inner| &inner.by_name);
        let bounds = |(name, stream): (&Name, &Stream)| StreamBounds {
            name: name.clone(),
            first: stream.first,
            next: stream.next,
        };
        streams.map(bounds).collect()
    }

    fn get(&self, stream: &Name) -> Option<&Stream> {
        self.0.as_ref()?.by_name.get(stream)
    }
}

impl Inner {
    fn follow(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::Emitted { stream, values, .. } => {
                values.iter().for_each(|item| self.push(stream, item.clone(), None));
            }
            StreamEvent::TaskEmitted { id, attempt, number, stream, values, .. } => {
                let task = self.tasks.entry(*id).or_default();
                if task.attempt != *attempt {
                    *task = TaskItems { attempt: *attempt, by_stream: BTreeMap::new() };
                }
                task.by_stream.insert(stream.clone(), number + values.len() as u64);
                let by = Some(EmittedBy { id: *id, attempt: *attempt });
                values.iter().for_each(|item| self.push(stream, item.clone(), by));
            }
            StreamEvent::Carried { streams } => {
                streams.iter().for_each(|carried| self.carry(carried));
            }
            StreamEvent::WindowSet { stream, window } => {
                self.by_name.entry(stream.clone()).or_default().window = Some(*window);
                self.trim(stream);
            }
        }
    }

    fn push(&mut self, name: &Name, value: Payload, emitted_by: Option<EmittedBy>) {
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.clone(), Stream::default());
        }
        let Some(stream) = self.by_name.get_mut(name) else { return };
        let item = StreamItem { offset: stream.next, value, emitted_by };
        let bytes = item.bytes();
        stream.next += 1;
        stream.kept_bytes += bytes;
        stream.kept.push_back(item);
        self.bytes += bytes;
        self.trim(name);
    }

    /// The stream goes on, with what was kept of it. After a rewind only its offsets do.
    fn carry(&mut self, carried: &CarriedStream) {
        let is_new = !self.by_name.contains_key(&carried.stream);
        let stream = self.by_name.entry(carried.stream.clone()).or_default();
        stream.next = stream.next.max(carried.next);
        if is_new {
            stream.first = carried.first;
            stream.window = carried.window;
            stream.kept = carried.items.iter().cloned().collect();
            stream.kept_bytes = carried.items.iter().map(StreamItem::bytes).sum();
            self.bytes += stream.kept_bytes;
        }
    }

    /// Keeps no more of a stream than its window says, and than all have room for.
    fn trim(&mut self, name: &Name) {
        let Some(stream) = self.by_name.get_mut(name) else { return };
        let window = stream.window.unwrap_or_default();
        let (most_items, most_bytes) = (window.most_items(), window.most_bytes());
        while stream.kept.len() > most_items as usize
            || stream.kept_bytes > most_bytes as usize
            || self.bytes > MAX_ALL_STREAMS_KEPT_BYTES
        {
            let Some(oldest) = stream.kept.pop_front() else { return };
            let bytes = oldest.bytes();
            stream.kept_bytes -= bytes;
            self.bytes -= bytes;
        }
    }
}

impl RecordedTurn {
    /// The items of a stream in this turn, in order.
    pub fn stream_items(&self, stream: &Name) -> Vec<StreamItem> {
        let events = self.events.iter().filter_map(|event| {
            if let Event::Streamed(event) = event { Some(event.items_of(stream)) } else { None }
        });
        events.flatten().collect()
    }

    /// What is said in this turn of where a stream begins and goes on, if it is carried over here: the first
    /// offset that was not trimmed, and the next one.
    pub fn carried_stream(&self, stream: &Name) -> Option<(u64, u64)> {
        let carried = self.events.iter().filter_map(|event| {
            if let Event::Streamed(StreamEvent::Carried { streams }) = event {
                Some(streams)
            } else {
                None
            }
        });
        let of_it = carried.flatten().find(|carried| carried.stream == *stream);
        of_it.map(|carried| (carried.first, carried.next))
    }
}
