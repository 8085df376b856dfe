//! An event of each kind, by when the kinds came; and further shapes of them.

use std::time::Duration;

use reenact_core::{
    ActivityError, ActivityErrorKind, CarriedStream, CorrelationId, EmittedBy, Event, EventKey,
    ExecutionId, ForkedFrom, InstanceCommand, InstanceId, Message, MessageBody, MessageId,
    MessageKind, NotTaken, OrStart, OrchestrationError, OrchestrationErrorKind, Payload,
    RecordedOptions, RecordedRetry, Request, RequestEvent, Requester, StreamEvent, StreamItem,
    StreamWindow, Timestamp, UpdateAnswer, UpdateReturn, Version,
};

use super::attributes::attributes_changed;
use super::children::{child_attempt_failed, children_superseded, events_of_children};
use super::time_limits::events_of_time_limits;
use crate::support::instance::{name, payload, seconds};

/// An event of each kind, in the order of the kinds.
pub(crate) fn every_event() -> Vec<Event> {
    let first = [events_of_the_second_version(), events_of_cancel_and_suspend()];
    let later = [events_of_attempts(), events_of_versions(), vec![rewound()]];
    let newest =
        vec![child_attempt_failed(), task_tagged(), children_superseded(), commands_received()];
    let newest =
        [newest, events_of_host_deaths(), vec![renewed()], events_of_announced_runs()].concat();
    let newest = [
        newest,
        events_of_parking(),
        vec![task_local(), trace_received(), command_sent(), value_published()],
        events_of_updates(),
        vec![task_deferred()],
        events_of_any(),
        // One of its kind.
        events_of_requests().into_iter().take(1).collect(),
        events_of_streams()[..1].to_vec(),
        events_of_time_limits()[..1].to_vec(),
        vec![attributes_changed(), forked()],
    ]
    .concat();
    [first.concat(), later.concat(), events_of_children(), newest].concat()
}

/// Those that there were when the second fixture was written.
pub(crate) fn events_of_the_second_version() -> Vec<Event> {
    [events_of_the_first_version(), vec![status_set()], events_of_continue_as_new()].concat()
}

pub(crate) fn status_set() -> Event {
    Event::StatusSet { status: payload("half of it") }
}

/// Those that there were when the first fixture was written.
pub(crate) fn events_of_the_first_version() -> Vec<Event> {
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
pub(crate) fn events_of_continue_as_new() -> Vec<Event> {
    let keys = ["key-1", "Schlüssel"].map(|key| EventKey::new(key).expect("a key"));
    vec![
        Event::ExecutionContinued { input: payload([1, 2]) },
        Event::EventKeysCarried { keys: keys.into() },
    ]
}

/// Those that came with cancels and suspensions.
pub(crate) fn events_of_cancel_and_suspend() -> Vec<Event> {
    vec![
        Event::CancelRequested { reason: "no stock".into() },
        Event::ExecutionCancelled { reason: "Keine Ware, schöne Grüße".into() },
        Event::ExecutionSuspended { reason: String::new() },
        Event::ExecutionResumed,
    ]
}

/// Those that came with instances that are parked in their log.
pub(crate) fn events_of_parking() -> Vec<Event> {
    let reason = "expected TaskScheduled #1 `Größe`, found nothing".into();
    vec![Event::ExecutionParked { reason }, Event::ExecutionUnparked]
}

/// That which came with tags.
pub(crate) fn task_tagged() -> Event {
    Event::TaskTagged { id: CorrelationId(251), tag: name("gpu-größer") }
}

/// That which came with local activities.
pub(crate) fn task_local() -> Event {
    Event::TaskLocal { id: CorrelationId(251) }
}

/// That which came with traces.
pub(crate) fn trace_received() -> Event {
    let context = crate::trace_context::context();
    let relation = reenact_core::TraceRelation::Predecessor;
    Event::TraceContextReceived {
        received: Box::new(reenact_core::ReceivedTrace { context, relation }),
    }
}

/// That which came with commands from code.
pub(crate) fn command_sent() -> Event {
    let to = InstanceId::new("order-7").expect("an id");
    let command = InstanceCommand::Cancel { reason: "zurückgerufen".into() };
    Event::CommandSent { id: CorrelationId(251), to, command }
}

/// The other commands, and the message that came with them.
pub(crate) fn further_events_of_commands_sent() -> Vec<Event> {
    let (id, to) = (CorrelationId(0), InstanceId::new("ü").expect("an id"));
    let suspend = InstanceCommand::Suspend { reason: "wait".into() };
    let terminate = InstanceCommand::Terminate { reason: String::new() };
    let commands = [suspend.clone(), terminate, InstanceCommand::Resume];
    let sent = commands.map(|command| Event::CommandSent { id, to: to.clone(), command });
    let id = MessageId { lineage: 7, id, attempt: 1, kind: MessageKind::Command };
    let body = MessageBody::Command { command: suspend };
    [sent.to_vec(), vec![Event::OutboxCarried { messages: vec![Message { id, to, body }] }]]
        .concat()
}

/// Those which came with updates between instances.
pub(crate) fn events_of_requests() -> Vec<Event> {
    let (id, to) = (CorrelationId(251), InstanceId::new("größer").expect("an id"));
    let start =
        OrStart { name: name("o"), version: Version::new("1.2.3").ok(), input: payload([1]) };
    let request = Request {
        name: name("hinzufügen"),
        data: payload(251),
        is_update: true,
        or_start: Some(Box::new(start)),
    };
    let key = EventKey::new("from x").expect("a key");
    let by = Requester { instance: to.clone(), lineage: u64::MAX, id };
    let answer = UpdateReturn::Answered(UpdateAnswer::Replied(payload("ja")));
    let events = [
        RequestEvent::Sent { id, to, request },
        RequestEvent::Asked { key, by },
        RequestEvent::Returned { id, answer },
    ];
    events.map(Event::Request).to_vec()
}

/// Those which came with locks.
pub(crate) fn events_of_locks() -> Vec<Event> {
    let (id, lock) = (CorrelationId(251), CorrelationId(250));
    let to = InstanceId::new("@account@ada").expect("an id");
    let start = OrStart { name: name("@account"), version: None, input: payload(()) };
    let events = [
        RequestEvent::LockAsked { id: lock, lock, to: to.clone(), or_start: None },
        RequestEvent::LockAsked { id, lock, to, or_start: Some(Box::new(start)) },
        RequestEvent::LockReleased { lock },
    ];
    events.map(Event::Request).to_vec()
}

/// Further shapes of them, the messages, and the refusals that came with them.
pub(crate) fn further_events_of_requests() -> Vec<Event> {
    let (id, to) = (CorrelationId(0), InstanceId::new("s").expect("an id"));
    let request = Request { name: name("e"), data: payload(()), is_update: false, or_start: None };
    let returned = |answer| Event::Request(RequestEvent::Returned { id, answer });
    let message = |kind, body| {
        let id = MessageId { lineage: 7, id, attempt: 1, kind };
        Message { id, to: to.clone(), body }
    };
    let answer = UpdateReturn::Ended;
    let messages = vec![
        message(MessageKind::Update, MessageBody::Request(Box::new(request.clone()))),
        message(MessageKind::Return, MessageBody::Return { lineage: 7, id, answer }),
    ];
    let why = |why| Event::MessageRefused { message: messages[0].id, why };
    vec![
        Event::Request(RequestEvent::Sent { id, to: to.clone(), request }),
        returned(UpdateReturn::Answered(UpdateAnswer::Dropped)),
        returned(UpdateReturn::Ended),
        why(NotTaken::UnknownEvent),
        why(NotTaken::InvalidEventData),
        why(NotTaken::Refused(payload("nein"))),
        why(NotTaken::Full),
        Event::OutboxCarried { messages },
    ]
}

/// Those which came with waits for any event.
pub(crate) fn events_of_any() -> Vec<Event> {
    let id = CorrelationId(251);
    vec![
        Event::AnySubscribed { id },
        Event::ExternalTaken { id, name: name("größer"), place: u64::MAX },
    ]
}

/// Those which came with updates.
pub(crate) fn events_of_updates() -> Vec<Event> {
    let key = |key| EventKey::new(key).expect("a key");
    let answers = vec![
        (key("größer"), UpdateAnswer::Replied(payload([1, 251]))),
        (key("b"), UpdateAnswer::Refused(payload("no"))),
        (key("c"), UpdateAnswer::Invalid("no number".into())),
        (key("d"), UpdateAnswer::Dropped),
    ];
    let answered = Event::UpdateAnswered { key: key("a"), answer: answers[0].1.clone() };
    vec![answered, Event::UpdateAnswersCarried { answers }]
}

/// That which came with activities that are completed from outside.
pub(crate) fn task_deferred() -> Event {
    let (began_at, heard_at) = (seconds(1_700_000_000), Timestamp::from_micros(u64::MAX));
    Event::TaskDeferred { id: CorrelationId(251), attempt: 250, began_at, heard_at }
}

/// Those which came with streams.
pub(crate) fn events_of_streams() -> Vec<Event> {
    let (stream, id) = (name("Größe"), CorrelationId(251));
    let window = StreamWindow::default().items(251).bytes(65_536);
    let values = vec![payload("a"), payload([1, 251])];
    let by = EmittedBy::new(id, 250);
    let item = |offset, emitted_by| StreamItem { offset, value: payload("c"), emitted_by };
    let carried = CarriedStream {
        stream: stream.clone(),
        first: 65_536,
        next: u64::MAX,
        window: Some(window),
        items: vec![item(65_536, None), item(65_540, Some(by))],
    };
    let bare =
        CarriedStream { stream: name("b"), first: 0, next: 0, window: None, items: Vec::new() };
    let emitted =
        StreamEvent::Emitted { stream: stream.clone(), first: 251, values: values.clone() };
    let by_task = StreamEvent::TaskEmitted {
        id,
        attempt: 250,
        number: 65_536,
        stream: stream.clone(),
        first: 2,
        values,
    };
    let carried = StreamEvent::Carried { streams: vec![carried, bare] };
    let set = StreamEvent::WindowSet { stream, window };
    [emitted, by_task, carried, set].map(Event::Streamed).into()
}

/// That which came with published values.
pub(crate) fn value_published() -> Event {
    Event::ValuePublished { name: name("Größe"), value: Some(payload(["tea"])) }
}

/// That which came with commands that count once.
pub(crate) fn commands_received() -> Event {
    let key = |key| EventKey::new(key).expect("a key");
    Event::CommandsReceived { keys: vec![key("suspend/1"), key("rewind 00ff")] }
}

/// Those which came with hosts that die.
pub(crate) fn events_of_host_deaths() -> Vec<Event> {
    let id = CorrelationId(251);
    vec![Event::TaskStarted { id, attempt: 250, died: 251 }, Event::TaskStopped { id }]
}

/// Those which came with code that is announced.
pub(crate) fn events_of_announced_runs() -> Vec<Event> {
    vec![Event::RunAnnounced { died: 250 }, Event::RunSurvived]
}

/// That which came with executions that stay in one log.
pub(crate) fn renewed() -> Event {
    Event::ExecutionRenewed { input: payload("again"), taken: vec![0, 250, 251, u64::MAX] }
}

/// Errors of the kinds that came with cancels.
pub(crate) fn cancelled_errors() -> Vec<Event> {
    let error = OrchestrationError::of_kind(OrchestrationErrorKind::Cancelled, "no stock");
    let id = CorrelationId(7);
    let of_activity = ActivityError::of_kind(ActivityErrorKind::Cancelled, "no stock");
    vec![Event::ExecutionFailed { error }, Event::TaskFailed { id, error: of_activity }]
}

/// Those that came with attempts of activities.
pub(crate) fn events_of_attempts() -> Vec<Event> {
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

pub(crate) fn recorded_retry() -> RecordedRetry {
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
pub(crate) fn further_events_of_attempts() -> Vec<Event> {
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
pub(crate) fn events_of_versions() -> Vec<Event> {
    let version = Version::new("1.20.300-beta.4+build").expect("a version");
    vec![Event::VersionSelected { version }, Event::PatchMarked { name: name("Größer") }]
}

/// That which came with rewinds.
pub(crate) fn rewound() -> Event {
    Event::ExecutionRewound { reason: "the price was wrong".into(), dropped: 300, seed: 1 << 62 }
}

/// That which came with forks.
pub(crate) fn forked() -> Event {
    let id = |text| InstanceId::new(text).expect("an id");
    let (from, execution, instance) = (id("order-7"), ExecutionId(300), id("order-8"));
    Event::ExecutionForked { fork: Box::new(ForkedFrom { from, execution, instance }) }
}

/// Further shapes of the same kinds: without options, and with each kind of error.
pub(crate) fn further_events() -> Vec<Event> {
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
