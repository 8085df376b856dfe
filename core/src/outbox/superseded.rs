//! Children that no longer count, because their parent was rewound: who they are, and how a new run
//! takes their place.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem;

use super::child::Child;
use super::ids::generated_id;
use super::{Outbox, PARENT_WAS_REWOUND};
use crate::event::Event;
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, InstanceId};
use crate::message::{Message, MessageBody, MessageId, SupersededCall, SupersededChild};
use crate::options::ParentClose;

/// What an entry takes besides the id of the child, about.
const SUPERSEDED_BYTES: usize = 32;

impl Outbox {
    /// The children that no longer count once these turns after this history are undone: those that
    /// were called in them, and those of calls before them that were cancelled in them. Those of an
    /// instance that is replaced itself are all that it has called.
    pub(crate) fn superseded_by_undoing(self, dropped: &[RecordedTurn]) -> Vec<SupersededChild> {
        let mut undoing = Undoing::new(self);
        let events = dropped.iter().flat_map(|turn| turn.events.iter());
        events.for_each(|event| undoing.undo(event));
        undoing.finish()
    }

    /// What has been undone with the end of this history, for children that were called in it and not
    /// in what is `kept` of it: they are cancelled. Messages that are still to be sent to others are
    /// undone too, unless they are of an execution before; so are the answers to updates, if these are kept and
    /// answered again. Otherwise those that have none get none.
    pub(crate) fn cancels_of_undone(mut self, kept: &Self, keeps_requests: bool) -> Vec<Message> {
        let known = |(id, child): &(&CorrelationId, &Child)| {
            let kept = kept.content.as_ref().and_then(|kept| kept.open.get(id));
            // A later attempt of a call that is kept is undone like any other child.
            kept.is_some_and(|kept| kept.start.id == child.start.id)
        };
        self.end_turn();
        drop(self.release_all_locks());
        if !keeps_requests {
            drop(self.end_updates());
        }
        let Some(content) = &mut self.content else { return Vec::new() };
        let mut left: Vec<_> =
            core::mem::take(&mut content.queues).into_values().flatten().collect();
        // What is kept is started again by the rewind itself.
        let is_kept = |id: MessageId| {
            let kept = kept.content.as_ref().and_then(|kept| kept.open.get(&id.id));
            kept.is_some_and(|child| child.start.id == id)
        };
        left.retain(|message| {
            if is_kept(message.id) || !self.is_own(message.id.lineage) {
                return !is_kept(message.id);
            }
            let is_answer = matches!(message.body, MessageBody::Return { .. });
            // Its cancel must not overtake it.
            message.body.starts_child()
                || matches!(message.body, MessageBody::Cancel { .. })
                || message.is_unlock()
                || is_answer && !keeps_requests
        });
        let Some(content) = &mut self.content else { return left };
        let undone = content.open.iter().filter(|open| !known(open));
        let undone: Vec<_> = undone.map(|(id, _)| *id).collect();
        content.places.clear();
        for id in undone {
            left.extend(self.cancel(id, PARENT_WAS_REWOUND));
        }
        left
    }

    /// The children of undone calls, for the next execution.
    pub(crate) fn carried_superseded(&self) -> Vec<SupersededChild> {
        let all = self.content.iter().flat_map(|content| &content.superseded);
        let each = |(instance, calls): (&InstanceId, &Vec<SupersededCall>)| {
            let child = |call| SupersededChild { instance: instance.clone(), call };
            calls.iter().copied().map(child).collect::<Vec<_>>()
        };
        all.flat_map(each).collect()
    }

    pub(super) fn superseded_bytes(&self) -> usize {
        let all = self.content.iter().flat_map(|content| &content.superseded);
        all.map(|(instance, calls)| calls.len() * (instance.as_str().len() + SUPERSEDED_BYTES))
            .sum()
    }

    /// The undone calls of that child. The call that comes now is the one that takes its place.
    pub(super) fn take_superseded(&mut self, instance: &InstanceId) -> Vec<SupersededCall> {
        let content = self.content.as_mut();
        content.and_then(|content| content.superseded.remove(instance)).unwrap_or_default()
    }

    /// The start of a call never left: the next call of that child takes the place of the undone ones.
    pub(super) fn give_back_superseded(&mut self, start: Message) {
        if let MessageBody::Replace { instead_of, .. } = start.body.inner() {
            self.content().superseded.insert(start.to, instead_of.clone());
        }
    }

    /// Remembers the children of undone calls. Those whose call was kept are started again, as children
    /// of this run.
    pub(super) fn supersede(&mut self, children: &[SupersededChild]) -> Vec<Message> {
        let mut released = Vec::new();
        for SupersededChild { instance, call } in children {
            let lineage = self.lineage;
            let content = self.content();
            match content.open.get_mut(&call.id).filter(|_| call.unless_ended) {
                Some(child) => {
                    let before = child.start.id;
                    child.begin_in(lineage, *call);
                    let start = child.start.clone();
                    released.extend(self.take(before));
                    released.extend(self.put(start));
                }
                None => content.superseded.entry(instance.clone()).or_default().push(*call),
            }
        }
        released
    }
}

impl Child {
    /// Its start becomes one of this run, in the place of what another run has started.
    fn begin_in(&mut self, lineage: u64, instead_of: SupersededCall) {
        self.has_arrived = false;
        self.start.id.lineage = lineage;
        self.start.replace_superseded(Vec::from([instead_of]));
        if let MessageBody::Replace { origin, .. } = self.start.body.inner_mut() {
            origin.lineage = lineage;
        }
    }
}

impl Message {
    /// Makes of a start one that takes the place of what these calls have started, if there are any.
    pub(super) fn replace_superseded(&mut self, calls: Vec<SupersededCall>) {
        if calls.is_empty() {
            return;
        }
        let body = self.body.inner_mut();
        match body {
            MessageBody::Replace { instead_of, .. } => instead_of.extend(calls),
            MessageBody::Start { name, version, input, origin, not_before } => {
                *body = MessageBody::Replace {
                    name: name.clone(),
                    version: version.take(),
                    input: mem::take(input),
                    origin: origin.clone(),
                    not_before: *not_before,
                    instead_of: calls,
                };
            }
            MessageBody::Traced { .. }
            | MessageBody::Limited { .. }
            | MessageBody::Attributed { .. }
            | MessageBody::Cancel { .. }
            | MessageBody::Event { .. }
            | MessageBody::Command { .. }
            | MessageBody::Request(_)
            | MessageBody::Return { .. }
            | MessageBody::Result { .. } => {}
        }
    }
}

/// The turns that are undone, one event after the other.
struct Undoing {
    /// As it was before the event.
    outbox: Outbox,
    /// The calls that are kept and open, and their starts.
    kept: BTreeMap<CorrelationId, Message>,
    undone: Vec<SupersededChild>,
    /// Of the kept ones, those whose child was cancelled or begun anew since: the runs in which it was
    /// begun anew.
    disturbed: BTreeMap<CorrelationId, Vec<u64>>,
}

impl Undoing {
    fn new(outbox: Outbox) -> Self {
        let open = outbox.content.iter().flat_map(|content| &content.open);
        let kept = open.map(|(id, child)| (*id, child.start.clone())).collect();
        Self { outbox, kept, undone: Vec::new(), disturbed: BTreeMap::new() }
    }

    fn undo(&mut self, event: &Event) {
        match event {
            Event::ChildScheduled { id, instance, .. } => self.undo_call(*id, instance),
            Event::ChildrenSuperseded { children } => {
                children.iter().for_each(|child| self.undo_superseding(child));
            }
            Event::ChildCancelRequested { id } => self.undo_cancel(*id),
            Event::ExecutionRenewed { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::ExecutionContinued { .. }
            | Event::ExecutionCancelled { .. } => self.undo_end(),
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
            | Event::SideEffectRecorded { .. }
            | Event::StatusSet { .. }
            | Event::UpdateAnswered { .. }
            | Event::UpdateAnswersCarried { .. }
            | Event::ValuePublished { .. }
            | Event::Streamed(_)
            | Event::AttributesChanged { .. }
            | Event::EventKeysCarried { .. }
            | Event::CancelRequested { .. }
            | Event::ExecutionSuspended { .. }
            | Event::ExecutionResumed
            | Event::TaskConfigured { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::TaskHeartbeat { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::ExecutionRewound { .. }
            | Event::StartedBy { .. }
            | Event::ChildCompleted { .. }
            | Event::ChildFailed { .. }
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
            | Event::CommandsReceived { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::ExecutionParked { .. }
            | Event::ExecutionUnparked
            | Event::TaskLocal { .. }
            | Event::ExecutionForked { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => {}
        }
        drop(self.outbox.follow(event));
    }

    fn undo_call(&mut self, id: CorrelationId, instance: &InstanceId) {
        let lineage = self.outbox.lineage();
        // An id that was made for it is made for no other call.
        if *instance != generated_id(&self.outbox.instance, lineage, id) {
            let call = SupersededCall { lineage, id, unless_ended: false };
            self.undone.push(SupersededChild { instance: instance.clone(), call });
        }
    }

    /// What an undone rewind has superseded, and begun anew.
    fn undo_superseding(&mut self, child: &SupersededChild) {
        let SupersededChild { instance, call } = child;
        if !call.unless_ended {
            return self.undone.push(child.clone());
        }
        let lineage = self.outbox.lineage();
        if self.kept.contains_key(&call.id) {
            let runs = self.disturbed.entry(call.id).or_default();
            runs.extend((runs.last() != Some(&lineage)).then_some(lineage));
        } else {
            let call = SupersededCall { lineage, unless_ended: false, ..*call };
            self.undone.push(SupersededChild { instance: instance.clone(), call });
        }
    }

    fn undo_cancel(&mut self, id: CorrelationId) {
        let child = self.outbox.child(id);
        if child.is_some() && self.kept.get(&id).map(|start| &start.to) == child {
            self.disturbed.entry(id).or_default();
        }
    }

    /// The end of the parent, or that it went on as new, has cancelled its children.
    fn undo_end(&mut self) {
        let open = self.outbox.content.iter().flat_map(|content| &content.open);
        let cancelled = open.filter(|(_, child)| child.parent_close == ParentClose::Cancel);
        let cancelled: Vec<_> = cancelled.map(|(id, _)| *id).collect();
        cancelled.into_iter().for_each(|id| self.undo_cancel(id));
    }

    fn finish(self) -> Vec<SupersededChild> {
        let Self { kept, mut undone, disturbed, .. } = self;
        for (id, runs) in disturbed {
            let Some(Message { id: MessageId { lineage, .. }, to, .. }) = kept.get(&id) else {
                continue;
            };
            undone.extend([*lineage].into_iter().chain(runs).map(|lineage| {
                let call = SupersededCall { lineage, id, unless_ended: true };
                SupersededChild { instance: to.clone(), call }
            }));
        }
        undone
    }
}
