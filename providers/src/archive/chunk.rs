//! Some turns of one execution in a row, with a checksum: how archives store them.

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId};

use super::TurnRun;
use crate::journal::body::varint;

/// The format that is written, and the newest that is read.
const VERSION: u8 = 1;

/// Bytes before the turns: the version and the checksum.
const HEAD_BYTES: usize = 1 + 4;

/// Most turns of a chunk.
pub(crate) const MAX_TURNS: usize = 1024;

/// Most bytes of turns in a chunk; one turn may have more.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// A run in parts of which each is to be one chunk: the number of the first turn, and the turns.
pub(crate) fn chunks(run: &TurnRun) -> impl Iterator<Item = (u64, &[Arc<[u8]>])> {
    let (mut first, mut rest) = (run.first, &run.turns[..]);
    std::iter::from_fn(move || {
        let (chunk, tail) = rest.split_at(chunk_length(rest));
        let number = first;
        (first, rest) = (first + chunk.len() as u64, tail);
        (!chunk.is_empty()).then_some((number, chunk))
    })
}

fn chunk_length(turns: &[Arc<[u8]>]) -> usize {
    let mut bytes = 0;
    let fits = |turn: &&Arc<[u8]>| {
        bytes += turn.len();
        bytes <= MAX_BYTES
    };
    turns.iter().take(MAX_TURNS).take_while(fits).count().max(turns.len().min(1))
}

/// The stored form of a chunk, in place of what `into` holds.
pub(crate) fn encode(
    into: &mut Vec<u8>,
    instance: &InstanceId,
    execution: ExecutionId,
    first: u64,
    turns: &[Arc<[u8]>],
) {
    into.clear();
    into.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
    for turn in turns {
        varint::put(into, turn.len() as u64);
        into.extend_from_slice(turn);
    }
    let checksum = checksum(instance, execution, first, &into[HEAD_BYTES..]);
    into[1..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// The `count` turns of a chunk, or what is wrong with it.
pub(crate) fn decode<'a>(
    instance: &InstanceId,
    execution: ExecutionId,
    first: u64,
    count: u64,
    blob: &'a [u8],
) -> Result<Vec<&'a [u8]>, &'static str> {
    let Some(([version, stored @ ..], mut rest)) = blob.split_first_chunk::<HEAD_BYTES>() else {
        return Err("turns are cut off");
    };
    if *version != VERSION {
        return Err("turns are in a format that this reenact does not know");
    }
    if checksum(instance, execution, first, rest).to_le_bytes() != *stored {
        return Err("the checksum of turns does not fit");
    }
    let mut turns = Vec::new();
    while !rest.is_empty() {
        let turn = varint::take(rest)
            .and_then(|(length, tail)| tail.split_at_checked(usize::try_from(length).ok()?));
        let (turn, tail) = turn.ok_or("turns are cut off")?;
        turns.push(turn);
        rest = tail;
    }
    if turns.len() as u64 != count {
        return Err("there are more or fewer turns than it says");
    }
    Ok(turns)
}

/// The checksum of the turns and of where they belong, so that a chunk in another's place is recognized.
fn checksum(instance: &InstanceId, execution: ExecutionId, first: u64, turns: &[u8]) -> u32 {
    let id = instance.as_str().as_bytes();
    let mut checksum = crc32c::crc32c(&[VERSION]);
    for part in [
        &execution.0.to_le_bytes()[..],
        &first.to_le_bytes(),
        &(id.len() as u32).to_le_bytes(),
        id,
        turns,
    ] {
        checksum = crc32c::crc32c_append(checksum, part);
    }
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> InstanceId {
        InstanceId::new("order-17").unwrap()
    }

    fn encoded(turns: &[Arc<[u8]>]) -> Vec<u8> {
        let mut blob = vec![9; 3];
        encode(&mut blob, &id(), ExecutionId(2), 7, turns);
        blob
    }

    fn turns(lengths: &[usize]) -> Vec<Arc<[u8]>> {
        (lengths.iter().zip((0..=255).cycle()))
            .map(|(length, byte)| vec![byte; *length].into())
            .collect()
    }

    #[test]
    fn turns_are_read_as_they_were_written() {
        for turns in [turns(&[0]), turns(&[1, 0, 127, 128, 70_000])] {
            let blob = encoded(&turns);
            let read = decode(&id(), ExecutionId(2), 7, turns.len() as u64, &blob).unwrap();
            assert!(read.iter().copied().eq(turns.iter().map(|turn| &turn[..])));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_reported() {
        let turns = turns(&[3, 0, 130]);
        let blob = encoded(&turns);
        for bit in 0..blob.len() * 8 {
            let mut flipped = blob.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&id(), ExecutionId(2), 7, 3, &flipped).is_err(), "bit {bit}");
        }
        for end in 0..blob.len() {
            assert!(decode(&id(), ExecutionId(2), 7, 3, &blob[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_chunk_in_the_place_of_another_is_reported() {
        let blob = encoded(&turns(&[3, 4]));
        let other = InstanceId::new("order-18").unwrap();
        assert!(decode(&other, ExecutionId(2), 7, 2, &blob).is_err());
        assert!(decode(&id(), ExecutionId(1), 7, 2, &blob).is_err());
        assert!(decode(&id(), ExecutionId(2), 8, 2, &blob).is_err());
        assert!(decode(&id(), ExecutionId(2), 7, 3, &blob).is_err());
    }

    #[test]
    fn a_run_is_split_by_the_number_of_its_turns_and_by_their_bytes() {
        let lengths = |turns: &[usize]| -> Vec<(u64, usize)> {
            let run =
                TurnRun { execution: ExecutionId::FIRST, first: 5, turns: self::turns(turns) };
            chunks(&run).map(|(first, turns)| (first, turns.len())).collect()
        };
        assert_eq!(lengths(&[]), []);
        assert_eq!(lengths(&[1]), [(5, 1)]);
        assert_eq!(lengths(&[0; 2049]), [(5, 1024), (1029, 1024), (2053, 1)]);
        assert_eq!(lengths(&[MAX_BYTES, 1]), [(5, 1), (6, 1)]);
        assert_eq!(lengths(&[MAX_BYTES - 1, 1, 1]), [(5, 2), (7, 1)]);
        assert_eq!(lengths(&[MAX_BYTES + 1, 0, 0]), [(5, 1), (6, 2)], "one turn may be larger");
    }
}
