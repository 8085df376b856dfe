//! Bodies of records: the entries of a commit, in few bytes.
//!
//! A body begins with the version of its format. Numbers are varints; what the entries of one
//! commit share or what is close from one to the next is written as a reference or a difference.
//! A version is read for ever.

mod read;
pub(crate) mod varint;
mod write;

pub(super) use read::decode;
#[cfg(feature = "blobs")]
pub(crate) use read::{Bytes, SummaryReader};
#[cfg(feature = "blobs")]
pub(crate) use write::SummaryWriter;
pub(super) use write::encode;

/// The format that is written, and the newest that is read.
pub(super) const VERSION: u8 = 1;

/// Kinds of entries. Never changed; new ones get new numbers.
const TURN: u8 = 1;
const PURGED: u8 = 2;
const NOTE: u8 = 3;

/// How `wake_at` is written: the upper half of the byte that also holds the state.
const WAKE_NONE: u8 = 0;
const WAKE_NOW: u8 = 1;
const WAKE_LATER: u8 = 2;

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

    use reenact_core::{ExecutionId, InstanceId, Name, Timestamp};

    use super::*;
    use crate::journal::commit::Source;
    use crate::journal::{Entry, EntryRef, Note};
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
        };
        TurnRecord { number, bytes: vec![number as u8; bytes].into(), summary }
    }

    fn encoded(entries: &[Entry]) -> Vec<u8> {
        let mut body = Vec::new();
        encode(&mut body, entries.iter().map(Source::from));
        body
    }

    /// Compares what was written with what is read.
    fn assert_same(written: &[Entry], read: &[EntryRef<'_>]) {
        assert_eq!(written.len(), read.len());
        for pair in written.iter().zip(read) {
            match pair {
                (Entry::Turn(turn), EntryRef::Turn(read)) => {
                    assert_eq!(turn.number, read.number);
                    assert_eq!(turn.summary, read.summary);
                    assert_eq!(*turn.bytes, *read.bytes);
                }
                (Entry::Purged(id), EntryRef::Purged(read)) => assert_eq!(id, read),
                (Entry::Note(note), EntryRef::Note { kind, bytes }) => {
                    assert_eq!((note.kind, &*note.bytes), (*kind, *bytes));
                }
                _ => panic!("{pair:?} are of different kinds"),
            }
        }
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
        ]) {
            let mut record = turn("a", u64::from(state as u8), 3);
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
        entries.push(Entry::Note(Note { kind: 255, bytes: Arc::from(*b"note") }));
        entries
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let entries = all_kinds();
        assert_same(&entries, &decode(&encoded(&entries)).unwrap());
        assert_same(&[], &decode(&encoded(&[])).unwrap());
    }

    #[test]
    fn a_body_that_is_cut_or_longer_is_malformed() {
        let body = encoded(&all_kinds());
        for end in 0..body.len() {
            assert!(matches!(decode(&body[..end]), Err(BodyError::Malformed(_))), "{end}");
        }
        let longer = [&body[..], &[0]].concat();
        assert!(matches!(decode(&longer), Err(BodyError::Malformed(_))));
    }

    #[test]
    fn a_newer_version_is_told() {
        let mut body = encoded(&all_kinds());
        body[0] = VERSION + 1;
        assert_eq!(decode(&body), Err(BodyError::NewerVersion(VERSION + 1)));
    }

    #[test]
    fn claims_that_the_bytes_do_not_bear_out_are_malformed() {
        let many_entries = [&[VERSION][..], &[0xff; 9], &[1]].concat();
        let long_text = [&[VERSION, 1, PURGED, 0][..], &[0xff; 9], &[1]].concat();
        let long_note = [&[VERSION, 1, NOTE, 0][..], &[0xff; 9], &[1]].concat();
        let no_such_text = vec![VERSION, 1, PURGED, 1];
        let no_such_kind = vec![VERSION, 1, 9];
        let no_text = vec![VERSION, 1, PURGED, 0, 2, 0xff, 0xfe];
        for body in [many_entries, long_text, long_note, no_such_text, no_such_kind, no_text] {
            assert!(matches!(decode(&body), Err(BodyError::Malformed(_))), "{body:?}");
        }
    }

    #[test]
    fn mutated_bodies_never_panic() {
        let body = encoded(&all_kinds());
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for _ in 0..20_000 {
            let mut mutated = body.clone();
            for _ in 0..=next() % 4 {
                let at = next() as usize % mutated.len();
                match next() % 3 {
                    0 => mutated[at] = next() as u8,
                    1 => drop(mutated.remove(at)),
                    _ => mutated.insert(at, next() as u8),
                }
            }
            if let Ok(entries) = decode(&mutated) {
                assert!(entries.len() <= mutated.len());
            }
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
}
