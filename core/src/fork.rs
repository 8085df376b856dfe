//! Forking: a new instance from the first turns of the history of another one.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use crate::error::bounded_message;
use crate::event::{Event, ForkedFrom, RequestEvent};
use crate::history::{History, HistoryEvent, RecordedTurn};
use crate::ids::{CorrelationId, ExecutionId, InstanceId};
use crate::message::MessageKind;
use crate::outbox::Outbox;
use crate::replace::key_of_start;
use crate::rewind::{NoSuchPosition, Rewound, is_held};
use crate::time::Timestamp;

/// How an instance is forked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Which instance.
    pub from: InstanceId,
    /// The execution whose history it is.
    pub execution: ExecutionId,
    /// The new instance.
    pub instance: InstanceId,
    /// What stands before the event in this place is copied: neither the turn that holds it nor any after it. `None`
    /// stands for all that there is, but for the turn in which it ended.
    pub before: Option<u64>,
    /// Why, for people. Cut at [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    pub reason: String,
    /// Where the random numbers go on: the shell draws it, the log keeps it. By it the fork is known when it is asked
    /// for again.
    pub seed: u64,
}

/// Why an instance cannot be forked in a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForkable {
    /// There is no event in that place, or it is in the first turn.
    #[error(transparent)]
    NoSuchPosition(#[from] NoSuchPosition),
    /// It waits there for others, or holds their locks.
    #[error("it waits for {} other instances there; they answer it alone", instances.len())]
    WaitsForOthers {
        /// The first event in which it called one of them: before it, it waits for none of these.
        position: u64,
        /// Whom it waits for, or whose locks it holds.
        instances: Vec<InstanceId>,
    },
}

impl History {
    /// The history of a fork: the first turns of this one, and those that are added. Its code is not asked: it need
    /// not fit what is left out.
    ///
    /// The code sees the id of the instance that is forked in what is copied, and that of the fork after it. What
    /// came after the place is left out, external events as well. Nobody has started the fork, and it owes nobody an
    /// answer. No message of what is copied is sent: what is not known to have arrived counts as arrived. Timers,
    /// attempts of activities, random numbers and time limits go on as after a
    /// [rewind](History::rewound) to the same place; and so the code runs in a turn of its own, by a timer that is due
    /// at once.
    ///
    /// # Errors
    /// [`NotForkable`].
    pub fn forked(&self, fork: Fork, at: Timestamp) -> Result<Rewound, NotForkable> {
        let Fork { from, execution, instance, before, reason, seed } = fork;
        let (kept, dropped) = match before {
            Some(before) => self.split_before(before)?,
            None => self.split_at_end()?,
        };
        let outbox = Outbox::of(from.clone(), kept);
        waits_for_nobody(kept, &outbox)?;
        let first = kept.first().map_or(at, |first| first.at + Duration::from_micros(1));
        let at = kept.last().map_or(at, |last| at.max(last.at)).max(first);
        let turn = |events: Vec<Event>| RecordedTurn { at, events: events.into() };
        let dropped = dropped.iter().map(|turn| turn.events.len() as u64).sum();
        let fork = Box::new(ForkedFrom { from, execution, instance });
        let messages = outbox.message_ids();
        let delivered = (!messages.is_empty())
            .then_some(Event::MessagesDelivered { messages, end: None })
            .map(|event| vec![event]);
        let keys = key_of_start(seed).into_iter().collect();
        let mut last =
            vec![Event::ExecutionRewound { reason: bounded_message(reason), dropped, seed }];
        if !is_held(kept) {
            last.push(Event::TimerCreated { id: CorrelationId::START, fire_at: at });
        }
        let turns = [vec![Event::ExecutionForked { fork }]].into_iter().chain(delivered);
        let turns = turns.chain([vec![Event::CommandsReceived { keys }], last]);
        Ok(Rewound { kept: kept.len(), turns: turns.map(turn).collect() })
    }

    /// All turns but that of the end, and what comes after it.
    fn split_at_end(&self) -> Result<(&[RecordedTurn], &[RecordedTurn]), NoSuchPosition> {
        let mut events = self.events();
        match events.find(|HistoryEvent { event, .. }| event.is_terminal()) {
            Some(end) => self.split_before(end.position),
            None if self.is_empty() => Err(NoSuchPosition { position: 0, length: 0 }),
            None => Ok((self.turns(), &[])),
        }
    }
}

impl RecordedTurn {
    /// From which log the turns before this one were copied, where it begins a fork.
    pub fn fork(&self) -> Option<&ForkedFrom> {
        let Some(Event::ExecutionForked { fork }) = self.events.first() else { return None };
        Some(fork)
    }
}

/// An answer to a child's call, or to an update, comes to the instance that has asked; and a lock is held by it. A fork
/// would wait for ever, or hold what it was not given.
fn waits_for_nobody(kept: &[RecordedTurn], outbox: &Outbox) -> Result<(), NotForkable> {
    let mut waiting: BTreeMap<_, _> = outbox.calls_of_others().into_iter().collect();
    waiting.extend(open_updates(kept));
    if waiting.is_empty() {
        return Ok(());
    }
    let mut place = 0;
    for turn in kept {
        for (event, position) in turn.events.iter().zip(place..) {
            if event.correlation().is_some_and(|id| waiting.contains_key(&id)) {
                let mut instances: Vec<_> = waiting.into_values().collect();
                instances.sort();
                instances.dedup();
                return Err(NotForkable::WaitsForOthers { position, instances });
            }
        }
        place += turn.events.len().max(1) as u64;
    }
    Ok(())
}

/// The updates of other instances, and the requests for their locks, that have no answer.
fn open_updates(turns: &[RecordedTurn]) -> BTreeMap<CorrelationId, InstanceId> {
    let mut open = BTreeMap::new();
    for event in turns.iter().flat_map(|turn| turn.events.iter()) {
        if let Event::Request(request) = event {
            match request {
                RequestEvent::Sent { id, to, request } if request.is_update => {
                    open.insert(*id, to.clone());
                }
                RequestEvent::LockAsked { id, to, .. } => {
                    open.insert(*id, to.clone());
                }
                RequestEvent::Returned { id, .. } => drop(open.remove(id)),
                RequestEvent::Sent { .. }
                | RequestEvent::Asked { .. }
                | RequestEvent::LockReleased { .. } => {}
            }
        } else if let Event::MessageRefused { message, .. } = event {
            if message.kind == MessageKind::Update {
                open.remove(&message.id);
            }
        } else if matches!(event, Event::ExecutionRenewed { .. }) {
            open.clear();
        }
    }
    open
}
