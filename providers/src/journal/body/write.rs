//! From entries to bytes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use reenact_core::{InstanceId, Timestamp};

use super::varint::{difference, put};
use super::{NOTE, PURGED, TURN, VERSION, WAKE_LATER, WAKE_NONE, WAKE_NOW};
use crate::InstanceSummary;
use crate::journal::commit::Source;

/// Adds the stored form of a commit's entries to `body`, which is empty.
pub(in crate::journal) fn encode<'a>(
    body: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = Source<'a>>,
) {
    // Often each turn is of another instance, and all are of a few orchestrations.
    let summaries = SummaryWriter::with_capacity(entries.len());
    let mut writer = Writer { body, summaries };
    writer.body.push(VERSION);
    put(writer.body, entries.len() as u64);
    for entry in entries {
        match entry {
            Source::Turn(turn) => {
                writer.body.push(TURN);
                writer.summaries.put(writer.body, turn.number, &turn.summary);
                put_bytes(writer.body, &turn.bytes);
            }
            Source::Purged(id) => {
                writer.body.push(PURGED);
                writer.summaries.put_id(writer.body, id);
            }
            Source::Note(note) => {
                writer.body.extend_from_slice(&[NOTE, note.kind]);
                put_bytes(writer.body, &note.bytes);
            }
        }
    }
}

struct Writer<'a, 'b> {
    body: &'b mut Vec<u8>,
    summaries: SummaryWriter<'a>,
}

/// Writes summaries, one after the other, in few bytes.
#[derive(Default)]
pub(crate) struct SummaryWriter<'a> {
    ids: Texts<'a>,
    names: Texts<'a>,
    /// The time of the turn before.
    now: u64,
}

impl<'a> SummaryWriter<'a> {
    /// With room for so many ids.
    pub(crate) fn with_capacity(ids: usize) -> Self {
        Self { ids: Texts { seen: HashMap::with_capacity(ids) }, ..Self::default() }
    }

    pub(crate) fn put_id(&mut self, body: &mut Vec<u8>, id: &'a InstanceId) {
        self.ids.put(body, id.as_str());
    }

    /// A summary, as it is once the turn of this number counts.
    pub(crate) fn put(&mut self, body: &mut Vec<u8>, number: u64, summary: &'a InstanceSummary) {
        let updated_at = summary.updated_at.as_micros();
        let (wake, wake_at) = match summary.wake_at {
            None => (WAKE_NONE, None),
            Some(Timestamp::EPOCH) => (WAKE_NOW, None),
            Some(later) => (WAKE_LATER, Some(later.as_micros())),
        };
        self.ids.put(body, summary.instance.as_str());
        self.names.put(body, summary.name.as_str());
        body.push(wake << 4 | summary.state.number());
        put(body, u64::from(summary.execution.0));
        put(body, number);
        // Usually there are as many turns as the number of this one says: that is a 0.
        put(body, difference(number.wrapping_add(1), summary.turns));
        put(body, difference(summary.turns, summary.events));
        put(body, difference(self.now, updated_at));
        put(body, difference(updated_at, summary.created_at.as_micros()));
        if let Some(wake_at) = wake_at {
            put(body, difference(updated_at, wake_at));
        }
        self.now = updated_at;
    }
}

fn put_bytes(body: &mut Vec<u8>, bytes: &[u8]) {
    put(body, bytes.len() as u64);
    body.extend_from_slice(bytes);
}

/// Texts that were written, so that one that comes again is a number.
#[derive(Default)]
struct Texts<'a> {
    /// By the number of texts before it.
    seen: HashMap<&'a str, u64>,
}

impl<'a> Texts<'a> {
    /// A new text is 0 and the text; one that was seen is how many texts ago it was new.
    fn put(&mut self, body: &mut Vec<u8>, text: &'a str) {
        let count = self.seen.len() as u64;
        match self.seen.entry(text) {
            Entry::Occupied(before) => put(body, count - before.get()),
            Entry::Vacant(new) => {
                new.insert(count);
                put(body, 0);
                put_bytes(body, text.as_bytes());
            }
        }
    }
}
