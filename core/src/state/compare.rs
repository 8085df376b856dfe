//! Compares an event of the code with the event in the log, and describes the difference.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use crate::attributes::AttributeChange;
use crate::divergence::Step;
use crate::event::{Event, RequestEvent, StreamEvent};
use crate::ids::CorrelationId;
use crate::message::{OrStart, Request};
use crate::options::RecordedRetry;
use crate::payload::Payload;

/// Bytes of a payload that are shown around the first difference.
const SHOWN_BYTES: usize = 200;

/// What differs between the history and the code: its kind, name and correlation id, and what was
/// asked for. When strict, also what is only reported.
///
/// Payloads are in memory anyway, and equal ones are compared byte by byte, so a hash would save
/// nothing.
pub(super) fn mismatch(recorded: &Event, found: &Event, strict: bool) -> Option<(Step, Step)> {
    let refused = matches!(
        (recorded, found),
        (Event::TaskRefused { .. }, Event::TaskScheduled { .. })
            | (
                Event::CallRefused { .. },
                Event::ChildScheduled { .. } | Event::StartRequested { .. }
            )
    );
    // It is recorded by the name of what was to be started.
    let refused_start = refused_start(recorded, found);
    let refused = refused || refused_start;
    if (recorded.kind() != found.kind() && !refused)
        || recorded.correlation() != found.correlation()
        || (recorded.subject() != found.subject() && !refused_start)
    {
        return Some((Step::of(recorded), with_reason(found)));
    }
    if refused || recorded == found {
        return None;
    }
    differences(recorded, found, strict)
        .map(|(one, other)| (Step::with_detail(recorded, one), Step::with_detail(found, other)))
}

/// Whether a request was refused because of the start in it.
fn refused_start(recorded: &Event, found: &Event) -> bool {
    let (Event::CallRefused { name, .. }, Event::Request(request)) = (recorded, found) else {
        return false;
    };
    let start = match request {
        RequestEvent::Sent { request, .. } => request.or_start.as_ref(),
        RequestEvent::LockAsked { or_start, .. } => or_start.as_ref(),
        RequestEvent::Asked { .. }
        | RequestEvent::Returned { .. }
        | RequestEvent::LockReleased { .. } => None,
    };
    start.is_some_and(|start| start.name == *name)
}

/// An end that the history does not have, with its reason: code that could not read what it was given
/// ends in this way.
fn with_reason(found: &Event) -> Step {
    if let Event::ExecutionFailed { error } = found {
        Step::with_detail(found, format!("with error: {error}"))
    } else {
        Step::of(found)
    }
}

/// What differs between two events of one kind, name and id, in words.
fn differences(recorded: &Event, found: &Event, strict: bool) -> Option<(String, String)> {
    match (recorded, found) {
        (
            Event::TaskScheduled { input: one, .. } | Event::ExecutionContinued { input: one },
            Event::TaskScheduled { input: other, .. } | Event::ExecutionContinued { input: other },
        ) => values("with input", one, other),
        // The code does not set the delay of a start.
        (Event::TimerCreated { id: CorrelationId::START, .. }, _) => None,
        (Event::TimerCreated { fire_at: one, .. }, Event::TimerCreated { fire_at: other, .. }) => {
            unequal(one == other, || (format!("for {one}"), format!("for {other}")))
        }
        (
            Event::ChildScheduled { version: v, input: i, instance: c, .. }
            | Event::StartRequested { version: v, input: i, instance: c, .. },
            Event::ChildScheduled { version: w, input: j, instance: d, .. }
            | Event::StartRequested { version: w, input: j, instance: d, .. },
        ) => {
            let version = |version: &Option<_>| match version {
                Some(version) => format!("of version {version}"),
                None => "of the newest version".into(),
            };
            unequal(c == d, || (format!("as `{c}`"), format!("as `{d}`")))
                .or_else(|| unequal(v == w, || (version(v), version(w))))
                .or_else(|| values("with input", i, j))
                .or_else(|| if strict { policies(recorded, found) } else { None })
        }
        (Event::EventSent { to, data: one, .. }, Event::EventSent { to: now, data: other, .. }) => {
            unequal(to == now, || (format!("to `{to}`"), format!("to `{now}`")))
                .or_else(|| values("with data", one, other))
        }
        (
            Event::CommandSent { to, command: one, .. },
            Event::CommandSent { to: now, command: other, .. },
        ) => {
            // The reason is for people: it may be worded anew.
            let is_same = one == other || !strict && one.name() == other.name();
            unequal(to == now, || (format!("to `{to}`"), format!("to `{now}`")))
                .or_else(|| unequal(is_same, || (format!("to {one}"), format!("to {other}"))))
        }
        (Event::Request(one), Event::Request(other)) => requests(one, other),
        (Event::VersionSelected { version: one }, Event::VersionSelected { version: other }) => {
            unequal(one == other, || (format!("{one}"), format!("{other}")))
        }
        // It was computed then, and is taken from the log now.
        (Event::SideEffectRecorded { .. }, _) => None,
        (Event::StatusSet { status: one }, Event::StatusSet { status: other }) if strict => {
            let is_same = one.is_same_value_or_set(other);
            unequal(is_same, || excerpts("to", one, other))
        }
        (
            Event::UpdateAnswered { key: one, answer: given },
            Event::UpdateAnswered { key: other, answer: now },
        ) => unequal(one == other, || (format!("of `{one}`"), format!("of `{other}`"))).or_else(|| {
            let text = |answer| format!("with the answer {answer:?}");
            let is_same = core::mem::discriminant(given) == core::mem::discriminant(now)
                && (!strict || given == now);
            unequal(is_same, || (text(given), text(now)))
        }),
        (Event::ExternalTaken { place: one, .. }, Event::ExternalTaken { place: other, .. }) => {
            let of = |place| format!("in place {place}");
            unequal(one == other, || (of(one), of(other)))
        }
        (
            Event::ValuePublished { value: one, .. },
            Event::ValuePublished { value: other, .. },
        ) if strict || one.is_some() != other.is_some() => {
            let null = Payload::default();
            let (one, other) = (one.as_ref().unwrap_or(&null), other.as_ref().unwrap_or(&null));
            unequal(one.is_same_value_or_set(other), || excerpts("as", one, other))
        }
        (Event::Streamed(one), Event::Streamed(other)) => streamed(one, other, strict),
        (Event::AttributesChanged { change: one }, Event::AttributesChanged { change: other }) => {
            attributes(one, other, strict)
        }
        (
            Event::ExecutionCompleted { output: one },
            Event::ExecutionCompleted { output: other },
        ) if strict => values("with output", one, other),
        (Event::ExecutionFailed { error: one }, Event::ExecutionFailed { error: other })
            if strict =>
        {
            let text = |error| format!("with error: {error}");
            unequal(one == other, || (text(one), text(other)))
        }
        // Of different kinds, or nothing else that counts.
        (
            Event::ExecutionStarted { .. }
            | Event::TaskScheduled { .. }
            | Event::TaskCompleted { .. }
            | Event::TaskFailed { .. }
            | Event::TaskCancelRequested { .. }
            | Event::TaskRefused { .. }
            | Event::TimerCreated { .. }
            | Event::TimerFired { .. }
            | Event::TimerCancelled { .. }
            | Event::ExternalSubscribed { .. }
            | Event::ExternalRaised { .. }
            | Event::ExternalUnsubscribed { .. }
            | Event::AnySubscribed { .. }
            | Event::ExternalTaken { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::StatusSet { .. }
            | Event::UpdateAnswered { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::ValuePublished { .. }
            | Event::Streamed(_)
            | Event::AttributesChanged { .. }
            | Event::ExecutionContinued { .. }
            | Event::EventKeysCarried { .. }
            | Event::CancelRequested { .. }
            | Event::ExecutionCancelled { .. }
            | Event::ExecutionSuspended { .. }
            | Event::ExecutionResumed
            | Event::TaskConfigured { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::TaskHeartbeat { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::ExecutionRewound { .. }
            | Event::StartedBy { .. }
            | Event::ChildScheduled { .. }
            | Event::ChildCompleted { .. }
            | Event::ChildFailed { .. }
            | Event::ChildCancelRequested { .. }
            | Event::StartRequested { .. }
            | Event::CallRefused { .. }
            | Event::EventSent { .. }
            | Event::CommandSent { .. }
            | Event::Request(_)
            | Event::MessagesDelivered { .. }
            | Event::MessageRefused { .. }
            | Event::OutboxCarried { .. }
            | Event::ChildAttemptFailed { .. }
            | Event::TaskTagged { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::CommandsReceived { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::ExecutionRenewed { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::ExecutionParked { .. }
            | Event::ExecutionUnparked
            | Event::TaskLocal { .. }
            // It is taken from the log.
            | Event::ExecutionForked { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_),
            _,
        ) => None,
    }
}

/// How a child is called: what counts is what is recorded, whatever the code says now.
fn policies(recorded: &Event, found: &Event) -> Option<(String, String)> {
    let (
        Event::ChildScheduled { parent_close: one, retry: policy, .. },
        Event::ChildScheduled { parent_close: other, retry: another, .. },
    ) = (recorded, found)
    else {
        return None;
    };
    let close = |close| format!("with the policy {close:?} for the end of its parent");
    let retry = |policy: &Option<Box<RecordedRetry>>| match policy {
        Some(policy) => policy.to_string(),
        None => "without a retry policy".into(),
    };
    unequal(one == other, || (close(one), close(other)))
        .or_else(|| unequal(policy == another, || (retry(policy), retry(another))))
}

/// What differs between two events of requests. Of one kind only `Sent` is an output of code.
fn requests(one: &RequestEvent, other: &RequestEvent) -> Option<(String, String)> {
    if let (
        RequestEvent::LockAsked { to, or_start: one, .. },
        RequestEvent::LockAsked { to: now, or_start: other, .. },
    ) = (one, other)
    {
        let start = |start: &Option<Box<OrStart>>| format!("that starts {start:?}");
        return unequal(to == now, || (format!("of `{to}`"), format!("of `{now}`")))
            .or_else(|| unequal(one == other, || (start(one), start(other))));
    }
    let (
        RequestEvent::Sent { to, request: one, .. },
        RequestEvent::Sent { to: now, request: other, .. },
    ) = (one, other)
    else {
        return Some((one.to_string(), other.to_string()));
    };
    let start = |request: &Request| match &request.or_start {
        Some(start) => format!("that starts {start:?}"),
        None => "that starts nothing".into(),
    };
    let what = |request: &Request| if request.is_update { "an update" } else { "an event" };
    unequal(to == now, || (format!("to `{to}`"), format!("to `{now}`")))
        .or_else(|| unequal(what(one) == what(other), || (what(one).into(), what(other).into())))
        .or_else(|| unequal(one.or_start == other.or_start, || (start(one), start(other))))
        .or_else(|| values("with the request", &one.data, &other.data))
}

fn streamed(recorded: &StreamEvent, found: &StreamEvent, strict: bool) -> Option<(String, String)> {
    match (recorded, found) {
        (StreamEvent::Emitted { values: one, .. }, StreamEvent::Emitted { values: other, .. }) => {
            let (one, other) = one.first().filter(|_| strict).zip(other.first())?;
            unequal(one.is_same_value_or_set(other), || excerpts("with the item", one, other))
        }
        (
            StreamEvent::WindowSet { window: one, .. },
            StreamEvent::WindowSet { window: other, .. },
        ) => unequal(!strict || one == other, || (format!("as {one:?}"), format!("as {other:?}"))),
        _ => {
            let what = |event: &StreamEvent| match event {
                StreamEvent::WindowSet { .. } => "with a window".into(),
                StreamEvent::Emitted { .. }
                | StreamEvent::TaskEmitted { .. }
                | StreamEvent::Carried { .. } => "with items".into(),
            };
            Some((what(recorded), what(found)))
        }
    }
}

/// Two changes of the same attribute: a value may be another one now, as with a status.
fn attributes(
    recorded: &AttributeChange,
    found: &AttributeChange,
    strict: bool,
) -> Option<(String, String)> {
    let text = |change: &AttributeChange| match change {
        AttributeChange::Set { value, .. } => format!("to {value}"),
        AttributeChange::Cleared { .. } => "to nothing".into(),
        AttributeChange::Given { attributes } => format!("to {attributes}"),
        AttributeChange::OfChild { id, attributes } => format!("of call {id} to {attributes}"),
    };
    let is_one_kind = core::mem::discriminant(recorded) == core::mem::discriminant(found);
    unequal(is_one_kind && (!strict || recorded == found), || (text(recorded), text(found)))
}

fn unequal(is_same: bool, texts: impl FnOnce() -> (String, String)) -> Option<(String, String)> {
    if is_same { None } else { Some(texts()) }
}

fn values(what: &str, one: &Payload, other: &Payload) -> Option<(String, String)> {
    unequal(one.is_same_value(other), || {
        let (one_text, mut other_text) = excerpts(what, one, other);
        if one.is_same_value_or_set(other) {
            // A usual reason, and hard to see.
            other_text.push_str(" (only the order of a list differs: is it of a hash map or set?)");
        }
        (one_text, other_text)
    })
}

/// Both payloads; of large ones, what stands around the first difference.
fn excerpts(what: &str, one: &Payload, other: &Payload) -> (String, String) {
    let one = one.as_bytes();
    let other = other.as_bytes();
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let excerpt = |json: &[u8]| {
        if json.len() <= SHOWN_BYTES {
            return format!("{what} {}", String::from_utf8_lossy(json));
        }
        let from = same.saturating_sub(SHOWN_BYTES / 2).min(json.len());
        let to = (from + SHOWN_BYTES).min(json.len());
        let text = String::from_utf8_lossy(&json[from..to]);
        let (before, after) =
            (if from > 0 { "…" } else { "" }, if to < json.len() { "…" } else { "" });
        format!("{what} {before}{text}{after} ({} bytes)", json.len())
    };
    (excerpt(one), excerpt(other))
}
