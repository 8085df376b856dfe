//! What an execution is doing and what it waits for, from its log alone, without the code.

mod activities;
mod cause;
mod execution;
mod family;
mod follow;
mod queues;
mod requests;
mod timeline;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::attributes::Attributes;
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::options::ParentClose;
use crate::outbox::Outbox;
use crate::outcome::Outcome;
use crate::payload::Payload;
use crate::published::PublishedValues;
use crate::running_limits::RunningLimits;
use crate::streams::Streams;
use crate::time::Timestamp;
use crate::version::Version;

use activities::Activities;
pub use cause::{CauseFinder, FailedCall, FailureCause};
pub use execution::{
    ExecutionView, Listed, Since, ViewedActivity, ViewedChild, ViewedEvent, ViewedLock,
    ViewedMessage, ViewedRewind, ViewedTimer, ViewedUpdate, ViewedWait,
};
pub(crate) use family::CalledChildren;
pub use family::{CalledChild, ChildEnd, Family, FamilyView};
use queues::Queues;
use requests::Requests;
pub use timeline::{AttemptSpan, Span, SpanEnd, SpanKind, Timeline, TimelineBuilder};

/// Goes over the log of one execution, and knows at each event what is open, what is awaited and what is
/// buffered. No code is needed. What it holds follows from what is open, and from the number of external
/// events and waits so far (some dozens of bytes for each); payloads of what is over are not kept.
///
/// Takes in all turns of the execution, in order, as they are stored. Those of a
/// [`History`](crate::History) do as well: it lacks failures of attempts that a later one superseded, which
/// changes nothing but the view of an earlier time.
///
/// # What a log alone does not know
/// - *After a cancel*: which of the things that were open are
///   [shielded](crate::OrchestrationContext::shielded). The others have ended with the cancel, and the log
///   does not name them. All of them are shown, as `in_doubt`, until an event shows that they go on.
/// - *When an external event is taken*: the log has the events and the waits, and the rule by which they
///   meet (first event to first wait of the name), but not the moment at which the code takes an event. One
///   that is there for a wait counts as taken by it, unless the code cannot have run since it came (the
///   execution is suspended or parked, or its start is still to come). Where the code drops a wait that has an
///   event, the event goes to the next wait, and which one of two events is left over can be another one
///   than the code sees: the number is right. After the code has gone on as new in the same log
///   ([`Event::ExecutionRenewed`](crate::Event::ExecutionRenewed)) it is known exactly.
/// - *Whether the code still waits for the answer to an update*: dropping its future leaves nothing in the log. The
///   update is shown until its answer is recorded, which never comes for one that was dropped, or until the end.
/// - *Whether an activity is running*: between its schedule and its end it is queued or running. Where it
///   begins after an earlier host has died, and so is recorded, that host is counted.
///
/// ```
/// # use reenact_core::*;
/// # fn example(instance: InstanceId, log: &[RecordedTurn]) {
/// let mut viewer = Viewer::new(instance);
/// log.iter().for_each(|turn| viewer.apply(turn));
/// let view = viewer.view(100);
/// for activity in &view.activities.items {
///     println!("{} runs since {}, attempt {}", activity.name, activity.since, activity.attempt);
/// }
/// for wait in &view.waits.items {
///     println!("it waits for `{}` since {}", wait.name, wait.since);
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Viewer {
    /// The place of the next event.
    position: u64,
    turns: u64,
    /// The time of the last event.
    at: Timestamp,
    started: Option<Started>,
    version: Version,
    status: Option<(Timestamp, Payload)>,
    published: PublishedValues,
    streams: Streams,
    attributes: Attributes,
    patches: BTreeSet<Name>,
    suspended: Option<Since>,
    parked: Option<Since>,
    cancel_requested: Option<Since>,
    rewound: Option<ViewedRewind>,
    forked_from: Option<InstanceId>,
    renewals: u64,
    time_limits: RunningLimits,
    outcome: Option<(Timestamp, Outcome)>,
    activities: Activities,
    timers: BTreeMap<CorrelationId, ViewedTimer>,
    queues: Queues,
    requests: Requests,
    children: BTreeMap<CorrelationId, OfChild>,
    /// Knows the children that are open, and the messages.
    outbox: Outbox,
}

/// How it began.
#[derive(Debug)]
struct Started {
    name: Name,
    at: Timestamp,
    input: Payload,
}

/// Of an open child, what the outbox does not know.
#[derive(Debug)]
struct OfChild {
    position: u64,
    since: Timestamp,
    parent_close: ParentClose,
    in_doubt: bool,
}

impl Viewer {
    /// Of an execution of an instance, before its first turn.
    pub fn new(instance: InstanceId) -> Self {
        Self {
            position: 0,
            turns: 0,
            at: Timestamp::EPOCH,
            started: None,
            version: Version::NONE,
            status: None,
            published: PublishedValues::default(),
            streams: Streams::default(),
            attributes: Attributes::default(),
            patches: BTreeSet::new(),
            suspended: None,
            parked: None,
            cancel_requested: None,
            rewound: None,
            forked_from: None,
            renewals: 0,
            time_limits: RunningLimits::default(),
            outcome: None,
            activities: Activities::default(),
            timers: BTreeMap::new(),
            queues: Queues::default(),
            requests: Requests::default(),
            children: BTreeMap::new(),
            outbox: Outbox::new(instance),
        }
    }

    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        self.apply_up_to(turn, u64::MAX);
    }

    /// Goes on with a turn, as far as the event in that place; whether that place is reached. The rest of
    /// the turn is left out.
    pub fn apply_up_to(&mut self, turn: &RecordedTurn, position: u64) -> bool {
        self.turns += 1;
        self.at = turn.at;
        if turn.events.is_empty() {
            // What was superseded keeps its place.
            self.position += 1;
        }
        for event in &*turn.events {
            if self.position > position {
                break;
            }
            self.follow(event);
            self.position += 1;
        }
        self.position > position
    }

    /// The place of the next event: the number of events so far, with those that were superseded.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// How the execution is now, with at most `most` items in each of its lists.
    pub fn view(&self, most: usize) -> ExecutionView {
        let (started, is_open) = (self.started.as_ref(), self.outcome.is_none());
        ExecutionView {
            orchestration: started.map(|started| started.name.clone()),
            version: self.version.clone(),
            started_at: started.map(|started| started.at),
            input: started.map(|started| started.input.clone()),
            parent: self.outbox.origin().cloned(),
            at: self.at,
            events: self.position,
            turns: self.turns,
            status: self.status.as_ref().map(|(_, status)| status.clone()),
            status_since: self.status.as_ref().map(|(since, _)| *since),
            streams: self.streams.bounds(),
            published: self.published.clone(),
            attributes: self.attributes.clone(),
            patches: self.patches.iter().cloned().collect(),
            renewals: self.renewals,
            execution_ends_at: self.time_limits.execution_ends_at.filter(|_| is_open),
            total_ends_at: self.time_limits.total_ends_at.filter(|_| is_open),
            rewound: self.rewound.clone(),
            forked_from: self.forked_from.clone(),
            suspended: self.suspended.clone(),
            parked: self.parked.clone(),
            cancel_requested: self.cancel_requested.clone(),
            outcome: self.outcome.as_ref().map(|(_, outcome)| outcome.clone()),
            ended_at: self.outcome.as_ref().map(|(at, _)| *at),
            activities: self.activities.listed(most),
            timers: Listed::first(self.timers.values().cloned(), most),
            waits: self.queues.waits(most),
            buffered: self.queues.buffered(most),
            children: self.viewed_children(most),
            updates: self.requests.updates(most),
            locks: self.requests.locks(most),
            messages: self.viewed_messages(most),
        }
    }

    fn viewed_children(&self, most: usize) -> Listed<ViewedChild> {
        let shown = self.outbox.open_children(most).into_iter();
        let items: Vec<_> = shown
            .map(|open| {
                let known = self.children.get(&open.id);
                ViewedChild {
                    id: open.id,
                    name: open.name,
                    instance: open.instance,
                    attempt: open.attempt,
                    last_error: open.last_error,
                    begins_at: open.retry_at,
                    since: known.map_or(self.at, |known| known.since),
                    position: known.map_or(self.position, |known| known.position),
                    in_doubt: known.is_some_and(|known| known.in_doubt),
                }
            })
            .collect();
        Listed { items, total: self.outbox.number_of_open_children() as u64 }
    }

    fn viewed_messages(&self, most: usize) -> Listed<ViewedMessage> {
        let first = self.outbox.first_of_each().take(most);
        let items = first.map(|message| ViewedMessage {
            id: message.id.id,
            kind: message.id.kind,
            to: message.to.clone(),
        });
        Listed { items: items.collect(), total: self.outbox.len() as u64 }
    }

    /// Whether the code cannot run for now, whatever comes.
    fn is_held(&self) -> bool {
        let is_to_start = self.timers.contains_key(&CorrelationId::START);
        self.suspended.is_some() || self.parked.is_some() || is_to_start
    }

    fn since(&self, reason: &str) -> Since {
        Since { at: self.at, position: self.position, reason: Box::from(reason) }
    }
}
