//! What comes from a queue, and texts that callers bring.

use reenact_core::{
    ActivityToken, CorrelationId, EventKey, ExecutionId, InstanceId, Name, Payload, RemoteCommand,
    RemoteEvent, RemoteRun, TraceContext, Version, codec,
};

/// Decodes it as each kind of message, and reads it as each kind of text: what is read is written as what reads the same.
pub(super) fn run(input: &[u8]) {
    if let Ok(command) = codec::decode_command(input) {
        let again = codec::encode_command(&command).expect("what was read can be written");
        assert_eq!(codec::decode_command(&again).expect("it can be read"), command);
    }
    if let Ok(activity) = codec::decode_activity(input) {
        let again = codec::encode_activity(&activity).expect("what was read can be written");
        assert_eq!(codec::decode_activity(&again).expect("it can be read"), activity);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(token) = text.parse::<ActivityToken>() {
        assert_eq!(token.to_string().parse::<ActivityToken>().expect("it can be read"), token);
    }
    if let Ok(trace) = TraceContext::from_traceparent(text) {
        let again = TraceContext::from_traceparent(&trace.traceparent());
        assert_eq!(again.expect("it can be read").traceparent(), trace.traceparent());
    }
    if let Ok(version) = text.parse::<Version>() {
        assert_eq!(version.to_string().parse::<Version>().expect("it can be read"), version);
    }
    let _ = (EventKey::new(text), Name::new(text));
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let event = RemoteEvent {
        name: Name::new("Approve").expect("it is valid"),
        data: Payload::encode(&true).expect("it is encoded"),
        key: EventKey::new("order-7").expect("it is valid"),
    };
    let cancel = RemoteCommand::Cancel { reason: "too late".to_owned() };
    let commands = [RemoteCommand::RaiseEvent(event), cancel, RemoteCommand::Resume];
    let encoded = commands.map(|command| codec::encode_command(&command).expect("it is encoded"));
    let instance = InstanceId::new("order 7").expect("it is valid");
    let run = RemoteRun { execution: ExecutionId::FIRST, seed: 7 };
    let token = ActivityToken::new(instance, run, CorrelationId(1), 1);
    let texts = [
        token.to_string(),
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        "2.10.0-beta.1".to_owned(),
    ];
    encoded.into_iter().chain(texts.map(String::into_bytes)).collect()
}
