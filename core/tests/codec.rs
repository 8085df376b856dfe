//! The stored form: what was written is read for ever, and nothing that is read makes it panic.

#[path = "support/instance.rs"]
mod instance;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use instance::{name, payload, seconds, turn};
use reenact_core::codec::{CodecError, FORMAT_VERSION, MAX_TURN_BYTES, decode_turn, encode_turn};
use reenact_core::{
    ActivityError, ActivityErrorKind, CorrelationId, Event, EventKey, OrchestrationError,
    OrchestrationErrorKind, Payload, RecordedTurn, Timestamp,
};

/// An event of each kind, in the order of the kinds, and of each shape that a kind has.
fn every_event() -> Vec<Event> {
    let (id, at) = (CorrelationId(1), seconds(1_700_000_000));
    vec![
        Event::ExecutionStarted {
            name: name("orchestration"),
            input: payload(["in", "put"]),
            seed: u64::MAX,
            delay: Some(Duration::new(3, 500)),
        },
        Event::TaskScheduled { id, name: name("Grüße"), input: payload(()) },
        Event::TaskCompleted { id, output: payload(vec![1, 2, 3]) },
        Event::TaskFailed { id, error: ActivityError::fatal("declined").with_details(&51) },
        Event::TaskCancelRequested { id: CorrelationId(250) },
        Event::TaskRefused {
            id: CorrelationId(251),
            name: name("a"),
            error: ActivityError::of_kind(ActivityErrorKind::InvalidInput, "no number"),
        },
        Event::TimerCreated { id: CorrelationId(65_535), fire_at: at },
        Event::TimerFired { id: CorrelationId(65_536) },
        Event::TimerCancelled { id: CorrelationId(u64::MAX) },
        Event::ExternalSubscribed { id, name: name("Go") },
        Event::ExternalRaised {
            name: name("Go"),
            data: payload("now"),
            key: Some(EventKey::new("key-1").expect("a key")),
        },
        Event::ExternalUnsubscribed { id },
        Event::SideEffectRecorded { id, value: Payload::default() },
        Event::ExecutionCompleted { output: payload("out") },
        Event::ExecutionFailed {
            error: OrchestrationError::of_kind(OrchestrationErrorKind::Panicked, "oh"),
        },
        Event::ExecutionTerminated { reason: "enough".into() },
        Event::ExecutionContinued { input: payload([1, 2]) },
        Event::EventKeysCarried {
            keys: ["key-1", "Schlüssel"].map(|key| EventKey::new(key).expect("a key")).into(),
        },
    ]
}

/// How many of the kinds were there from the beginning.
const FIRST_KINDS: usize = 16;

/// Further shapes of the same kinds: without options, and with each kind of error.
fn further_events() -> Vec<Event> {
    let id = CorrelationId(0);
    let start =
        Event::ExecutionStarted { name: name("o"), input: payload(0), seed: 0, delay: None };
    let raised = Event::ExternalRaised { name: name("Go"), data: payload(()), key: None };
    let activity_kinds = [
        ActivityErrorKind::Retryable,
        ActivityErrorKind::Fatal,
        ActivityErrorKind::Panicked,
        ActivityErrorKind::InvalidInput,
        ActivityErrorKind::InvalidOutput,
    ];
    let orchestration_kinds = [
        OrchestrationErrorKind::Failed,
        OrchestrationErrorKind::Panicked,
        OrchestrationErrorKind::LimitExceeded,
        OrchestrationErrorKind::InvalidInput,
        OrchestrationErrorKind::InvalidOutput,
    ];
    let failed = activity_kinds
        .map(|kind| Event::TaskFailed { id, error: ActivityError::of_kind(kind, "no") });
    let ended = orchestration_kinds.map(|kind| Event::ExecutionFailed {
        error: OrchestrationError::of_kind(kind, "no").with_details("more"),
    });
    [vec![start, raised], failed.to_vec(), ended.to_vec()].concat()
}

/// The turns of all fixtures.
fn turns() -> Vec<RecordedTurn> {
    [first_turns(), turns_of_continue_as_new()].concat()
}

/// The turns of the first fixture.
fn first_turns() -> Vec<RecordedTurn> {
    turns_of([&every_event()[..FIRST_KINDS], &further_events()].concat())
}

/// The turns of the fixture that came with continue-as-new.
fn turns_of_continue_as_new() -> Vec<RecordedTurn> {
    let mut events = every_event().split_off(FIRST_KINDS);
    events.push(Event::EventKeysCarried { keys: Vec::new() });
    turns_of(events)
}

/// One event each, and one turn with all of them.
fn turns_of(events: Vec<Event>) -> Vec<RecordedTurn> {
    let each = events.iter().zip(1..).map(|(event, at)| turn(at, [event.clone()]));
    let all = RecordedTurn { at: Timestamp::from_micros(u64::MAX), events: events.clone().into() };
    each.chain([all]).collect()
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Turns one after the other, each behind its length (32 bit, little endian).
fn write(turns: &[RecordedTurn]) -> Vec<u8> {
    let encoded = turns.iter().map(|turn| encode_turn(turn).expect("a turn encodes"));
    encoded
        .flat_map(|bytes| {
            let length = u32::try_from(bytes.len()).expect("a short turn");
            [length.to_le_bytes().to_vec(), bytes].concat()
        })
        .collect()
}

fn read(mut bytes: &[u8]) -> Vec<RecordedTurn> {
    let mut turns = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (encoded, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        turns.push(decode_turn(encoded).expect("a stored turn decodes"));
        bytes = rest;
    }
    turns
}

/// These bytes were written by the first version. They are never written again: a new kind of
/// event, or a new format, gets a file of its own. (The files were made by this test with
/// `WRITE_FIXTURES=1` in the environment, which writes only what is not there.)
#[test]
fn what_version_1_wrote_is_read_for_ever() {
    for (file, turns) in [
        ("turns_v1.bin", first_turns()),
        ("turns_v1_continue_as_new.bin", turns_of_continue_as_new()),
    ] {
        let file = fixture(file);
        if std::env::var_os("WRITE_FIXTURES").is_some() && !file.exists() {
            std::fs::write(&file, write(&turns)).expect("a writable directory");
        }
        let stored = std::fs::read(&file).expect("the fixture is checked in");
        assert_eq!(read(&stored), turns);
        assert_eq!(write(&turns), stored, "and version 1 is still written like this");
    }
}

#[test]
fn every_kind_of_event_comes_back_as_it_was() {
    let kinds: BTreeSet<_> = every_event().iter().map(Event::kind).collect();
    assert_eq!(kinds.len(), every_event().len());
    for turn in turns() {
        let bytes = encode_turn(&turn).expect("a turn encodes");
        assert_eq!(bytes[0], FORMAT_VERSION);
        assert_eq!(decode_turn(&bytes), Ok(turn));
    }
}

#[test]
fn the_kinds_above_are_all_that_there_are() {
    let next_kind = u8::try_from(every_event().len()).expect("few kinds");
    // A turn at the epoch, with one event, of the kind behind the last.
    let unknown = decode_turn(&[FORMAT_VERSION, 0, 1, next_kind]);
    assert!(matches!(unknown, Err(CodecError::Malformed(_))), "{unknown:?}");
}

#[test]
fn an_empty_turn_comes_back_empty() {
    let empty = turn(5, []);
    let bytes = encode_turn(&empty).expect("a turn encodes");
    assert_eq!(decode_turn(&bytes), Ok(empty));
}

#[test]
fn what_is_cut_short_anywhere_is_refused() {
    for turn in turns() {
        let bytes = encode_turn(&turn).expect("a turn encodes");
        for length in 0..bytes.len() {
            let refused = decode_turn(&bytes[..length]).expect_err("it is not whole");
            assert_eq!(length == 0, refused == CodecError::Empty);
        }
    }
}

#[test]
fn what_is_left_over_is_refused() {
    let mut bytes = encode_turn(&turn(1, every_event())).expect("a turn encodes");
    bytes.push(0);
    let refused = decode_turn(&bytes).expect_err("one byte too many");
    assert_eq!(refused.to_string(), "a stored turn does not decode: bytes are left over behind it");
}

#[test]
fn no_flipped_bit_makes_it_panic() {
    for turn in turns() {
        let bytes = encode_turn(&turn).expect("a turn encodes");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Another turn can come out: to notice that is for the checksum around it.
            if let Ok(other) = decode_turn(&flipped) {
                assert_ne!(other, turn, "bit {bit}");
            }
        }
    }
}

#[test]
fn a_claimed_length_does_not_become_memory() {
    const U64: u8 = 253;
    let claim = |prefix: &[u8], length: u64| {
        let bytes = [prefix, &[U64], &length.to_le_bytes()].concat();
        decode_turn(&bytes).expect_err("there is nothing behind it")
    };
    let events: &[u8] = &[FORMAT_VERSION, 0];
    let name: &[u8] = &[FORMAT_VERSION, 0, 1, 0];
    let payload: &[u8] = &[FORMAT_VERSION, 0, 1, 2, 1];
    for prefix in [events, name, payload] {
        // Taken at its word, each of these would end the process.
        for length in [u64::MAX, i64::MAX as u64, 1 << 45] {
            assert!(matches!(claim(prefix, length), CodecError::Malformed(_)));
        }
    }
    for prefix in [name, payload] {
        let CodecError::Malformed(why) = claim(prefix, MAX_TURN_BYTES as u64 + 1) else {
            panic!("of another kind");
        };
        assert!(why.contains("LimitExceeded"), "{why}");
    }
}

#[test]
fn a_turn_that_is_too_large_is_not_written() {
    let megabyte = Payload::from_bytes(vec![b'1'; 1 << 20]).expect("at the limit");
    let event = Event::ExecutionCompleted { output: megabyte };
    let too_large = turn(1, vec![event; MAX_TURN_BYTES >> 20]);
    assert!(matches!(encode_turn(&too_large), Err(CodecError::Encode(_))));
}

#[test]
fn other_versions_are_named() {
    let mut bytes = encode_turn(&turn(1, every_event())).expect("a turn encodes");
    for found in [0, FORMAT_VERSION + 1, u8::MAX] {
        bytes[0] = found;
        assert_eq!(decode_turn(&bytes), Err(CodecError::UnknownVersion { found }));
    }
    assert_eq!(
        CodecError::UnknownVersion { found: 2 }.to_string(),
        "a stored turn has format version 2; this reenact reads up to 1"
    );
    assert_eq!(decode_turn(&[]), Err(CodecError::Empty));
}

#[test]
fn names_that_break_the_rules_are_refused_when_read() {
    // A start at the epoch, with a name of one control character.
    let bytes = [FORMAT_VERSION, 0, 1, 0, 1, 7];
    let CodecError::Malformed(why) = decode_turn(&bytes).expect_err("no name") else {
        panic!("of another kind");
    };
    assert!(why.contains("control character"), "{why}");
}
