//! Many finished instances in two blobs, compressed together: what is known of them, and their turns.

use std::ops::Range;

use reenact_core::InstanceId;

use crate::InstanceSummary;
use crate::archive::{Archived, Growth};
use crate::journal::body::varint::{put, take};
use crate::journal::body::{Bytes, SummaryReader, SummaryWriter, unpack};

/// The format that is written, and the newest that is read.
const VERSION: u8 = 1;

/// Bytes before the content: the version, the checksum, and how the content is stored.
const HEAD_BYTES: usize = 1 + 4 + 1;

/// How content is stored.
const PLAIN: u8 = 0;
const LZ4: u8 = 1;

/// Most instances of a pack.
pub(super) const MAX_INSTANCES: usize = 2_048;

/// Size of the turns from which on a pack takes no more instances, in bytes.
pub(super) const FULL_FROM_BYTES: usize = 256 * 1024;

/// Most bytes of turns of an instance in a pack: to read one, all of the pack are read.
pub(super) const MAX_INSTANCE_BYTES: usize = 64 * 1024;

/// The two blobs of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blob {
    /// What is known of each instance, ordered by id.
    Heads = 1,
    /// The turns of each instance, in the same order.
    Turns = 2,
}

/// An instance of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) archived: Archived,
    /// The place of its turns among all of the pack.
    turns: Range<usize>,
}

impl Member {
    pub(super) const fn summary(&self) -> &InstanceSummary {
        &self.archived.summary
    }

    pub(super) const fn id(&self) -> &InstanceId {
        &self.archived.summary.instance
    }
}

/// The stored form of the two blobs of the pack of this number. The instances are ordered by id.
pub(super) fn encode(pack: i64, growths: &[&Growth]) -> (Vec<u8>, Vec<u8>) {
    let (mut heads, mut turns) = (Vec::new(), Vec::new());
    let mut summaries = SummaryWriter::with_capacity(growths.len()).compact();
    put(&mut heads, growths.len() as u64);
    for Growth { summary, run, .. } in growths {
        let start = turns.len();
        for turn in &run.turns {
            put(&mut turns, turn.len() as u64);
            turns.extend_from_slice(turn);
        }
        // The number of its last turn: there is one.
        summaries.put(&mut heads, run.end() - 1, summary);
        put(&mut heads, (turns.len() - start) as u64);
    }
    (seal(pack, Blob::Heads, &heads), seal(pack, Blob::Turns, &turns))
}

/// The instances of a pack, or what is wrong with them.
pub(super) fn members(pack: i64, stored: &[u8]) -> Result<Vec<Member>, &'static str> {
    const CUT_OFF: &str = "what is known of its instances is cut off";
    let content = open(pack, Blob::Heads, stored)?;
    let mut bytes = Bytes(&content);
    let count = bytes.number().map_err(|_| CUT_OFF)?;
    if count > MAX_INSTANCES as u64 {
        return Err("it claims more instances than there can be");
    }
    let (mut summaries, mut start) = (SummaryReader::compact(), 0_usize);
    let mut members = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let (last, summary) = summaries.take(&mut bytes).map_err(|_| CUT_OFF)?;
        let size = bytes.number().ok().and_then(|size| usize::try_from(size).ok());
        let end = size.and_then(|size| start.checked_add(size)).ok_or(CUT_OFF)?;
        let archived = Archived { summary, length: last.saturating_add(1) };
        members.push(Member { archived, turns: start..end });
        start = end;
    }
    if bytes.0.is_empty() { Ok(members) } else { Err("there are bytes after its instances") }
}

/// All turns of an instance of a pack, or what is wrong with them.
pub(super) fn turns(
    pack: i64,
    stored: &[u8],
    member: &Member,
) -> Result<Vec<Box<[u8]>>, &'static str> {
    let content = open(pack, Blob::Turns, stored)?;
    let mut rest = content.get(member.turns.clone()).ok_or("turns are cut off")?;
    let mut turns = Vec::new();
    while !rest.is_empty() {
        let turn = take(rest)
            .and_then(|(length, tail)| tail.split_at_checked(usize::try_from(length).ok()?));
        let (turn, tail) = turn.ok_or("turns are cut off")?;
        turns.push(turn.into());
        rest = tail;
    }
    if turns.len() as u64 != member.archived.length {
        return Err("there are more or fewer turns than it says");
    }
    Ok(turns)
}

fn seal(pack: i64, blob: Blob, content: &[u8]) -> Vec<u8> {
    let mut stored = vec![VERSION, 0, 0, 0, 0, LZ4];
    put(&mut stored, content.len() as u64);
    let block = lz4_flex::block::compress(content);
    if block.len() < content.len() - content.len() / 8 {
        stored.extend_from_slice(&block);
    } else {
        stored.truncate(HEAD_BYTES);
        stored[HEAD_BYTES - 1] = PLAIN;
        stored.extend_from_slice(content);
    }
    let checksum = checksum(pack, blob, &stored[5..]);
    stored[1..5].copy_from_slice(&checksum.to_le_bytes());
    stored
}

fn open(pack: i64, blob: Blob, stored: &[u8]) -> Result<Vec<u8>, &'static str> {
    let Some(([version, found @ .., kind], content)) = stored.split_first_chunk::<HEAD_BYTES>()
    else {
        return Err("a blob is cut off");
    };
    if *version != VERSION {
        return Err("a blob is in a format that this reenact does not know");
    }
    if checksum(pack, blob, &stored[5..]).to_le_bytes() != *found {
        return Err("the checksum of a blob does not fit");
    }
    match *kind {
        PLAIN => Ok(content.to_vec()),
        LZ4 => {
            let mut unpacked = Vec::new();
            unpack(content, &mut unpacked).map_err(|_| "a blob does not decompress")?;
            Ok(unpacked)
        }
        _ => Err("a blob is stored in an unknown way"),
    }
}

/// The checksum of what is stored and of where it belongs, so that a blob in another's place is recognized.
fn checksum(pack: i64, blob: Blob, stored: &[u8]) -> u32 {
    let checksum = crc32c::crc32c(&[VERSION, blob as u8]);
    let checksum = crc32c::crc32c_append(checksum, &pack.to_le_bytes());
    crc32c::crc32c_append(checksum, stored)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reenact_core::{ExecutionId, Name, Timestamp};

    use super::*;
    use crate::InstanceState;
    use crate::archive::TurnRun;

    fn growth(number: u64) -> Growth {
        let summary = InstanceSummary {
            instance: InstanceId::new(format!("order-{number:04}")).unwrap(),
            execution: ExecutionId::FIRST,
            name: Name::new("process_order").unwrap(),
            state: InstanceState::Completed,
            created_at: Timestamp::from_micros(1_767_225_500_000_000 + number),
            updated_at: Timestamp::from_micros(1_767_225_600_000_000 + number),
            turns: number % 5 + 1,
            events: 9,
            wake_at: None,
            attributes: reenact_core::Attributes::default(),
        };
        let turns =
            (0..=number % 5).map(|turn| Arc::from(format!("{turn} of {number}").as_bytes()));
        let run = TurnRun { execution: ExecutionId::FIRST, first: 0, turns: turns.collect() };
        Growth { summary, starts_anew: false, run, earlier: crate::archive::Earlier::default() }
    }

    fn encoded(count: u64) -> (Vec<Growth>, Vec<u8>, Vec<u8>) {
        let growths: Vec<Growth> = (0..count).map(growth).collect();
        let (heads, turns) = encode(7, &growths.iter().collect::<Vec<_>>());
        (growths, heads, turns)
    }

    #[test]
    fn instances_are_read_as_they_were_written() {
        for count in [1, 3, 300] {
            let (growths, heads, bytes) = encoded(count);
            let members = members(7, &heads).unwrap();
            assert_eq!(members.len(), growths.len());
            for (growth, member) in growths.iter().zip(&members) {
                assert_eq!(
                    (&growth.summary, growth.run.end()),
                    (member.summary(), member.archived.length)
                );
                let read = turns(7, &bytes, member).unwrap();
                assert!(
                    growth
                        .run
                        .turns
                        .iter()
                        .map(|turn| &turn[..])
                        .eq(read.iter().map(|turn| &turn[..]))
                );
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_reported() {
        let (_, heads, bytes) = encoded(40);
        let member = members(7, &heads).unwrap().remove(3);
        let is_read = |blob: Blob, stored: &[u8]| match blob {
            Blob::Heads => members(7, stored).is_ok(),
            Blob::Turns => turns(7, stored, &member).is_ok(),
        };
        for (blob, stored) in [(Blob::Heads, &heads), (Blob::Turns, &bytes)] {
            assert!(is_read(blob, stored));
            for bit in 0..stored.len() * 8 {
                let mut flipped = stored.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_read(blob, &flipped), "{blob:?} {bit}");
            }
            for end in 0..stored.len() {
                assert!(!is_read(blob, &stored[..end]), "{blob:?} {end}");
            }
        }
    }

    #[test]
    fn a_blob_in_the_place_of_another_is_reported() {
        let (_, heads, bytes) = encoded(40);
        assert!(members(8, &heads).is_err());
        assert!(members(7, &bytes).is_err());
        let member = members(7, &heads).unwrap().remove(0);
        assert!(turns(8, &bytes, &member).is_err());
        assert!(turns(7, &heads, &member).is_err());
    }

    #[test]
    fn many_that_are_alike_take_few_bytes() {
        let (growths, heads, turns) = encoded(1_000);
        let bytes: usize =
            growths.iter().flat_map(|growth| &growth.run.turns).map(|turn| turn.len()).sum();
        assert!(
            turns.len() < bytes && heads.len() < 30 * growths.len(),
            "{} {}",
            heads.len(),
            turns.len()
        );
    }
}
