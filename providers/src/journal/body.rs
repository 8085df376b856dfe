//! Bodies of records: the entries of a commit, in few bytes.
//!
//! A body begins with the version of its format. Numbers are varints; what the entries of one
//! commit share or what is close from one to the next is written as a reference or a difference.
//! A version is read for ever. Version 2 has ids that are UUIDs in 16 bytes, and is compressed where
//! that pays. Version 3 is that with attributes, version 4 with turns that keep executions.

mod attributes;
mod bytes;
mod read;
pub(crate) mod varint;
mod write;

#[cfg(feature = "local")]
pub(crate) use attributes::{read as read_attributes, write as write_attributes};
#[cfg(any(feature = "blobs", feature = "local"))]
pub(crate) use bytes::Bytes;
#[cfg(any(feature = "blobs", feature = "local"))]
pub(crate) use read::SummaryReader;
pub(super) use read::decode;
#[cfg(feature = "local")]
pub(crate) use read::unpack;
#[cfg(any(feature = "blobs", feature = "local"))]
pub(crate) use write::SummaryWriter;
pub(super) use write::{encode, encode_compact};

/// The newest format that is written and read.
pub(super) const VERSION: u8 = 4;

/// The format without compression.
const VERSION_1: u8 = 1;

/// The format without attributes. What has none is written in it, so that hosts of before read that.
const VERSION_2: u8 = 2;

/// The format without turns that keep executions. Written where there are none, in the same way.
const VERSION_3: u8 = 3;

/// How the content of a body of version 2 and later is stored: the byte that follows the version.
const PLAIN: u8 = 0;
const LZ4: u8 = 1;

/// Kinds of entries. Never changed; new ones get new numbers.
const TURN: u8 = 1;
const PURGED: u8 = 2;
/// Reserved: earlier versions could write it, with a byte and a text of bytes; no store ever did. It is read over.
const NOTE: u8 = 3;
/// A turn that keeps executions before its own: how many, and the rest as of a turn.
const KEEPING_TURN: u8 = 4;

/// How `wake_at` is written: the upper half of the byte that also holds the state.
const WAKE_NONE: u8 = 0;
const WAKE_NOW: u8 = 1;
const WAKE_LATER: u8 = 2;

/// In the same byte: the instance has attributes, which follow.
const HAS_ATTRIBUTES: u8 = 0x40;

/// Why a body does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// A newer reenact has written it.
    NewerVersion(u8),
    /// It is not a body of its version.
    Malformed(&'static str),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reenact_core::{AttributeValue, Attributes, ExecutionId, InstanceId, Name, Timestamp};

    use super::*;
    use crate::journal::commit::Source;
    use crate::journal::{Entry, EntryRef};
    use crate::{InstanceState, InstanceSummary, TurnRecord};

    fn turn(id: &str, number: u64, bytes: usize) -> TurnRecord {
        let now = Timestamp::from_micros(1_767_225_600_000_000 + number % 1000 * 731);
        let summary = InstanceSummary {
            instance: InstanceId::new(id).unwrap(),
            execution: ExecutionId::FIRST,
            name: Name::new("process_order").unwrap(),
            state: InstanceState::Running,
            created_at: Timestamp::from_micros(1_767_225_500_000_000),
            updated_at: now,
            turns: number.saturating_add(1),
            events: number.saturating_mul(2),
            wake_at: Some(Timestamp::EPOCH),
            attributes: reenact_core::Attributes::default(),
        };
        TurnRecord {
            number,
            bytes: vec![number as u8; bytes].into(),
            summary,
            has_drawn_id: false,
            keep: 0,
        }
    }

    fn encoded(entries: &[Entry]) -> Vec<u8> {
        let mut body = Vec::new();
        encode(&mut body, entries.iter().map(Source::from));
        body
    }

    fn compact(entries: &[Entry]) -> Vec<u8> {
        let (mut body, mut spare) = (Vec::new(), vec![7; 3]);
        encode_compact(&mut body, &mut spare, entries.iter().map(Source::from));
        body
    }

    /// The entries in each of the forms that are written.
    fn forms(entries: &[Entry]) -> [Vec<u8>; 2] {
        [encoded(entries), compact(entries)]
    }

    fn error_of(body: &[u8]) -> Option<BodyError> {
        decode(body, &mut Vec::new()).err()
    }

    /// Compares what was written with what is read.
    fn assert_same(written: &[Entry], read: &[EntryRef<'_>]) {
        assert_eq!(written.len(), read.len());
        for pair in written.iter().zip(read) {
            match pair {
                (Entry::Turn(turn), EntryRef::Turn(read)) => {
                    assert_eq!(turn.number, read.number);
                    assert_eq!(turn.summary, read.summary);
                    assert_eq!(turn.keep, read.keep);
                    assert_eq!(*turn.bytes, *read.bytes);
                }
                (Entry::Purged(id), EntryRef::Purged(read)) => assert_eq!(id, read),
                _ => panic!("{pair:?} are of different kinds"),
            }
        }
    }

    /// The first of these: one of each kind, and one more.
    fn attributes(count: usize) -> Attributes {
        let values: [AttributeValue; 6] = [
            "größer".into(),
            i64::MIN.into(),
            (-0.5).into(),
            true.into(),
            Timestamp::from_micros(u64::MAX).into(),
            "".into(),
        ];
        let names = (0..).map(|number| Name::new(format!("n{number}")).unwrap());
        Attributes::of_stored(names.zip(values).take(count))
    }

    fn all_kinds() -> Vec<Entry> {
        let mut entries = Vec::new();
        for (state, wake_at) in InstanceState::BY_NUMBER.into_iter().zip([
            None,
            Some(Timestamp::EPOCH),
            Some(Timestamp::from_micros(1)),
            Some(Timestamp::from_micros(u64::MAX)),
            None,
            Some(Timestamp::from_micros(2)),
            None,
            None,
        ]) {
            let mut record = turn("a", u64::from(state as u8), 3);
            record.summary.attributes = attributes(state as usize);
            record.summary.state = state;
            record.summary.wake_at = wake_at;
            entries.push(Entry::Turn(record));
        }
        let mut extreme = turn("é", u64::MAX, 0);
        extreme.summary.turns = 0;
        extreme.summary.events = u64::MAX;
        extreme.summary.execution = ExecutionId(u32::MAX);
        extreme.summary.created_at = Timestamp::from_micros(u64::MAX);
        extreme.summary.updated_at = Timestamp::EPOCH;
        entries.push(Entry::Turn(extreme));
        entries.push(Entry::Purged(InstanceId::new("a").unwrap()));
        for keep in [1, u32::MAX] {
            entries.push(Entry::Turn(TurnRecord { keep, ..turn("a", 0, 3) }));
        }
        entries
    }

    /// Enough of everything that it is compressed.
    fn many() -> Vec<Entry> {
        let uuids = (0..200_u128).map(|n| uuid::Uuid::from_u128(n << 100 | n).to_string());
        let turns = uuids.map(|id| Entry::Turn(turn(&id, 4, 35)));
        all_kinds().into_iter().chain(turns).collect()
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        for entries in [all_kinds(), many(), Vec::new()] {
            for body in forms(&entries) {
                assert_same(&entries, &decode(&body, &mut vec![1; 5]).unwrap());
            }
        }
    }

    #[test]
    fn ids_that_are_no_uuid_as_it_is_written_stay_as_they_are() {
        for id in [
            "0190a5d0-ac96-7000-8000-00000000000f",
            "0190A5D0-ac96-7000-8000-00000000000f",
            "{0190a5d0-ac96-7000-8000-00000000000f}",
            "urn:uuid:0190a5d0-ac96-7000-8000-00000000000f",
            "0190a5d0ac9670008000000000000000",
            "0190a5d0-ac96-7000-8000-00000000000g",
        ] {
            let entries = [Entry::Purged(InstanceId::new(id).unwrap())];
            assert_same(&entries, &decode(&compact(&entries), &mut Vec::new()).unwrap());
        }
    }

    #[test]
    fn a_body_that_is_cut_or_longer_is_malformed() {
        for body in [all_kinds(), many()].iter().flat_map(|entries| forms(entries)) {
            for end in 0..body.len() {
                let error = error_of(&body[..end]);
                assert!(matches!(error, Some(BodyError::Malformed(_))), "{end}: {error:?}");
            }
            let longer = [&body[..], &[0]].concat();
            assert!(matches!(error_of(&longer), Some(BodyError::Malformed(_))));
        }
    }

    /// A host of before reads what has nothing that it does not know, and refuses the rest by its version.
    #[test]
    fn the_version_is_a_newer_one_with_what_is_new_only() {
        let plain = [Entry::Turn(turn("a", 0, 3))];
        assert_eq!(forms(&plain).map(|body| body[0]), [VERSION_1, VERSION_2]);
        let mut with_attributes = turn("a", 0, 3);
        with_attributes.summary.attributes = attributes(1);
        let with_attributes = [Entry::Turn(with_attributes)];
        assert_eq!(forms(&with_attributes).map(|body| body[0]), [VERSION_3, VERSION_3]);
        let later = [Entry::Turn(TurnRecord { keep: 7, ..turn("a", 1, 3) })];
        assert_eq!(forms(&later)[0][0], VERSION_1, "only a first turn keeps executions");
        assert_eq!(forms(&all_kinds()).map(|body| body[0]), [VERSION, VERSION]);
    }

    #[test]
    fn a_newer_version_is_reported() {
        let mut body = encoded(&all_kinds());
        body[0] = VERSION + 1;
        assert_eq!(error_of(&body), Some(BodyError::NewerVersion(VERSION + 1)));
    }

    /// Random bytes do not become fewer, and are not made more.
    #[test]
    fn what_does_not_compress_is_stored_as_it_is() {
        let mut random = 1_u64;
        let bytes = (0..4096).map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 56) as u8
        });
        let entries = [Entry::Turn(TurnRecord { bytes: bytes.collect(), ..turn("a", 0, 0) })];
        assert!(compact(&entries).len() <= encoded(&entries).len() + 1);
    }

    /// Earlier versions could write notes.
    #[test]
    fn a_note_is_read_over() {
        let content = [2, NOTE, 7, 4, b'n', b'o', b't', b'e', PURGED, 0, 1, b'a'];
        for head in [&[VERSION_1][..], &[VERSION_2, PLAIN], &[VERSION_3, PLAIN], &[VERSION, PLAIN]]
        {
            let body = [head, &content].concat();
            let read = decode(&body, &mut Vec::new()).unwrap().len();
            assert_eq!(read, 1, "the entry after it");
        }
    }

    #[test]
    fn claims_that_the_bytes_do_not_bear_out_are_malformed() {
        let many_entries = [&[0xff; 9][..], &[1]].concat();
        let long_text = [&[1, PURGED, 0][..], &[0xff; 9], &[1]].concat();
        let long_note = [&[1, NOTE, 0][..], &[0xff; 9], &[1]].concat();
        let no_such_text = vec![1, PURGED, 1];
        let no_such_kind = vec![1, 9];
        let no_text = vec![1, PURGED, 0, 2, 0xff, 0xfe];
        let no_uuid = vec![1, PURGED, 0, 0, 1, 2, 3];
        for content in
            [many_entries, long_text, long_note, no_such_text, no_such_kind, no_text, no_uuid]
        {
            for head in [&[VERSION_1][..], &[VERSION_2, PLAIN], &[VERSION, PLAIN]] {
                let body = [head, &content].concat();
                assert!(matches!(error_of(&body), Some(BodyError::Malformed(_))), "{body:?}");
            }
        }
    }

    /// Nothing is taken of memory for a length that the bytes cannot have.
    #[test]
    fn a_length_that_compressed_bytes_cannot_have_is_malformed() {
        let bomb = |length: u64, block: &[u8]| {
            let mut body = vec![VERSION, LZ4];
            varint::put(&mut body, length);
            [&body[..], block].concat()
        };
        let block = lz4_flex::block::compress(&[0; 100_000]);
        for length in [0, 1, 99_999, 100_001, u64::MAX, 1 << 40, 17 * 1024 * 1024] {
            let mut unpacked = Vec::new();
            let body = bomb(length, &block);
            assert!(
                matches!(decode(&body, &mut unpacked), Err(BodyError::Malformed(_))),
                "{length}"
            );
            assert!(unpacked.capacity() < 1024 * 1024, "{length}");
        }
        assert!(matches!(error_of(&[VERSION, 2, 0]), Some(BodyError::Malformed(_))));
    }

    #[test]
    fn mutated_bodies_never_panic() {
        let bodies = [encoded(&all_kinds()), compact(&all_kinds()), compact(&many())];
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for body in bodies.iter().cycle().take(30_000) {
            let mut mutated = body.clone();
            for _ in 0..=next() % 4 {
                let at = next() as usize % mutated.len();
                match next() % 3 {
                    0 => mutated[at] = next() as u8,
                    1 => drop(mutated.remove(at)),
                    _ => mutated.insert(at, next() as u8),
                }
            }
            let mut unpacked = Vec::new();
            let count = decode(&mutated, &mut unpacked).map_or(0, |entries| entries.len());
            assert!(count <= mutated.len().max(unpacked.len()));
        }
    }

    /// The promise is half of an event's size at most; an event has some 127 bytes, and a turn has
    /// one input and one output at least, or ends its instance.
    #[test]
    fn what_goes_around_the_events_is_small() {
        let ids: Vec<String> = (0..512).map(|i| format!("order-{i:030}")).collect();
        let entries: Vec<Entry> =
            (ids.iter().zip(0..)).map(|(id, i)| Entry::Turn(turn(id, i % 9, 2 * 127))).collect();
        let around = encoded(&entries).len() as f64 / entries.len() as f64 - 254.0;
        assert!(around < 64.0, "{around} bytes per turn of a new instance each");

        let entries: Vec<Entry> = (0..512).map(|i| Entry::Turn(turn("one", i, 127))).collect();
        let around = encoded(&entries).len() as f64 / entries.len() as f64 - 127.0;
        assert!(around < 24.0, "{around} bytes per turn of the same instance");
    }

    /// A rewind appends thousands of turns at once, each with its summary.
    #[test]
    fn turns_of_one_instance_have_its_attributes_once() {
        let mut entries: Vec<Entry> = (0..512).map(|i| Entry::Turn(turn("one", i, 127))).collect();
        let without = encoded(&entries).len();
        for entry in &mut entries {
            let Entry::Turn(turn) = entry else { continue };
            turn.summary.attributes = attributes(6);
        }
        let body = encoded(&entries);
        assert!(body.len() - without < 1_000, "{}", body.len() - without);
        assert_same(&entries, &decode(&body, &mut Vec::new()).unwrap());
    }

    /// A step of an instance under a drawn id, as many instances make it at the same time.
    #[test]
    fn turns_of_drawn_ids_take_less_than_their_events_alone() {
        let id = |n: u128| uuid::Uuid::from_u128((0x0190_a5d0_ac96 << 80) | (n * 0x9e37_79b9_7f4a));
        let entries = (0..256).map(|n| {
            let mut record = turn(&id(n).to_string(), 3, 0);
            let events = format!("\x07\x03\x05step_of_order\x08{{\"amount\":{n}}}\x01\x04");
            record.bytes = Arc::from(events.into_bytes());
            Entry::Turn(record)
        });
        let entries: Vec<Entry> = entries.collect();
        let events = entries.iter().map(|entry| Source::from(entry).size()).sum::<usize>();
        let [plain, compact] = forms(&entries).map(|body| body.len());
        assert!(compact < events && plain > 2 * compact, "{events}: {plain}, {compact}");
    }
}
