//! What goes through queues: what was sent is read for ever, and a run knows where it comes from.

use std::path::PathBuf;
use std::time::Duration;

use reenact_core::codec::{
    COMMAND_FORMAT_VERSION, CodecError, MAX_TURN_BYTES, decode_command, encode_command,
};
use reenact_core::{
    ActivityError, Attributes, CorrelationId, EventKey, ExecutionId, IdReuse, InstanceId, Message,
    MessageBody, MessageId, MessageKind, Name, NotTaken, Origin, Payload, Relation, RemoteCommand,
    RemoteEvent, RemoteFork, RemoteRun, RemoteStart, StartOption, TimeLimits, Timestamp, Version,
};

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

fn id(text: &str) -> InstanceId {
    InstanceId::new(text).expect("a good id")
}

fn payload(value: u64) -> Payload {
    Payload::encode(&value).expect("a number encodes")
}

fn event() -> RemoteEvent {
    let key = EventKey::new("once").expect("a good key");
    RemoteEvent { name: name("Go"), data: payload(7), key }
}

fn start() -> RemoteStart {
    RemoteStart {
        name: name("order"),
        version: None,
        input: payload(1),
        seed: u64::MAX >> 1,
        not_before: None,
        event: None,
    }
}

fn message(kind: MessageKind, body: MessageBody) -> Box<Message> {
    let id_of = MessageId { lineage: 9, id: CorrelationId(3), attempt: 2, kind };
    Box::new(Message { id: id_of, to: id("child"), body })
}

fn origin() -> Box<Origin> {
    Box::new(Origin {
        instance: id("parent"),
        lineage: 9,
        id: CorrelationId(3),
        attempt: 2,
        depth: 1,
        relation: Relation::Child,
    })
}

/// One of each kind at least, in the order in which the stored form counts them.
fn commands() -> Vec<RemoteCommand> {
    let reason = String::from("why");
    let run = RemoteRun { execution: ExecutionId(2), seed: 77 };
    let (call, attempt) = (CorrelationId(5), 3);
    let from = id("parent");
    let message_command =
        |kind, body| RemoteCommand::Tell { from: from.clone(), message: message(kind, body) };
    let begin = MessageBody::Start {
        name: name("ship"),
        version: Some(Version::new("1.2.0").expect("a version")),
        input: payload(4),
        origin: origin(),
        not_before: Some(Timestamp::from_micros(5)),
    };
    let raised = MessageBody::Event { name: name("Go"), data: payload(8) };
    let ended = MessageBody::Result { lineage: 9, id: call, result: Ok(payload(2)) };
    let all = RemoteStart {
        version: Some(Version::new("2.0.1").expect("a version")),
        not_before: Some(Timestamp::from_micros(1_000_000)),
        event: Some(event()),
        ..start()
    };
    vec![
        RemoteCommand::Start(Box::new(start())),
        RemoteCommand::Start(Box::new(all)),
        RemoteCommand::RaiseEvent(event()),
        RemoteCommand::Cancel { reason: reason.clone() },
        RemoteCommand::Terminate { reason: reason.clone() },
        RemoteCommand::Suspend { reason: reason.clone() },
        RemoteCommand::Resume,
        RemoteCommand::Rewind { position: 12, reason: reason.clone(), seed: 34 },
        RemoteCommand::Purge { created_at: Timestamp::from_micros(99) },
        message_command(MessageKind::Start, begin),
        message_command(MessageKind::Cancel, MessageBody::Cancel { reason }),
        message_command(MessageKind::Event, raised),
        message_command(MessageKind::Result, ended),
        RemoteCommand::Answer {
            message: MessageId { lineage: 9, id: call, attempt: 1, kind: MessageKind::Start },
            taken: Err(NotTaken::AlreadyExists),
        },
        RemoteCommand::CompleteTask { run, id: call, attempt, result: Ok(payload(6)) },
        RemoteCommand::CompleteTask {
            run,
            id: call,
            attempt,
            result: Err(ActivityError::retryable("down")),
        },
        RemoteCommand::RecordHeartbeat { run, id: call, attempt, details: payload(50) },
    ]
}

/// Commands one after the other, each after its length (32 bit, little endian).
fn write(commands: &[Vec<u8>]) -> Vec<u8> {
    let after_length = |bytes: &Vec<u8>| {
        let length = u32::try_from(bytes.len()).expect("a short command");
        [length.to_le_bytes().to_vec(), bytes.clone()].concat()
    };
    commands.iter().flat_map(after_length).collect()
}

/// Never written again, as the fixtures of turns: a new kind gets a file of its own. (Made with
/// `WRITE_FIXTURES=1` in the environment, which writes only what is not there.)
#[test]
fn what_version_1_sent_is_read_for_ever() {
    assert_read_for_ever("commands_v1.bin", &commands());
}

#[test]
fn what_version_1_sent_to_one_instance_only_is_read_for_ever() {
    let command = Box::new(RemoteCommand::Suspend { reason: "why".into() });
    let created_at = Timestamp::from_micros(1_000_000);
    let command = RemoteCommand::ToInstanceOf { created_at, command };
    let bytes = encode_command(&command).expect("a command encodes");
    let stored = [1, 12, 252, 64, 66, 15, 0, 4, 3, b'w', b'h', b'y'];
    assert_eq!(bytes, stored);
    assert_eq!(decode_command(&stored), Ok(command));
}

/// Never written again, as the other fixtures.
#[test]
fn what_version_1_said_of_starts_is_read_for_ever() {
    let limits = TimeLimits { execution: Some(Duration::from_secs(60)), total: None };
    let options = [
        StartOption::Reuse(IdReuse { replaced: 0b101, attached: 0b111_1111 }),
        StartOption::Limits(limits),
    ];
    let start = |options: &[StartOption]| RemoteCommand::StartWith {
        start: Box::new(start()),
        options: options.to_vec(),
    };
    let begin = MessageBody::Start {
        name: name("ship"),
        version: None,
        input: payload(4),
        origin: origin(),
        not_before: None,
    };
    let limited = MessageBody::Limited { limits, body: Box::new(begin) };
    let (from, message) = (id("parent"), message(MessageKind::Start, limited));
    let commands = [start(&options[..1]), start(&options), RemoteCommand::Tell { from, message }];
    assert_read_for_ever("commands_v1_starts.bin", &commands);
}

#[test]
fn what_version_1_said_of_forks_is_read_for_ever() {
    let fork = |before, reason: &str| {
        let (from, execution) = (id("order-7"), ExecutionId(3));
        StartOption::Fork(Box::new(RemoteFork { from, execution, before, reason: reason.into() }))
    };
    let start = |options: &[StartOption]| RemoteCommand::StartWith {
        start: Box::new(start()),
        options: options.to_vec(),
    };
    let commands = [start(&[fork(None, "")]), start(&[fork(Some(300), "what if")])];
    assert_read_for_ever("commands_v1_forks.bin", &commands);
}

#[test]
fn what_version_1_said_of_children_with_attributes_is_read_for_ever() {
    let body = MessageBody::Start {
        name: name("ship"),
        version: None,
        input: payload(4),
        origin: origin(),
        not_before: None,
    };
    let attributes = Attributes::of_stored([(name("v"), 1.into())]);
    let body = MessageBody::Attributed { attributes, body: Box::new(body) };
    let (from, message) = (id("parent"), message(MessageKind::Start, body));
    let commands = [RemoteCommand::Tell { from, message }];
    assert_read_for_ever("commands_v1_attributes.bin", &commands);
}

fn assert_read_for_ever(name: &str, commands: &[RemoteCommand]) {
    let encoded: Vec<_> =
        commands.iter().map(|c| encode_command(c).expect("a command encodes")).collect();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    if std::env::var_os("WRITE_FIXTURES").is_some() && !path.exists() {
        std::fs::write(&path, write(&encoded)).expect("a writable directory");
    }
    assert_eq!(write(&encoded), std::fs::read(path).expect("the fixture is checked in"));
    for (bytes, command) in encoded.iter().zip(commands) {
        assert_eq!(decode_command(bytes).as_ref(), Ok(command));
    }
}

#[test]
fn what_is_no_command_is_refused_with_a_reason() {
    assert_eq!(decode_command(&[]), Err(CodecError::Empty));
    let newer = decode_command(&[COMMAND_FORMAT_VERSION + 1, 0]);
    assert_eq!(newer, Err(CodecError::UnknownCommandVersion { found: 2 }));
    let mut long = encode_command(&RemoteCommand::Resume).expect("a command encodes");
    long.push(0);
    assert!(matches!(decode_command(&long), Err(CodecError::Malformed(_))));
    for command in commands() {
        let bytes = encode_command(&command).expect("a command encodes");
        for end in 0..bytes.len() {
            assert!(decode_command(&bytes[..end]).is_err(), "{command:?} cut at {end}");
        }
    }
}

#[test]
fn what_is_too_large_to_be_read_is_not_written() {
    let reason = "a".repeat(MAX_TURN_BYTES);
    let refused = encode_command(&RemoteCommand::Suspend { reason });
    assert!(matches!(refused, Err(CodecError::Encode(_))), "{refused:?}");
}

#[test]
fn a_run_descends_from_its_own_start_and_from_no_other() {
    let first = RemoteRun { execution: ExecutionId::FIRST, seed: 5 };
    assert!(first.descends_from(5));
    assert!(!first.descends_from(6));
    let rewound = RemoteRun { execution: ExecutionId(4), seed: 5 };
    assert!(rewound.descends_from(5), "a rewind keeps the first turn");
    assert!(!rewound.descends_from(6));
}
