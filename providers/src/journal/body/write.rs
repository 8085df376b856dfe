//! From entries to bytes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use reenact_core::{Attributes, InstanceId, Timestamp};
use uuid::Uuid;

use super::attributes;
use super::varint::{difference, put};
use super::{
    HAS_ATTRIBUTES, KEEPING_TURN, LZ4, PLAIN, PURGED, TURN, VERSION, VERSION_1, VERSION_2,
    VERSION_3, WAKE_LATER, WAKE_NONE, WAKE_NOW,
};
use crate::InstanceSummary;
use crate::journal::commit::Source;
use crate::limits::MAX_COMPRESSED_BYTES;

/// Fewest bytes that are compressed: of fewer, nothing is saved.
const MIN_COMPRESSED_BYTES: usize = 256;

/// Adds the stored form of a commit's entries to `body`, which is empty, in version 1 or the first later one that has
/// what is in them.
pub(in crate::journal) fn encode<'a>(
    body: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = Source<'a>> + Clone,
) {
    if let Some(version) = needed(entries.clone()) {
        return put_compact(body, version, entries);
    }
    body.push(VERSION_1);
    // Often each turn is of another instance, and all are of a few orchestrations.
    put_entries(body, SummaryWriter::with_capacity(entries.len()), entries);
}

/// The version that has what is in the entries; `None` when each has.
fn needed<'a>(mut entries: impl Iterator<Item = Source<'a>> + Clone) -> Option<u8> {
    if entries.clone().any(|entry| entry.keeps() > 0) {
        return Some(VERSION);
    }
    entries.any(Source::has_attributes).then_some(VERSION_3)
}

fn put_compact<'a>(
    body: &mut Vec<u8>,
    version: u8,
    entries: impl ExactSizeIterator<Item = Source<'a>>,
) {
    body.extend_from_slice(&[version, PLAIN]);
    put_entries(body, SummaryWriter::with_capacity(entries.len()).compact(), entries);
}

/// As [`encode`], in version 2 or the first later one that has what is in them. `spare` is of any content, before and after.
pub(in crate::journal) fn encode_compact<'a>(
    body: &mut Vec<u8>,
    spare: &mut Vec<u8>,
    entries: impl ExactSizeIterator<Item = Source<'a>> + Clone,
) {
    /// Bytes before the content: the version, and how it is stored.
    const HEAD_BYTES: usize = 2;
    let version = needed(entries.clone()).unwrap_or(VERSION_2);
    put_compact(body, version, entries);
    let content = &body[HEAD_BYTES..];
    if !(MIN_COMPRESSED_BYTES..=MAX_COMPRESSED_BYTES).contains(&content.len()) {
        return;
    }
    spare.clear();
    spare.extend_from_slice(&[version, LZ4]);
    put(spare, content.len() as u64);
    let start = spare.len();
    spare.resize(start + lz4_flex::block::get_maximum_output_size(content.len()), 0);
    let Ok(count) = lz4_flex::block::compress_into(content, &mut spare[start..]) else { return };
    spare.truncate(start + count);
    // To read what was not made much smaller would cost more than it saves.
    if spare.len() < body.len() - body.len() / 8 {
        std::mem::swap(body, spare);
    }
}

fn put_entries<'a>(
    body: &mut Vec<u8>,
    summaries: SummaryWriter<'a>,
    entries: impl ExactSizeIterator<Item = Source<'a>>,
) {
    let mut writer = Writer { body, summaries };
    put(writer.body, entries.len() as u64);
    for entry in entries {
        match entry {
            Source::Turn(turn) => {
                match entry.keeps() {
                    0 => writer.body.push(TURN),
                    keep => {
                        writer.body.push(KEEPING_TURN);
                        put(writer.body, keep.into());
                    }
                }
                writer.summaries.put(writer.body, turn.number, &turn.summary);
                put_bytes(writer.body, &turn.bytes);
            }
            Source::Purged(id) => {
                writer.body.push(PURGED);
                writer.summaries.put_id(writer.body, id);
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
    /// Whether ids that are UUIDs are written in 16 bytes.
    is_compact: bool,
    /// The attributes that were written last: many turns of one instance may follow on each other.
    attributes: Option<&'a Attributes>,
}

impl<'a> SummaryWriter<'a> {
    /// A writer with room for this number of ids.
    pub(crate) fn with_capacity(ids: usize) -> Self {
        Self { ids: Texts { seen: HashMap::with_capacity(ids) }, ..Self::default() }
    }

    /// Writes ids that are UUIDs in 16 bytes.
    pub(crate) fn compact(self) -> Self {
        Self { is_compact: true, ..self }
    }

    pub(crate) fn put_id(&mut self, body: &mut Vec<u8>, id: &'a InstanceId) {
        let put_new = if self.is_compact { put_compact_id } else { put_bytes };
        self.ids.put(body, id.as_str(), put_new);
    }

    /// A summary, as it is once the turn of this number counts.
    pub(crate) fn put(&mut self, body: &mut Vec<u8>, number: u64, summary: &'a InstanceSummary) {
        let updated_at = summary.updated_at.as_micros();
        let (wake, wake_at) = match summary.wake_at {
            None => (WAKE_NONE, None),
            Some(Timestamp::EPOCH) => (WAKE_NOW, None),
            Some(later) => (WAKE_LATER, Some(later.as_micros())),
        };
        self.put_id(body, &summary.instance);
        self.names.put(body, summary.name.as_str(), put_bytes);
        let has_attributes = if summary.attributes.is_empty() { 0 } else { HAS_ATTRIBUTES };
        body.push(has_attributes | wake << 4 | summary.state.number());
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
        if !summary.attributes.is_empty() {
            self.put_attributes(body, &summary.attributes);
        }
        self.now = updated_at;
    }
}

impl<'a> SummaryWriter<'a> {
    /// Those that were written last are a 0.
    fn put_attributes(&mut self, body: &mut Vec<u8>, attributes: &'a Attributes) {
        if self.attributes == Some(attributes) {
            put(body, 0);
        } else {
            attributes::write(body, attributes);
            self.attributes = Some(attributes);
        }
    }
}

/// A UUID as no bytes, which no id has, and its 16.
fn put_compact_id(body: &mut Vec<u8>, id: &[u8]) {
    match uuid_of(id) {
        Some(uuid) => {
            put(body, 0);
            body.extend_from_slice(uuid.as_bytes());
        }
        None => put_bytes(body, id),
    }
}

/// The UUID of which this is the text, written as reenact writes it: in lower case, with hyphens.
fn uuid_of(id: &[u8]) -> Option<Uuid> {
    let uuid = Uuid::try_parse_ascii(id).ok()?;
    let mut text = Uuid::encode_buffer();
    (uuid.hyphenated().encode_lower(&mut text).as_bytes() == id).then_some(uuid)
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
    fn put(&mut self, body: &mut Vec<u8>, text: &'a str, put_new: fn(&mut Vec<u8>, &[u8])) {
        let count = self.seen.len() as u64;
        match self.seen.entry(text) {
            Entry::Occupied(before) => put(body, count - before.get()),
            Entry::Vacant(new) => {
                new.insert(count);
                put(body, 0);
                put_new(body, text.as_bytes());
            }
        }
    }
}
