//! The outbox: messages to other instances that are not known to have arrived.

mod attempts;
mod child;
mod content;
mod fork;
mod given;
mod ids;
mod locks;
mod owed;
mod requests;
mod superseded;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::attributes::AttributeChange;
use crate::error::{ChildError, bounded};
use crate::event::{Event, TimeLimitEvent};
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::limits::MAX_REASON_TOLD_BYTES;
use crate::message::{
    Message, MessageBody, MessageId, MessageKind, Origin, Relation, UpdateReturn,
};
use crate::options::ParentClose;
use crate::outcome::Outcome;
use crate::payload::Payload;
use crate::time::Timestamp;
use crate::version::Version;
use crate::zoo::{self, Bug};

use child::Child;
use content::Content;
pub(crate) use ids::generated_id;

/// The messages of an execution that it does not know to have arrived. It follows from the events of
/// the log alone, so that it can be had without the code.
///
/// To each instance one message is under way at a time; the next is released when that one is known
/// to have arrived. So what is sent to an instance arrives in order.
#[derive(Clone, Debug)]
pub struct Outbox {
    instance: InstanceId,
    /// Names the run in messages.
    lineage: u64,
    origin: Option<Box<Origin>>,
    /// Only executions that send something to others have one.
    content: Option<Box<Content>>,
}

/// What a cancel takes besides the id of the child, about.
const CANCEL_BYTES: usize = 128;

/// What the end of an execution is to its children.
const PARENT_HAS_ENDED: &str = "its parent has ended";
const PARENT_GOES_ON: &str = "its parent goes on as a new execution";
const PARENT_WAS_REWOUND: &str = "its parent was rewound to before it called";
const PARENT_GAVE_UP: &str = "its parent no longer waits for it";

impl Outbox {
    /// Of an execution of which nothing has happened.
    pub(crate) const fn new(instance: InstanceId) -> Self {
        Self { instance, lineage: 0, origin: None, content: None }
    }

    /// Of an execution with that history.
    pub fn of<'a>(
        instance: InstanceId,
        history: impl IntoIterator<Item = &'a RecordedTurn>,
    ) -> Self {
        let mut outbox = Self::new(instance);
        let events = history.into_iter().flat_map(|turn| turn.events.iter());
        events.for_each(|event| drop(outbox.follow(event)));
        outbox
    }

    /// What it holds in memory, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.held.messages + content.held.children)
    }

    /// Whether nothing is left to be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.places.len())
    }

    /// The messages that are to be under way: the first for each instance.
    pub fn under_way(&self) -> Vec<Message> {
        self.first_of_each().cloned().collect()
    }

    /// The first message for each instance.
    pub(crate) fn first_of_each(&self) -> impl Iterator<Item = &Message> {
        let queues = self.content.iter().flat_map(|content| content.queues.values());
        queues.filter_map(VecDeque::front)
    }

    /// A message, if it is still here.
    pub fn message(&self, id: MessageId) -> Option<&Message> {
        self.queue_of(id)?.iter().find(|message| message.id == id)
    }

    /// Who started the instance, if another one did.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_deref()
    }

    /// Whether it must be recorded at once that a message has arrived: somebody waits for that, or
    /// another message does. That a child has begun, or an update has come, can be left to what comes back.
    pub fn awaits(&self, id: MessageId) -> bool {
        let Some(queue) = self.queue_of(id) else { return false };
        queue.len() > 1 || !queue.front().is_some_and(|first| first.body.comes_back())
    }

    /// The turn that records, after the end of an execution, that messages have arrived; and the
    /// messages that are released by it. `None` when nothing of it is new. `end` is the number of the
    /// turn in which the execution ended.
    pub fn settle(
        &mut self,
        messages: &[MessageId],
        end: u64,
        at: Timestamp,
    ) -> Option<(RecordedTurn, Vec<Message>)> {
        let known = messages.iter().filter(|id| self.message(**id).is_some());
        let messages: Vec<_> = known.copied().collect();
        if messages.is_empty() {
            return None;
        }
        let event = Event::MessagesDelivered { messages, end: Some(end) };
        let released = self.follow(&event);
        Some((RecordedTurn { at, events: Arc::new([event]) }, released))
    }

    /// Keeps up with an event; the messages that are to be under way from now on.
    ///
    /// What a turn calls off again before it is over never leaves: a child that is called and dropped in
    /// one turn is not started, and not cancelled either. So messages that this has given in the same
    /// turn may not be [here](Self::message) any more when the turn is over. A turn begins with an
    /// [input](Event::is_input).
    pub fn follow(&mut self, event: &Event) -> Vec<Message> {
        if event.is_input() {
            self.end_turn();
        }
        match event {
            Event::ExecutionStarted { seed, .. } => self.lineage = *seed,
            Event::ExecutionRewound { seed, .. } => {
                let earlier = core::mem::replace(&mut self.lineage, *seed);
                self.content().earlier.push(earlier);
                let mut released = self.lose_locks();
                released.extend(self.start_again());
                return released;
            }
            Event::ExecutionForked { fork } => return self.begin_fork(&fork.instance),
            Event::StartedBy { origin } => self.origin = Some(origin.clone()),
            Event::ChildScheduled { id, name, version, input, instance, parent_close, .. } => {
                let given = self.take_given();
                let mut start = self.start(*id, (name, version, input), instance, Relation::Child);
                start.replace_superseded(self.take_superseded(instance));
                start.give(given);
                let child = Child {
                    start: start.clone(),
                    called_in: self.lineage,
                    parent_close: *parent_close,
                    has_arrived: false,
                    retried: None,
                };
                let content = self.content();
                content.newest = content.newest.max(Some(*id));
                content.open(*id, child);
                return self.put(start);
            }
            Event::StartRequested { id, name, version, input, instance } => {
                let what = (name, version, input);
                let given = self.take_given();
                let mut start = self.start(*id, what, instance, Relation::Detached);
                start.give(given);
                return self.put(start);
            }
            Event::EventSent { id, to, name, data } => {
                let body = MessageBody::Event { name: name.clone(), data: data.clone() };
                let id = self.id(*id, MessageKind::Event);
                return self.put(Message { id, to: to.clone(), body });
            }
            Event::CommandSent { id, to, command } => {
                let body = MessageBody::Command { command: command.clone() };
                let id = self.id(*id, MessageKind::Command);
                return self.put(Message { id, to: to.clone(), body });
            }
            Event::Request(request) => return self.follow_request(request),
            Event::UpdateAnswered { key, answer } => {
                return self.answer_update(key, UpdateReturn::Answered(answer.clone()));
            }
            Event::ChildAttemptFailed { id, attempt, error, retry_at } => {
                return self.start_next(*id, *attempt, error, *retry_at);
            }
            Event::CancelRequested { reason } => {
                self.content().cancelled = Some(reason_for_children("cancelled", reason));
            }
            Event::ChildCancelRequested { id } => {
                let reason = self.why_cancelled().unwrap_or_else(|| PARENT_GAVE_UP.into());
                return self.cancel(*id, &reason);
            }
            Event::ChildCompleted { id, .. } | Event::ChildFailed { id, .. } => {
                let child = self.content().close(*id);
                // The start of one that was cancelled is of this run, or known to have arrived.
                let start = child.map_or(self.id(*id, MessageKind::Start), |child| child.start.id);
                return self.take(start);
            }
            Event::MessagesDelivered { messages, end } => {
                if end.is_none() {
                    self.note_delivery(messages);
                }
                return messages.iter().flat_map(|id| self.take(*id)).collect();
            }
            Event::MessageRefused { message, .. } => return self.take(*message),
            Event::OutboxCarried { messages } => {
                // Those are under way already.
                messages.iter().for_each(|message| drop(self.put(message.clone())));
            }
            Event::ChildrenSuperseded { children } => return self.supersede(children),
            Event::TimeLimit(TimeLimitEvent::OfChild { limits, .. }) => {
                self.content().limits_of_next = *limits;
            }
            Event::AttributesChanged { change } => {
                if let AttributeChange::OfChild { attributes, .. } = &**change {
                    self.content().attributes_of_next = attributes.clone();
                }
            }
            Event::ExecutionParked { .. } => return self.lose_locks(),
            Event::ExecutionRenewed { .. } => {
                let mut released = self.close_children(PARENT_GOES_ON);
                released.extend(self.release_all_locks());
                return released;
            }
            Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::ExecutionContinued { .. }
            | Event::ExecutionCancelled { .. } => return self.close(event),
            Event::TaskScheduled { .. }
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
            | Event::SideEffectRecorded { .. }
            | Event::StatusSet { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::ValuePublished { .. }
            | Event::Streamed(_)
            | Event::EventKeysCarried { .. }
            | Event::ExecutionSuspended { .. }
            | Event::ExecutionResumed
            | Event::TaskConfigured { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::TaskHeartbeat { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::CallRefused { .. }
            | Event::TaskTagged { .. }
            | Event::CommandsReceived { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::ExecutionUnparked
            | Event::TaskLocal { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => {}
        }
        Vec::new()
    }

    /// Bytes of what would be left if the execution ended now.
    pub(crate) fn bytes_at_the_end(&self) -> usize {
        let Some(content) = &self.content else { return 0 };
        let left = content.queues.values().flatten().map(Message::payload_bytes);
        let cancels =
            content.open.values().map(|child| child.start.to.as_str().len() + CANCEL_BYTES);
        left.chain(cancels).sum::<usize>() + self.superseded_bytes() + self.owed_bytes()
    }

    /// Everything that is left, for the next execution.
    pub(crate) fn carried(&self) -> Vec<Message> {
        let queues = self.content.iter().flat_map(|content| content.queues.values());
        queues.flatten().cloned().collect()
    }

    fn why_cancelled(&self) -> Option<String> {
        self.content.as_ref()?.cancelled.clone()
    }

    /// The run, in messages.
    pub(crate) fn lineage(&self) -> u64 {
        self.lineage
    }

    /// What is to be sent by now has left, or can have.
    fn end_turn(&mut self) {
        if let Some(content) = &mut self.content {
            content.started = content.newest;
        }
    }

    fn content(&mut self) -> &mut Content {
        self.content.get_or_insert_default()
    }

    fn queue_of(&self, id: MessageId) -> Option<&VecDeque<Message>> {
        let content = self.content.as_ref()?;
        content.queues.get(content.places.get(&id)?)
    }

    fn id(&self, id: CorrelationId, kind: MessageKind) -> MessageId {
        MessageId { lineage: self.lineage, id, attempt: 1, kind }
    }

    /// The run of the call of a child that is open.
    pub(crate) fn lineage_of(&self, id: CorrelationId) -> Option<u64> {
        self.content.as_ref()?.open.get(&id).map(|child| child.start.id.lineage)
    }

    /// Whether messages of that run are of this history, and not carried over from an execution before.
    pub(crate) fn is_own(&self, lineage: u64) -> bool {
        let of_earlier = |content: &Content| content.earlier.contains(&lineage);
        self.lineage == lineage || self.content.as_deref().is_some_and(of_earlier)
    }

    /// The runs of executions before this one of which messages are still to be sent.
    pub fn earlier_senders(&self) -> Vec<u64> {
        let places = self.content.iter().flat_map(|content| content.places.keys());
        let mut runs: Vec<_> =
            places.map(|id| id.lineage).filter(|run| !self.is_own(*run)).collect();
        runs.dedup();
        runs
    }

    /// Of messages of this outbox that have arrived since, those that are not sent again: all but the
    /// starts of children, which are sent again so that the children report how they ended.
    pub(crate) fn not_sent_again(&self, mut arrived: Vec<MessageId>) -> Vec<MessageId> {
        let is_start_of_child = |message: &Message| message.body.starts_child();
        arrived.retain(|id| self.message(*id).is_some_and(|message| !is_start_of_child(message)));
        arrived
    }

    /// Of the children that are open it is no longer known whether they have begun, and how they ended:
    /// an instance that has begun says so again.
    fn start_again(&mut self) -> Vec<Message> {
        let Some(content) = &mut self.content else { return Vec::new() };
        content.open.values_mut().for_each(Child::begin_anew);
        let starts: Vec<_> = content.open.values().map(|child| child.start.clone()).collect();
        starts.into_iter().flat_map(|start| self.put(start)).collect()
    }

    fn start(
        &self,
        id: CorrelationId,
        (name, version, input): (&Name, &Option<Version>, &Payload),
        to: &InstanceId,
        relation: Relation,
    ) -> Message {
        let depth = match relation {
            Relation::Child => self.origin().map_or(0, |origin| origin.depth) + 1,
            Relation::Detached => 0,
        };
        let instance = self.instance.clone();
        let lineage = self.lineage;
        let origin = Box::new(Origin { instance, lineage, id, attempt: 1, depth, relation });
        let name = name.clone();
        let version = version.clone();
        let input = input.clone();
        let body = MessageBody::Start { name, version, input, origin, not_before: None };
        Message { id: self.id(id, MessageKind::Start), to: to.clone(), body }
    }

    fn cancel(&mut self, id: CorrelationId, reason: &str) -> Vec<Message> {
        let content = self.content();
        let is_started = Some(id) <= content.started;
        let Some(child) = content.close(id) else { return Vec::new() };
        if !is_started {
            let released = self.take(child.start.id);
            self.give_back_superseded(child.start);
            return released;
        }
        let body = MessageBody::Cancel { reason: String::from(reason) };
        let id = MessageId { kind: MessageKind::Cancel, ..child.start.id };
        self.put(Message { id, to: child.start.to, body })
    }

    /// The end of the execution: what it means to its children, and to its parent.
    fn close(&mut self, event: &Event) -> Vec<Message> {
        let Some(outcome) = event.outcome() else { return Vec::new() };
        let reason = match &outcome {
            Outcome::Continued { .. } => PARENT_GOES_ON.into(),
            Outcome::Terminated { reason } => reason_for_children("terminated", reason),
            Outcome::Completed(_) | Outcome::Failed(_) | Outcome::Cancelled { .. } => {
                self.why_cancelled().unwrap_or_else(|| PARENT_HAS_ENDED.into())
            }
        };
        let mut released = self.close_children(&reason);
        released.extend(self.release_all_locks());
        match outcome {
            Outcome::Continued { .. } => self.leave_updates_to_next(),
            Outcome::Completed(_)
            | Outcome::Failed(_)
            | Outcome::Terminated { .. }
            | Outcome::Cancelled { .. } => released.extend(self.end_updates()),
        }
        released.extend(self.tell_parent(outcome));
        released
    }

    /// Cancels the children that are not to go on, and waits for none of them any more.
    fn close_children(&mut self, reason: &str) -> Vec<Message> {
        let mut released = Vec::new();
        let open = self.content.as_mut().map(|content| content.close_all());
        for (id, child) in open.into_iter().flatten() {
            let is_cancelled = child.parent_close == ParentClose::Cancel;
            if is_cancelled || zoo::planted(Bug::AbandonedChildCancelled) {
                self.content().open(id, child);
                released.extend(self.cancel(id, reason));
            }
        }
        released
    }

    fn tell_parent(&mut self, outcome: Outcome) -> Vec<Message> {
        let is_child = |origin: &&Origin| origin.relation == Relation::Child;
        let Some(origin) = self.origin().filter(is_child).cloned() else { return Vec::new() };
        let Some(result) = ChildError::of_outcome(&self.instance, outcome) else {
            return Vec::new();
        };
        let result = result.map_err(Box::new);
        let body = MessageBody::Result { lineage: origin.lineage, id: origin.id, result };
        let id = self.id(CorrelationId::START, MessageKind::Result);
        self.put(Message { id, to: origin.instance, body })
    }

    /// Puts a message after those for the same instance.
    fn put(&mut self, message: Message) -> Vec<Message> {
        let id = message.id;
        let to = message.to.clone();
        let content = self.content();
        if content.places.insert(id, to.clone()).is_some() {
            return Vec::new();
        }
        content.held.add_message(&message);
        let queue = content.queues.entry(to).or_default();
        queue.push_back(message);
        let is_first = queue.len() == 1;
        // That it has arrived may be known without being recorded. Sent again, it is answered again, and that is
        // recorded: this one waits for it.
        let is_noted = |id: MessageId| matches!(id.kind, MessageKind::Start | MessageKind::Update);
        let waits = |first: &Message| queue.len() == 2 && is_noted(first.id);
        queue.front().filter(|first| is_first || waits(first)).cloned().into_iter().collect()
    }

    /// Takes out a message that has arrived; the next one for the same instance.
    fn take(&mut self, id: MessageId) -> Vec<Message> {
        let Some(content) = &mut self.content else { return Vec::new() };
        let Some(to) = content.places.remove(&id) else { return Vec::new() };
        let Some(queue) = content.queues.get_mut(&to) else { return Vec::new() };
        let was_first = queue.front().is_some_and(|first| first.id == id);
        let place = queue.iter().position(|message| message.id == id);
        if let Some(message) = place.and_then(|place| queue.remove(place)) {
            content.held.remove_message(&message);
        }
        let next = queue.front().cloned();
        if next.is_none() {
            content.queues.remove(&to);
        }
        next.into_iter().filter(|_| was_first).collect()
    }
}

/// What happened to the parent, and why, as its children are given it for the reason of their cancel.
fn reason_for_children(what: &str, why: &str) -> String {
    bounded(format_args!("its parent was {what}: {why}"), MAX_REASON_TOLD_BYTES)
}
