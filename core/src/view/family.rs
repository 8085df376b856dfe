//! The children of an execution and how they ended, from its log alone.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::mem;

use serde::Serialize;

use super::execution::Listed;
use crate::event::Event;
use crate::history::RecordedTurn;
use crate::ids::{CorrelationId, InstanceId, Name};
use crate::message::{Origin, Relation};
use crate::options::ParentClose;
use crate::outbox::Outbox;
use crate::time::Timestamp;

/// Whom an execution was started by, and whom it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FamilyView {
    /// Who started it, if another instance did.
    pub parent: Option<Origin>,
    /// Those that it started, in the order of their calls: all that are open, and the newest of the others, as
    /// far as there is room.
    pub children: Listed<CalledChild>,
    /// How many are open.
    pub open: u64,
    /// How many returned a value.
    pub completed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were cancelled or given up by it.
    pub cancelled: u64,
    /// How many were started detached, or left to themselves.
    pub left: u64,
}

/// An instance that another one started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CalledChild {
    /// The correlation id of the call.
    pub id: CorrelationId,
    /// The place of the call.
    pub position: u64,
    /// The orchestration's name.
    pub name: Name,
    /// The instance, of the newest attempt.
    pub instance: InstanceId,
    /// That attempt; the first is 1.
    pub attempt: u32,
    /// What it is to the one that started it.
    pub relation: Relation,
    /// When it was called.
    pub since: Timestamp,
    /// How it ended, as far as the caller knows.
    pub end: ChildEnd,
    /// When the caller learnt of it.
    pub ended_at: Option<Timestamp>,
}

/// What the log of a caller says of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildEnd {
    /// Its end is waited for.
    Open,
    /// It returned a value.
    Completed,
    /// It ended without a value, or was not started.
    Failed,
    /// The caller cancelled it, or gave it up.
    Cancelled,
    /// It is nobody's business here: it was started detached, or its caller ended first and left it alone.
    Left,
}

/// Goes over the log of one execution, and collects whom it started. Takes in all turns, in order, as they are
/// stored; holds no more than it shows, and what is open.
#[derive(Debug)]
pub struct Family {
    position: u64,
    called: CalledChildren,
    /// Knows the instances of attempts.
    outbox: Outbox,
}

impl Family {
    /// Of an execution of an instance, before its first turn; shows at most `most` children.
    pub fn new(instance: InstanceId, most: usize) -> Self {
        Self { position: 0, called: CalledChildren::new(most), outbox: Outbox::new(instance) }
    }

    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        self.position += u64::from(turn.events.is_empty());
        for event in &*turn.events {
            self.outbox.follow(event);
            self.called.follow(event, &self.outbox, (self.position, turn.at));
            self.position += 1;
        }
    }

    /// The family, as far as the turns go.
    pub fn finish(self) -> FamilyView {
        let parent = self.outbox.origin().cloned();
        FamilyView { parent, ..self.called.finish() }
    }
}

/// The children that an execution has called: all that are open, and the newest of the others.
#[derive(Debug)]
pub(crate) struct CalledChildren {
    most: usize,
    position: u64,
    at: Timestamp,
    kept: BTreeMap<CorrelationId, (CalledChild, ParentClose)>,
    /// Of these, those that have ended, in that order.
    ended: VecDeque<CorrelationId>,
    counts: FamilyView,
}

impl CalledChildren {
    /// None so far; keeps at most `most`, and what is open.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            position: 0,
            at: Timestamp::EPOCH,
            kept: BTreeMap::new(),
            ended: VecDeque::new(),
            counts: FamilyView::default(),
        }
    }

    /// Those that are kept, in the order of their calls.
    pub(crate) fn list(&self) -> impl Iterator<Item = &CalledChild> {
        self.kept.values().map(|(child, _)| child)
    }

    /// What they take in memory, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        let texts =
            self.list().map(|child| child.name.as_str().len() + child.instance.as_str().len());
        texts.sum::<usize>() + self.kept.len() * mem::size_of::<(CalledChild, ParentClose)>()
    }

    fn finish(self) -> FamilyView {
        let items: Vec<_> = self.kept.into_values().map(|(child, _)| child).collect();
        let total = self.counts.children.total;
        FamilyView { children: Listed { items, total }, ..self.counts }
    }

    /// Goes on with an event in a place at a time, which the outbox has followed.
    pub(crate) fn follow(
        &mut self,
        event: &Event,
        outbox: &Outbox,
        (position, at): (u64, Timestamp),
    ) {
        (self.position, self.at) = (position, at);
        if let Event::ChildScheduled { id, name, instance, parent_close, .. } = event {
            self.counts.open += 1;
            self.add(*id, name, instance, Relation::Child, *parent_close);
        } else if let Event::StartRequested { id, name, instance, .. } = event {
            self.counts.open += 1;
            self.add(*id, name, instance, Relation::Detached, ParentClose::Abandon);
            self.end(*id, ChildEnd::Left);
        } else if let Event::ChildAttemptFailed { id, attempt, .. } = event {
            let next = outbox.child(*id).cloned();
            if let (Some((child, _)), Some(next)) = (self.kept.get_mut(id), next) {
                child.instance = next;
                child.attempt = attempt.saturating_add(1);
            }
        } else if let Event::ChildCompleted { id, .. } = event {
            self.end(*id, ChildEnd::Completed);
        } else if let Event::ChildFailed { id, .. } = event {
            self.end(*id, ChildEnd::Failed);
        } else if let Event::ChildCancelRequested { id } = event {
            self.end(*id, ChildEnd::Cancelled);
        } else if event.is_terminal() || matches!(event, Event::ExecutionRenewed { .. }) {
            self.end_all();
        }
    }

    fn add(
        &mut self,
        id: CorrelationId,
        name: &Name,
        instance: &InstanceId,
        relation: Relation,
        parent_close: ParentClose,
    ) {
        self.counts.children.total += 1;
        if self.kept.len() >= self.most {
            // The oldest that has ended makes room.
            match self.ended.pop_front() {
                Some(oldest) => drop(self.kept.remove(&oldest)),
                None => return,
            }
        }
        let child = CalledChild {
            id,
            position: self.position,
            name: name.clone(),
            instance: instance.clone(),
            attempt: 1,
            relation,
            since: self.at,
            end: ChildEnd::Open,
            ended_at: None,
        };
        self.kept.insert(id, (child, parent_close));
    }

    /// The number of those that have ended so.
    fn count(&mut self, end: ChildEnd) -> &mut u64 {
        match end {
            ChildEnd::Open => &mut self.counts.open,
            ChildEnd::Completed => &mut self.counts.completed,
            ChildEnd::Failed => &mut self.counts.failed,
            ChildEnd::Cancelled => &mut self.counts.cancelled,
            ChildEnd::Left => &mut self.counts.left,
        }
    }

    fn end(&mut self, id: CorrelationId, end: ChildEnd) {
        self.counts.open = self.counts.open.saturating_sub(1);
        *self.count(end) += 1;
        let at = self.at;
        if let Some((child, _)) = self.kept.get_mut(&id) {
            child.end = end;
            child.ended_at = Some(at);
            self.ended.push_back(id);
        }
    }

    /// The execution waits for nobody any more. Children that are not kept were to be cancelled, mostly.
    fn end_all(&mut self) {
        let open = self.kept.values().filter(|(child, _)| child.end == ChildEnd::Open);
        let open: Vec<_> = open.map(|(child, close)| (child.id, *close)).collect();
        for (id, close) in open {
            self.end(
                id,
                match close {
                    ParentClose::Cancel => ChildEnd::Cancelled,
                    ParentClose::Abandon => ChildEnd::Left,
                },
            );
        }
        self.counts.cancelled += core::mem::take(&mut self.counts.open);
    }
}
