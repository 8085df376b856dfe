//! The stored form: what was written is read for ever, and nothing that is read makes it panic.

mod attributes;
mod children;
mod events;
mod time_limits;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::instance::turn;
use attributes::{attributes_changed, attributes_of_child, further_changes_of_attributes};
use children::{
    child_attempt_failed, children_superseded, events_of_children,
    further_events_of_child_attempts, further_events_of_children,
    further_events_of_superseded_children,
};
use events::{
    cancelled_errors, command_sent, commands_received, events_of_any, events_of_attempts,
    events_of_cancel_and_suspend, events_of_continue_as_new, events_of_locks, events_of_parking,
    events_of_requests, events_of_streams, events_of_the_first_version,
    events_of_the_second_version, events_of_updates, events_of_versions, every_event, forked,
    further_events, further_events_of_attempts, further_events_of_commands_sent,
    further_events_of_requests, renewed, rewound, status_set, task_deferred, task_local,
    task_tagged, trace_received, value_published,
};
use reenact_core::codec::{
    ACTIVITY_FORMAT_VERSION_WITH_TRACE, CodecError, FORMAT_VERSION, FORMAT_VERSION_WITH_STATUS,
    MAX_TURN_BYTES, decode_activity, decode_turn, encode_activity, encode_turn,
    encode_turn_with_status, status_turn,
};
use reenact_core::{
    ActivityError, ActivityErrorKind, AttemptTerms, CorrelationId, Event, ExecutionId, Name,
    OrchestrationError, OrchestrationErrorKind, Payload, ReceivedTrace, RecordedTurn,
    RemoteActivity, RemoteRun, Timestamp, Version,
};
use time_limits::events_of_time_limits;

/// The turns of the first fixture: one event each, and one turn with all of them.
fn turns() -> Vec<RecordedTurn> {
    let events = [events_of_the_first_version(), further_events()].concat();
    each_and_all(&events)
}

/// The turns of the fixture that came with continue-as-new.
fn turns_of_continue_as_new() -> Vec<RecordedTurn> {
    let without_keys = Event::EventKeysCarried { keys: Vec::new() };
    each_and_all(&[events_of_continue_as_new(), vec![without_keys]].concat())
}

/// The turns of the fixture that came with attempts of activities.
fn turns_of_attempts() -> Vec<RecordedTurn> {
    each_and_all(&[events_of_attempts(), further_events_of_attempts()].concat())
}

/// The turns of the fixture that came with versions.
fn turns_of_versions() -> Vec<RecordedTurn> {
    let none = Event::VersionSelected { version: Version::NONE };
    each_and_all(&[events_of_versions(), vec![none]].concat())
}

fn each_and_all(events: &[Event]) -> Vec<RecordedTurn> {
    let each = events.iter().zip(1..).map(|(event, at)| turn(at, [event.clone()]));
    let all = RecordedTurn { at: Timestamp::from_micros(u64::MAX), events: events.to_vec().into() };
    each.chain([all]).collect()
}

/// The turns of the second fixture, with the turns that set the newest status then.
fn turns_with_status() -> Vec<(RecordedTurn, Option<u64>)> {
    let numbers = [0, 250, 251, 65_536, u64::MAX].map(Some);
    let turns = numbers.map(|number| (turn(7, [status_set(), status_set()]), number));
    let all = each_and_all(&events_of_the_second_version()).into_iter().map(|turn| (turn, Some(3)));
    turns.into_iter().chain(all).collect()
}

fn encoded() -> Vec<Vec<u8>> {
    turns().iter().map(|turn| encode_turn(turn).expect("a turn encodes")).collect()
}

fn encoded_with_status() -> Vec<Vec<u8>> {
    let encode = |(turn, number): &(RecordedTurn, Option<u64>)| {
        encode_turn_with_status(turn, *number).expect("a turn encodes")
    };
    turns_with_status().iter().map(encode).collect()
}

/// Turns one after the other, each after its length (32 bit, little endian).
fn write(turns: &[Vec<u8>]) -> Vec<u8> {
    let after_length = |bytes: &Vec<u8>| {
        let length = u32::try_from(bytes.len()).expect("a short turn");
        [length.to_le_bytes().to_vec(), bytes.clone()].concat()
    };
    turns.iter().flat_map(after_length).collect()
}

fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut turns = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (encoded, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        turns.push(encoded.to_vec());
        bytes = rest;
    }
    turns
}

fn decode(bytes: &[u8]) -> RecordedTurn {
    decode_turn(bytes).expect("a stored turn decodes")
}

/// The turns of a fixture. It is never written again: a new kind of event, or a new format, gets a
/// file of its own. (The files were made with `WRITE_FIXTURES=1` in the environment, which writes
/// only what is not there.)
fn fixture(name: &str, written_now: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    if std::env::var_os("WRITE_FIXTURES").is_some() && !path.exists() {
        std::fs::write(&path, write(written_now)).expect("a writable directory");
    }
    split(&std::fs::read(path).expect("the fixture is checked in"))
}

fn assert_read_for_ever(name: &str, turns: &[RecordedTurn]) {
    let encode = |turn| encode_turn(turn).expect("a turn encodes");
    let encoded: Vec<_> = turns.iter().map(encode).collect();
    let stored = fixture(name, &encoded);
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns);
    assert_eq!(encoded, stored, "and version 1 is still written like this");
}

#[test]
fn what_version_1_wrote_is_read_for_ever() {
    assert_read_for_ever("turns_v1.bin", &turns());
}

#[test]
fn what_version_1_wrote_of_continue_as_new_is_read_for_ever() {
    let turns = turns_of_continue_as_new();
    assert_read_for_ever("turns_v1_continue_as_new.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_cancels_and_suspensions_is_read_for_ever() {
    let turns = each_and_all(&[events_of_cancel_and_suspend(), cancelled_errors()].concat());
    assert_read_for_ever("turns_v1_cancel.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_attempts_is_read_for_ever() {
    let turns = turns_of_attempts();
    assert_read_for_ever("turns_v1_attempts.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_versions_is_read_for_ever() {
    let turns = turns_of_versions();
    assert_read_for_ever("turns_v1_versions.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_rewinds_is_read_for_ever() {
    let turns = each_and_all(&[rewound()]);
    assert_read_for_ever("turns_v1_rewound.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_children_and_messages_is_read_for_ever() {
    let turns = each_and_all(&[events_of_children(), further_events_of_children()].concat());
    assert_read_for_ever("turns_v1_children.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_retries_of_children_is_read_for_ever() {
    let turns =
        each_and_all(&[vec![child_attempt_failed()], further_events_of_child_attempts()].concat());
    assert_read_for_ever("turns_v1_child_attempts.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_tags_is_read_for_ever() {
    assert_read_for_ever("turns_v1_tags.bin", &each_and_all(&[task_tagged()]));
}

#[test]
fn what_version_1_wrote_of_superseded_children_is_read_for_ever() {
    let events = [vec![children_superseded()], further_events_of_superseded_children()].concat();
    assert_read_for_ever("turns_v1_superseded.bin", &each_and_all(&events));
}

#[test]
fn what_version_1_wrote_of_commands_is_read_for_ever() {
    assert_read_for_ever("turns_v1_commands.bin", &each_and_all(&[commands_received()]));
}

#[test]
fn what_version_1_wrote_of_renewals_is_read_for_ever() {
    assert_read_for_ever("turns_v1_renewed.bin", &each_and_all(&[renewed()]));
}

#[test]
fn what_version_1_wrote_of_parking_is_read_for_ever() {
    assert_read_for_ever("turns_v1_parked.bin", &each_and_all(&events_of_parking()));
}

#[test]
fn what_version_1_wrote_of_traces_is_read_for_ever() {
    assert_read_for_ever("turns_v1_traces.bin", &each_and_all(&[trace_received()]));
}

#[test]
fn what_version_1_wrote_of_published_values_is_read_for_ever() {
    let cleared = Event::ValuePublished { name: Name::new("v").expect("a name"), value: None };
    let turns = each_and_all(&[value_published(), cleared]);
    assert_read_for_ever("turns_v1_published.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_updates_is_read_for_ever() {
    assert_read_for_ever("turns_v1_updates.bin", &each_and_all(&events_of_updates()));
}

#[test]
fn what_version_1_wrote_of_attributes_is_read_for_ever() {
    let events = [vec![attributes_changed()], further_changes_of_attributes()].concat();
    assert_read_for_ever("turns_v1_attributes.bin", &each_and_all(&events));
}

#[test]
fn what_version_1_wrote_of_forks_is_read_for_ever() {
    assert_read_for_ever("turns_v1_forked.bin", &each_and_all(&[forked()]));
}

#[test]
fn what_version_1_wrote_of_attributes_of_children_is_read_for_ever() {
    let turns = each_and_all(&[attributes_of_child()]);
    assert_read_for_ever("turns_v1_attributes_of_children.bin", &turns);
}

#[test]
fn what_version_1_wrote_of_waits_for_any_event_is_read_for_ever() {
    assert_read_for_ever("turns_v1_any.bin", &each_and_all(&events_of_any()));
}

#[test]
fn what_version_1_wrote_of_updates_between_instances_is_read_for_ever() {
    let events = [events_of_requests(), further_events_of_requests()].concat();
    assert_read_for_ever("turns_v1_requests.bin", &each_and_all(&events));
}

#[test]
fn what_version_1_wrote_of_locks_is_read_for_ever() {
    assert_read_for_ever("turns_v1_locks.bin", &each_and_all(&events_of_locks()));
}

#[test]
fn what_version_1_wrote_of_streams_is_read_for_ever() {
    assert_read_for_ever("turns_v1_streams.bin", &each_and_all(&events_of_streams()));
}

#[test]
fn what_version_1_wrote_of_time_limits_is_read_for_ever() {
    let kind = OrchestrationErrorKind::TimedOut;
    let error = OrchestrationError::of_kind(kind, "the time limit of the instance has passed");
    let events = [events_of_time_limits(), vec![Event::ExecutionFailed { error }]].concat();
    assert_read_for_ever("turns_v1_time_limits.bin", &each_and_all(&events));
}

#[test]
fn what_version_1_wrote_of_local_activities_is_read_for_ever() {
    assert_read_for_ever("turns_v1_local.bin", &each_and_all(&[task_local()]));
}

#[test]
fn what_version_1_wrote_of_commands_from_code_is_read_for_ever() {
    let events = [vec![command_sent()], further_events_of_commands_sent()].concat();
    assert_read_for_ever("turns_v1_commands_sent.bin", &each_and_all(&events));
}

#[test]
fn what_version_1_wrote_of_deferred_activities_is_read_for_ever() {
    let of_kind = ActivityError::of_kind(ActivityErrorKind::Later, "it is completed from outside");
    let failed = Event::TaskFailed { id: CorrelationId(1), error: of_kind };
    assert_read_for_ever("turns_v1_deferred.bin", &each_and_all(&[task_deferred(), failed]));
}

/// Calls of activities in the queues of tags.
fn calls() -> Vec<RemoteActivity> {
    let (execution, seed) = (ExecutionId(250), u64::MAX);
    let least = RemoteActivity {
        run: RemoteRun { execution: ExecutionId::FIRST, seed: 0 },
        id: CorrelationId(1),
        name: Name::new("a").expect("a name"),
        input: Payload::encode(&()).expect("it encodes"),
        attempt: 1,
        terms: None,
        deadline: None,
        trace: None,
    };
    let terms = AttemptTerms {
        start_to_close: Some(Duration::from_millis(1_500)),
        heartbeat: Some(Duration::from_secs(251)),
        details: Some(Payload::encode("half").expect("it encodes")),
    };
    let most = RemoteActivity {
        run: RemoteRun { execution, seed },
        id: CorrelationId(65_536),
        attempt: 251,
        terms: Some(Box::new(terms)),
        deadline: Some(Timestamp::from_micros(u64::MAX)),
        ..least.clone()
    };
    let silent = Some(Box::new(AttemptTerms::default()));
    vec![RemoteActivity { terms: silent, ..least.clone() }, least, most]
}

#[test]
fn the_calls_that_version_1_sent_are_read_for_ever() {
    let encode = |call| encode_activity(call).expect("a call encodes");
    let encoded: Vec<_> = calls().iter().map(encode).collect();
    let stored = fixture("activities_v1.bin", &encoded);
    let read = stored.iter().map(|bytes| decode_activity(bytes).expect("a call"));
    assert_eq!(read.collect::<Vec<_>>(), calls());
    assert_eq!(encoded, stored, "and they are still written like this");
}

/// The same calls, of a run that was started in a trace.
fn traced_calls() -> Vec<RemoteActivity> {
    let trace = ReceivedTrace::of_caller(crate::trace_context::context());
    let traced = |call| RemoteActivity { trace: Some(Box::new(trace.clone())), ..call };
    calls().into_iter().map(traced).collect()
}

#[test]
fn the_calls_that_version_2_sends_are_read_for_ever() {
    let encode = |call| encode_activity(call).expect("a call encodes");
    let encoded: Vec<_> = traced_calls().iter().map(encode).collect();
    let stored = fixture("activities_v2.bin", &encoded);
    let read = stored.iter().map(|bytes| decode_activity(bytes).expect("a call"));
    assert_eq!(read.collect::<Vec<_>>(), traced_calls());
    assert_eq!(encoded, stored, "and they are still written like this");
}

#[test]
fn what_is_no_call_is_refused() {
    for bytes in calls()
        .iter()
        .chain(&traced_calls())
        .map(|call| encode_activity(call).expect("a call encodes"))
    {
        for length in 0..bytes.len() {
            assert!(decode_activity(&bytes[..length]).is_err(), "it is not whole");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(decode_activity(&longer), Err(CodecError::Malformed(_))));
        let found = ACTIVITY_FORMAT_VERSION_WITH_TRACE + 1;
        let newer = [&[found], &bytes[1..]].concat();
        assert_eq!(decode_activity(&newer), Err(CodecError::UnknownActivityVersion { found }));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Another call can come out, and nothing else.
            drop(decode_activity(&flipped));
        }
    }
}

#[test]
fn what_version_2_wrote_is_read_for_ever() {
    let stored = fixture("turns_v2.bin", &encoded_with_status());
    let read = stored.iter().map(|bytes| (decode(bytes), status_turn(bytes).expect("a number")));
    assert_eq!(read.collect::<Vec<_>>(), turns_with_status());
    assert_eq!(encoded_with_status(), stored, "and version 2 is still written like this");
}

#[test]
fn a_turn_of_an_execution_without_a_status_says_so() {
    for bytes in encoded() {
        assert_eq!(status_turn(&bytes), Ok(None));
    }
}

#[test]
fn every_kind_of_event_comes_back_as_it_was() {
    let kinds: BTreeSet<_> = every_event().iter().map(Event::kind).collect();
    assert_eq!(kinds.len(), every_event().len());
    for turn in each_and_all(&every_event()) {
        for (number, version) in [(None, FORMAT_VERSION), (Some(1), FORMAT_VERSION_WITH_STATUS)] {
            let bytes = encode_turn_with_status(&turn, number).expect("a turn encodes");
            assert_eq!((bytes[0], status_turn(&bytes)), (version, Ok(number)));
            assert_eq!(decode_turn(&bytes).as_ref(), Ok(&turn));
        }
    }
}

#[test]
fn the_kinds_above_are_all_that_there_are() {
    let next_kind = u8::try_from(every_event().len()).expect("few kinds");
    // A turn at the epoch, with one event, of the kind after the last.
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
    for bytes in [encoded(), encoded_with_status()].concat() {
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
    assert_eq!(refused.to_string(), "stored bytes do not decode: bytes are left over after it");
}

#[test]
fn no_flipped_bit_makes_it_panic() {
    for bytes in [encoded(), encoded_with_status()].concat() {
        let read = |bytes: &[u8]| Ok::<_, CodecError>((status_turn(bytes)?, decode_turn(bytes)?));
        let turn = read(&bytes).expect("a turn");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Another turn can come out: to notice that is for the checksum around it.
            if let Ok(other) = read(&flipped) {
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
        decode_turn(&bytes).expect_err("there is nothing after it")
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
    for found in [0, FORMAT_VERSION_WITH_STATUS + 1, u8::MAX] {
        bytes[0] = found;
        assert_eq!(decode_turn(&bytes), Err(CodecError::UnknownVersion { found }));
        assert_eq!(status_turn(&bytes), Err(CodecError::UnknownVersion { found }));
    }
    assert_eq!(
        CodecError::UnknownVersion { found: 3 }.to_string(),
        "a stored turn has format version 3; this reenact reads up to 2"
    );
    assert_eq!(decode_turn(&[]), Err(CodecError::Empty));
    assert_eq!(status_turn(&[]), Err(CodecError::Empty));
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
