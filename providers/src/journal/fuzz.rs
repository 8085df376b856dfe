//! Decoders under any bytes: a fixed number of times in each test run, and as often as one likes
//! with `PROPTEST_CASES=1000000 cargo test -p reenact-providers --features journal fuzz`.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};

use super::commit::Source;
use super::head::Head;
use super::record::{self, Read};
use super::{
    Checkpoint, Commit, EntryRef, Identity, JournalError, JournalId, Position, Recovery, body,
    segment_name,
};
use crate::medium::{ClaimMark, Directory};
use crate::testkit::disk::FakeDisk;
use crate::{Epoch, InstanceState, InstanceSummary, TurnRecord};

/// How often each decoder is tried where nobody says otherwise.
const RUNS: u32 = 4_000;

const IDENTITY: Identity = Identity { journal: JournalId([9; 16]), shard: ShardId(1) };

/// Changes of bytes: where, and by which bits.
type Flips = Vec<(u16, u8)>;

fn runs() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").is_ok();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { config } else { ProptestConfig { cases: RUNS, ..config } }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

/// Mostly near the beginning, where the fields are.
fn flips() -> impl Strategy<Value = Flips> {
    vec((prop_oneof![0..80_u16, 0..2_000_u16], any::<u8>()), 0..4)
}

/// Whether anything is changed.
fn flip(bytes: &mut [u8], flips: &Flips) -> bool {
    let before = bytes.to_vec();
    for (at, bits) in flips {
        if let Some(byte) = bytes.get_mut(usize::from(*at)) {
            *byte ^= bits;
        }
    }
    before != bytes
}

/// A turn with these bytes.
fn turn(bytes: &[u8]) -> TurnRecord {
    let summary = InstanceSummary {
        instance: InstanceId::new("i").unwrap(),
        execution: ExecutionId::FIRST,
        name: Name::new("n").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: 1,
        events: 1,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    TurnRecord { number: 0, bytes: Arc::from(bytes), summary, has_drawn_id: false, keep: 0 }
}

/// A segment of some records, and where each of them ends.
fn segment(bodies: &[Vec<u8>], room: usize) -> (Vec<u8>, Vec<u64>) {
    let (head, seed) = Head::first(IDENTITY, Epoch(1), ClaimMark::default()).encode();
    let mut stored = head.to_vec();
    let mut ends = Vec::new();
    for (index, bytes) in (0..).zip(bodies) {
        let mut encoded = Vec::new();
        body::encode(&mut encoded, [Source::Turn(&turn(bytes))].into_iter());
        let mut written = Vec::new();
        record::write(&mut written, seed, stored.len() as u64, index, &encoded);
        stored.extend_from_slice(&written);
        ends.push(stored.len() as u64);
    }
    stored.resize(stored.len() + room, 0);
    (stored, ends)
}

/// The turns that a journal of this one segment has, and its end.
fn recover(stored: &[u8]) -> Result<(Vec<Vec<u8>>, Position), JournalError> {
    let disk = FakeDisk::new();
    disk.put(&segment_name(1), stored);
    let mut turns = Vec::new();
    let recovery = Recovery::open(Arc::new(Directory::new(disk)), IDENTITY)?;
    let recovered = recovery.replay(|commit: Commit<'_>| {
        for entry in commit.entries {
            if let EntryRef::Turn(turn) = entry {
                turns.push(turn.bytes.to_vec());
            }
        }
        Ok::<(), JournalError>(())
    })?;
    Ok((turns, recovered.end()))
}

proptest! {
    #![proptest_config(runs())]

    #[test]
    fn a_body_of_any_bytes_is_entries_or_malformed(bytes in bytes(300)) {
        let bytes = [&[body::VERSION][..], &bytes].concat();
        if let Ok(entries) = body::decode(&bytes, &mut Vec::new()) {
            prop_assert!(entries.len() <= bytes.len());
        }
    }

    #[test]
    fn a_record_that_is_read_is_the_one_that_was_written(
        body in bytes(1_200),
        seed in any::<u32>(),
        index in any::<u32>(),
        offset in 0..2_000_u64,
        flips in flips(),
    ) {
        let mut stored = Vec::new();
        record::write(&mut stored, seed, offset, index, &body);
        let changed = flip(&mut stored, &flips);
        let head_end = (record::head_end(offset) - offset) as usize;
        let Read::Whole(head) = record::read_head(&stored[..head_end], seed, offset) else {
            prop_assert!(changed);
            return Ok(());
        };
        stored.truncate((head.end(offset) - offset) as usize);
        match record::read_body(&mut stored, &head, offset) {
            Read::Whole(()) => prop_assert_eq!((head.index, &stored), (index, &body)),
            Read::Incomplete | Read::Rotten(_) => prop_assert!(changed),
        }
    }

    #[test]
    fn a_segment_is_read_to_a_record_that_was_written_or_is_refused(
        bodies in vec(bytes(700), 0..4),
        room in 0..1_500_usize,
        flips in flips(),
    ) {
        let (mut stored, ends) = segment(&bodies, room);
        let changed = flip(&mut stored, &flips);
        match recover(&stored) {
            Ok((turns, end)) => {
                prop_assert!(bodies.starts_with(&turns), "nothing is read that was not written");
                prop_assert!(changed || turns == bodies);
                prop_assert!(turns.is_empty() || ends.contains(&end.offset));
            }
            Err(error) => prop_assert!(changed, "{}", error),
        }
    }

    #[test]
    fn a_segment_of_any_bytes_after_its_head_is_read_or_refused(bytes in bytes(2_000)) {
        let (mut stored, _) = segment(&[], 0);
        stored.extend_from_slice(&bytes);
        if let Ok((turns, _)) = recover(&stored) {
            prop_assert!(turns.len() <= bytes.len());
        }
    }

    #[test]
    fn a_checkpoint_that_is_read_is_the_one_that_was_written(
        (segment, offset, sequence) in any::<(u64, u64, u64)>(),
        flips in flips(),
    ) {
        let checkpoint = Checkpoint { position: Position { segment, offset, sequence } };
        let mut stored = checkpoint.encode(IDENTITY);
        let changed = flip(&mut stored, &flips);
        match Checkpoint::decode(&stored, IDENTITY) {
            Ok(read) => prop_assert_eq!(read, checkpoint),
            Err(error) => prop_assert!(changed, "{}", error),
        }
    }

    #[test]
    fn a_checkpoint_of_any_bytes_is_refused(bytes in bytes(300), begins in any::<bool>()) {
        let magic: &[u8] = if begins { b"reenactC" } else { b"" };
        prop_assert!(Checkpoint::decode(&[magic, &bytes].concat(), IDENTITY).is_err());
    }
}
