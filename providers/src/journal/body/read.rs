//! From bytes to entries.

use reenact_core::{Attributes, ExecutionId, InstanceId, InvalidName, Name, Timestamp};
use uuid::Uuid;

use super::attributes;
use super::bytes::{Bytes, CUT_OFF};
use super::varint::{apart, take};
use super::{
    BodyError, HAS_ATTRIBUTES, KEEPING_TURN, LZ4, NOTE, PLAIN, PURGED, TURN, VERSION, VERSION_1,
    VERSION_2, VERSION_3, WAKE_LATER, WAKE_NONE, WAKE_NOW,
};
use crate::journal::{EntryRef, TurnRef};
use crate::limits::{MAX_COMMIT_ENTRIES, MAX_COMPRESSED_BYTES};
use crate::{InstanceState, InstanceSummary};

/// Fewest bytes of an entry.
const MIN_ENTRY_BYTES: usize = 2;

/// Reads a body of any version. Never panics; what it takes is bounded by the body, by
/// [`MAX_COMPRESSED_BYTES`] and by [`MAX_COMMIT_ENTRIES`]. What was compressed is put into `unpacked`,
/// in place of what is there.
pub(in crate::journal) fn decode<'a>(
    body: &'a [u8],
    unpacked: &'a mut Vec<u8>,
) -> Result<Vec<EntryRef<'a>>, BodyError> {
    match body {
        [VERSION_1, content @ ..] => decode_entries(content, SummaryReader::new()),
        [VERSION_2 | VERSION_3 | VERSION, PLAIN, content @ ..] => {
            decode_entries(content, SummaryReader::compact())
        }
        [VERSION_2 | VERSION_3 | VERSION, LZ4, block @ ..] => {
            unpack(block, unpacked)?;
            decode_entries(unpacked, SummaryReader::compact())
        }
        [VERSION_2 | VERSION_3 | VERSION, ..] => {
            Err(BodyError::Malformed("it is stored in an unknown way"))
        }
        [0, ..] => Err(BodyError::Malformed("it has the format version 0, which there never was")),
        [version, ..] => Err(BodyError::NewerVersion(*version)),
        [] => Err(BodyError::Malformed("it is empty")),
    }
}

/// Puts the content of a compressed body into `unpacked`: of a block of LZ4 that follows its length.
pub(crate) fn unpack(block: &[u8], unpacked: &mut Vec<u8>) -> Result<(), BodyError> {
    /// A block of LZ4 becomes no more than 255 times as large.
    const MOST_TIMES: usize = 255;
    let wrong = BodyError::Malformed("its compressed content is not as long as it says");
    let (length, block) = take(block).ok_or(CUT_OFF)?;
    let length = usize::try_from(length).ok().filter(|length| {
        let is_smaller = block.len() < *length && *length <= MAX_COMPRESSED_BYTES;
        is_smaller && *length <= block.len().saturating_mul(MOST_TIMES)
    });
    let length = length.ok_or(wrong)?;
    unpacked.clear();
    unpacked.resize(length, 0);
    match lz4_flex::block::decompress_into(block, unpacked) {
        Ok(count) if count == length => Ok(()),
        _ => Err(wrong),
    }
}

fn decode_entries(
    content: &[u8],
    summaries: SummaryReader,
) -> Result<Vec<EntryRef<'_>>, BodyError> {
    let mut bytes = Bytes(content);
    let count = usize::try_from(bytes.number()?).unwrap_or(usize::MAX);
    if count > MAX_COMMIT_ENTRIES || count > bytes.0.len() / MIN_ENTRY_BYTES {
        return Err(BodyError::Malformed("it claims more entries than there can be"));
    }
    let mut reader = Reader { bytes, summaries };
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.extend(reader.entry()?);
    }
    if !reader.bytes.0.is_empty() {
        return Err(BodyError::Malformed("there are bytes after its entries"));
    }
    Ok(entries)
}

struct Reader<'a> {
    bytes: Bytes<'a>,
    summaries: SummaryReader,
}

impl<'a> Reader<'a> {
    /// `None`: it means nothing.
    fn entry(&mut self) -> Result<Option<EntryRef<'a>>, BodyError> {
        match self.bytes.byte()? {
            TURN => Ok(Some(EntryRef::Turn(self.turn(0)?))),
            KEEPING_TURN => {
                let keep = u32::try_from(self.bytes.number()?);
                let keep =
                    keep.map_err(|_| BodyError::Malformed("it keeps too many executions"))?;
                Ok(Some(EntryRef::Turn(self.turn(keep)?)))
            }
            PURGED => Ok(Some(EntryRef::Purged(self.summaries.take_id(&mut self.bytes)?))),
            NOTE => {
                self.bytes.byte()?;
                self.bytes.counted()?;
                Ok(None)
            }
            _ => Err(BodyError::Malformed("it has an entry of an unknown kind")),
        }
    }

    fn turn(&mut self, keep: u32) -> Result<TurnRef<'a>, BodyError> {
        let (number, summary) = self.summaries.take(&mut self.bytes)?;
        Ok(TurnRef { number, summary, bytes: self.bytes.counted()?, keep })
    }
}

/// Reads what a [`SummaryWriter`](super::SummaryWriter) has written.
pub(crate) struct SummaryReader {
    ids: Texts<InstanceId>,
    names: Texts<Name>,
    /// The time of the turn before.
    now: u64,
    /// The attributes that were read last.
    attributes: Option<Attributes>,
}

impl SummaryReader {
    pub(crate) fn new() -> Self {
        let ids =
            Texts { seen: Vec::new(), check: |text| InstanceId::new(text), is_compact: false };
        let names = Texts { seen: Vec::new(), check: |text| Name::new(text), is_compact: false };
        Self { ids, names, now: 0, attributes: None }
    }

    /// A reader of what a [compact](super::SummaryWriter::compact) writer has written.
    pub(crate) fn compact() -> Self {
        let mut reader = Self::new();
        reader.ids.is_compact = true;
        reader
    }

    pub(crate) fn take_id(&mut self, bytes: &mut Bytes<'_>) -> Result<InstanceId, BodyError> {
        self.ids.take(bytes)
    }

    /// The number of a turn, and the summary once it counts.
    pub(crate) fn take(
        &mut self,
        bytes: &mut Bytes<'_>,
    ) -> Result<(u64, InstanceSummary), BodyError> {
        let (instance, name) = (self.ids.take(bytes)?, self.names.take(bytes)?);
        let flags = bytes.byte()?;
        let state = InstanceState::from_number(flags & 0x0f)
            .ok_or(BodyError::Malformed("an instance is in an unknown state"))?;
        let execution = u32::try_from(bytes.number()?)
            .map_err(|_| BodyError::Malformed("the number of an execution is too large"))?;
        let number = bytes.number()?;
        let turns = apart(number.wrapping_add(1), bytes.number()?);
        let events = apart(turns, bytes.number()?);
        let updated_at = apart(self.now, bytes.number()?);
        let created_at = apart(updated_at, bytes.number()?);
        let wake_at = match (flags & !HAS_ATTRIBUTES) >> 4 {
            WAKE_NONE => None,
            WAKE_NOW => Some(Timestamp::EPOCH),
            WAKE_LATER => Some(Timestamp::from_micros(apart(updated_at, bytes.number()?))),
            _ => return Err(BodyError::Malformed("an instance wakes in an unknown way")),
        };
        let attributes = match flags & HAS_ATTRIBUTES {
            0 => Attributes::default(),
            _ => self.take_attributes(bytes)?,
        };
        self.now = updated_at;
        let summary = InstanceSummary {
            instance,
            execution: ExecutionId(execution),
            name,
            state,
            created_at: Timestamp::from_micros(created_at),
            updated_at: Timestamp::from_micros(updated_at),
            turns,
            events,
            wake_at,
            attributes,
        };
        Ok((number, summary))
    }

    /// A 0 stands for those that were read last.
    fn take_attributes(&mut self, bytes: &mut Bytes<'_>) -> Result<Attributes, BodyError> {
        let attributes = match bytes.number()? {
            0 => self.attributes.clone(),
            count => Some(attributes::take(bytes, count)?),
        };
        self.attributes.clone_from(&attributes);
        attributes.ok_or(BodyError::Malformed("it refers to attributes before it"))
    }
}

/// Texts that were read, of one type.
struct Texts<T> {
    seen: Vec<T>,
    check: fn(&str) -> Result<T, InvalidName>,
    /// Whether a text of no bytes is a UUID, whose 16 bytes follow.
    is_compact: bool,
}

impl<T: Clone> Texts<T> {
    fn take(&mut self, bytes: &mut Bytes<'_>) -> Result<T, BodyError> {
        let ago = bytes.number()?;
        if ago > 0 {
            let at = usize::try_from(ago).ok().and_then(|ago| self.seen.len().checked_sub(ago));
            let seen = at.and_then(|at| self.seen.get(at));
            return seen.cloned().ok_or(BodyError::Malformed("it refers to a text before it"));
        }
        let text = match bytes.counted()? {
            [] if self.is_compact => {
                let mut buffer = Uuid::encode_buffer();
                let text = Uuid::from_bytes(bytes.array()?).hyphenated().encode_lower(&mut buffer);
                (self.check)(text).ok()
            }
            text => std::str::from_utf8(text).ok().and_then(|text| (self.check)(text).ok()),
        };
        let text = text.ok_or(BodyError::Malformed("a text in it is no id or name"))?;
        self.seen.push(text.clone());
        Ok(text)
    }
}
