//! The stored form: what was written is read for ever, and nothing that is read makes it panic.

#[path = "support/instance.rs"]
mod instance;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use instance::{name, payload, seconds, turn};
use reenact_core::codec::{
    CodecError, FORMAT_VERSION, FORMAT_VERSION_WITH_STATUS, MAX_TURN_BYTES, decode_turn,
    encode_turn, encode_turn_with_status, status_turn,
};
use reenact_core::{
    ActivityError, ActivityErrorKind, ChildError, CorrelationId, Event, EventKey, InstanceId,
    Message, MessageBody, MessageId, MessageKind, NotTaken, OrchestrationError,
    OrchestrationErrorKind, Origin, ParentClose, Payload, RecordedOptions, RecordedRetry,
    RecordedTurn, Relation, Timestamp, Version,
};

/// An event of each kind, in the order of the kinds.
fn every_event() -> Vec<Event> {
    let first = [events_of_the_second_version(), events_of_cancel_and_suspend()];
    let later = [events_of_attempts(), events_of_versions(), vec![rewound()]];
    [first.concat(), later.concat(), events_of_children(), vec![child_attempt_failed()]].concat()
}

/// Those that there were when the second fixture was written.
fn events_of_the_second_version() -> Vec<Event> {
    [events_of_the_first_version(), vec![status_set()], events_of_continue_as_new()].concat()
}

fn status_set() -> Event {
    Event::StatusSet { status: payload("half of it") }
}

/// Those that there were when the first fixture was written.
fn events_of_the_first_version() -> Vec<Event> {
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
    ]
}

/// Those that came with continue-as-new.
fn events_of_continue_as_new() -> Vec<Event> {
    let keys = ["key-1", "Schlüssel"].map(|key| EventKey::new(key).expect("a key"));
    vec![
        Event::ExecutionContinued { input: payload([1, 2]) },
        Event::EventKeysCarried { keys: keys.into() },
    ]
}

/// Those that came with cancels and suspensions.
fn events_of_cancel_and_suspend() -> Vec<Event> {
    vec![
        Event::CancelRequested { reason: "no stock".into() },
        Event::ExecutionCancelled { reason: "Keine Ware, schöne Grüße".into() },
        Event::ExecutionSuspended { reason: String::new() },
        Event::ExecutionResumed,
    ]
}

/// Those that came with children and messages.
fn events_of_children() -> Vec<Event> {
    let (id, lineage) = (CorrelationId(3), u64::MAX >> 1);
    let instance = InstanceId::new("order-1/3-00c0ffee").expect("an id");
    let message = MessageId { lineage, id, attempt: 2, kind: MessageKind::Start };
    let child = instance.clone();
    vec![
        Event::StartedBy { origin: Box::new(origin()) },
        Event::ChildScheduled {
            version: Version::new("1.2.0").ok(),
            id,
            name: name("ship"),
            input: payload(1),
            instance: instance.clone(),
            parent_close: ParentClose::Abandon,
            retry: Some(Box::new(recorded_retry())),
        },
        Event::ChildCompleted { id, output: payload("out") },
        Event::ChildFailed { id, error: Box::new(ChildError::AlreadyExists { child }) },
        Event::ChildCancelRequested { id },
        Event::StartRequested {
            version: None,
            id,
            name: name("ship"),
            input: payload(1),
            instance: instance.clone(),
        },
        Event::CallRefused {
            id,
            name: name("ship"),
            error: Box::new(ChildError::InvalidInput {
                orchestration: "ship".into(),
                why: "no number".into(),
            }),
        },
        Event::EventSent { id, to: instance.clone(), name: name("Go"), data: payload(()) },
        Event::MessagesDelivered { messages: vec![message], end: Some(7) },
        Event::MessageRefused { message, why: NotTaken::Finished },
        Event::OutboxCarried { messages: messages(&instance) },
    ]
}

/// That which came with retries of children.
fn child_attempt_failed() -> Event {
    let child = InstanceId::new("ship-7~250").expect("an id");
    let error = OrchestrationError::new("no stock").with_details(&7);
    Event::ChildAttemptFailed {
        id: CorrelationId(251),
        attempt: 250,
        error: Box::new(ChildError::Failed { child, error }),
        retry_at: seconds(1_700_000_000),
    }
}

/// Further shapes of what came with them.
fn further_events_of_child_attempts() -> Vec<Event> {
    let (id, orchestration) = (CorrelationId(0), "o".to_string());
    let error = Box::new(ChildError::InvalidOptions { orchestration, why: "no".into() });
    let retry_at = Timestamp::from_micros(u64::MAX);
    vec![Event::ChildAttemptFailed { id, attempt: u32::MAX, error, retry_at }]
}

fn origin() -> Origin {
    Origin {
        instance: InstanceId::new("order-1").expect("an id"),
        lineage: 42,
        id: CorrelationId(9),
        attempt: 3,
        depth: 2,
        relation: Relation::Child,
    }
}

/// A message of each kind.
fn messages(to: &InstanceId) -> Vec<Message> {
    let failed = ChildError::Failed { child: to.clone(), error: OrchestrationError::new("oh") };
    let bodies = [
        MessageBody::Start {
            name: name("o"),
            version: None,
            input: payload(1),
            origin: Box::new(origin()),
            not_before: Some(Timestamp::from_micros(1_800_000_000)),
        },
        MessageBody::Cancel { reason: "its parent has ended".into() },
        MessageBody::Event { name: name("Go"), data: payload(2) },
        MessageBody::Result { lineage: 1, id: CorrelationId(1), result: Ok(payload(3)) },
        MessageBody::Result { lineage: 1, id: CorrelationId(1), result: Err(Box::new(failed)) },
    ];
    let kinds = [
        MessageKind::Start,
        MessageKind::Cancel,
        MessageKind::Event,
        MessageKind::Result,
        MessageKind::Result,
    ];
    let all = bodies.into_iter().zip(kinds).zip(1..);
    all.map(|((body, kind), lineage)| {
        let id = MessageId { lineage, id: CorrelationId(0), attempt: 1, kind };
        Message { id, to: to.clone(), body }
    })
    .collect()
}

/// Further shapes of the same kinds: each error and each refusal.
fn further_events_of_children() -> Vec<Event> {
    let (id, child) = (CorrelationId(0), InstanceId::new("c").expect("an id"));
    let (text, orchestration) = ("why".to_string(), "o".to_string());
    let errors = [
        ChildError::Failed { child: child.clone(), error: OrchestrationError::new("oh") },
        ChildError::Terminated { child: child.clone(), reason: text.clone() },
        ChildError::Cancelled { child: child.clone(), reason: text.clone() },
        ChildError::NotCalled { orchestration: orchestration.clone(), reason: text.clone() },
        ChildError::InvalidId { orchestration: orchestration.clone(), why: text.clone() },
        ChildError::InvalidOutput { child: child.clone(), why: text },
        ChildError::TooDeep { orchestration, limit: 32 },
    ];
    let failed = errors.map(|error| Event::ChildFailed { id, error: Box::new(error) });
    let message = MessageId { lineage: 0, id, attempt: 1, kind: MessageKind::Event };
    let refused = [NotTaken::NotFound, NotTaken::AlreadyExists]
        .map(|why| Event::MessageRefused { message, why });
    let scheduled = Event::ChildScheduled {
        version: None,
        id,
        name: name("o"),
        input: payload(0),
        instance: child,
        parent_close: ParentClose::Cancel,
        retry: None,
    };
    let detached = Origin { relation: Relation::Detached, ..origin() };
    let more = [
        scheduled,
        Event::StartedBy { origin: Box::new(detached) },
        Event::MessagesDelivered { messages: Vec::new(), end: None },
    ];
    [failed.to_vec(), refused.to_vec(), more.to_vec()].concat()
}

/// Errors of the kinds that came with cancels.
fn cancelled_errors() -> Vec<Event> {
    let error = OrchestrationError::of_kind(OrchestrationErrorKind::Cancelled, "no stock");
    let id = CorrelationId(7);
    let of_activity = ActivityError::of_kind(ActivityErrorKind::Cancelled, "no stock");
    vec![Event::ExecutionFailed { error }, Event::TaskFailed { id, error: of_activity }]
}

/// Those that came with attempts of activities.
fn events_of_attempts() -> Vec<Event> {
    let (id, retry_at) = (CorrelationId(251), seconds(1_700_000_000));
    let limit = Some(Duration::from_secs(30));
    let options = RecordedOptions {
        retry: Some(recorded_retry()),
        start_to_close: limit,
        schedule_to_close: limit,
        heartbeat: limit,
    };
    let error = ActivityError::of_kind(ActivityErrorKind::TimedOut, "start-to-close");
    vec![
        Event::TaskConfigured { id, options: Box::new(options) },
        Event::TaskAttemptFailed { id, attempt: 250, error, retry_at },
        Event::TaskHeartbeat { id, details: payload([7, 9]) },
    ]
}

fn recorded_retry() -> RecordedRetry {
    RecordedRetry {
        max_attempts: 251,
        first_delay: Duration::from_millis(1_500),
        factor: 2_500,
        max_delay: Duration::from_secs(100),
        jitter: 100,
        deadline: Some(Duration::from_secs(3_600)),
    }
}

/// Further shapes of the kinds of attempts.
fn further_events_of_attempts() -> Vec<Event> {
    let id = CorrelationId(1);
    let options = RecordedOptions {
        retry: None,
        start_to_close: None,
        schedule_to_close: None,
        heartbeat: None,
    };
    let error = ActivityError::of_kind(ActivityErrorKind::InvalidOptions, "no").with_details(&1);
    vec![Event::TaskConfigured { id, options: Box::new(options) }, Event::TaskFailed { id, error }]
}

/// Those that came with versions.
fn events_of_versions() -> Vec<Event> {
    let version = Version::new("1.20.300-beta.4+build").expect("a version");
    vec![Event::VersionSelected { version }, Event::PatchMarked { name: name("Größer") }]
}

/// That which came with rewinds.
fn rewound() -> Event {
    Event::ExecutionRewound { reason: "the price was wrong".into(), dropped: 300, seed: 1 << 62 }
}

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

/// Turns one after the other, each behind its length (32 bit, little endian).
fn write(turns: &[Vec<u8>]) -> Vec<u8> {
    let behind_length = |bytes: &Vec<u8>| {
        let length = u32::try_from(bytes.len()).expect("a short turn");
        [length.to_le_bytes().to_vec(), bytes.clone()].concat()
    };
    turns.iter().flat_map(behind_length).collect()
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

#[test]
fn what_version_1_wrote_is_read_for_ever() {
    let stored = fixture("turns_v1.bin", &encoded());
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns());
    assert_eq!(encoded(), stored, "and version 1 is still written like this");
}

#[test]
fn what_version_1_wrote_of_continue_as_new_is_read_for_ever() {
    let turns = turns_of_continue_as_new();
    let encoded: Vec<_> =
        turns.iter().map(|turn| encode_turn(turn).expect("a turn encodes")).collect();
    let stored = fixture("turns_v1_continue_as_new.bin", &encoded);
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns);
    assert_eq!(encoded, stored, "and version 1 is still written like this");
}

#[test]
fn what_version_1_wrote_of_cancels_and_suspensions_is_read_for_ever() {
    let turns = each_and_all(&[events_of_cancel_and_suspend(), cancelled_errors()].concat());
    let encoded: Vec<_> =
        turns.iter().map(|turn| encode_turn(turn).expect("a turn encodes")).collect();
    let stored = fixture("turns_v1_cancel.bin", &encoded);
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns);
    assert_eq!(encoded, stored, "and version 1 is still written like this");
}

#[test]
fn what_version_1_wrote_of_attempts_is_read_for_ever() {
    let turns = turns_of_attempts();
    let encoded: Vec<_> =
        turns.iter().map(|turn| encode_turn(turn).expect("a turn encodes")).collect();
    let stored = fixture("turns_v1_attempts.bin", &encoded);
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns);
    assert_eq!(encoded, stored, "and version 1 is still written like this");
}

#[test]
fn what_version_1_wrote_of_versions_is_read_for_ever() {
    let turns = turns_of_versions();
    let encoded: Vec<_> =
        turns.iter().map(|turn| encode_turn(turn).expect("a turn encodes")).collect();
    let stored = fixture("turns_v1_versions.bin", &encoded);
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns);
    assert_eq!(encoded, stored, "and version 1 is still written like this");
}

#[test]
fn what_version_1_wrote_of_rewinds_is_read_for_ever() {
    let turns = each_and_all(&[rewound()]);
    let encoded: Vec<_> =
        turns.iter().map(|turn| encode_turn(turn).expect("a turn encodes")).collect();
    let stored = fixture("turns_v1_rewound.bin", &encoded);
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns);
    assert_eq!(encoded, stored, "and version 1 is still written like this");
}

#[test]
fn what_version_1_wrote_of_children_and_messages_is_read_for_ever() {
    let turns = each_and_all(&[events_of_children(), further_events_of_children()].concat());
    let encoded: Vec<_> =
        turns.iter().map(|turn| encode_turn(turn).expect("a turn encodes")).collect();
    let stored = fixture("turns_v1_children.bin", &encoded);
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns);
    assert_eq!(encoded, stored, "and version 1 is still written like this");
}

#[test]
fn what_version_1_wrote_of_retries_of_children_is_read_for_ever() {
    let turns =
        each_and_all(&[vec![child_attempt_failed()], further_events_of_child_attempts()].concat());
    let encoded: Vec<_> =
        turns.iter().map(|turn| encode_turn(turn).expect("a turn encodes")).collect();
    let stored = fixture("turns_v1_child_attempts.bin", &encoded);
    assert_eq!(stored.iter().map(|bytes| decode(bytes)).collect::<Vec<_>>(), turns);
    assert_eq!(encoded, stored, "and version 1 is still written like this");
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
    assert_eq!(refused.to_string(), "a stored turn does not decode: bytes are left over behind it");
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
