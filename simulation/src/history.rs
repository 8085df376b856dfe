//! Checks of the log of an execution, as it grows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reenact::core::{
    CorrelationId, Event, EventKey, NotTaken, RecordedTurn, RequestEvent, StreamEvent,
};
use reenact::testing::simulation::World;
use reenact::{Client, Timestamp};

use crate::marks::{self, Marks};
use crate::overdue;
use crate::workload::{ASKED, OLD_VERSION};

/// The log of one execution, and what is open in it.
#[derive(Default)]
pub(crate) struct Log {
    /// Its turns as they were stored.
    pub(crate) turns: Vec<Arc<[u8]>>,
    began: Option<Timestamp>,
    at: Option<Timestamp>,
    scheduled: BTreeSet<CorrelationId>,
    completed: BTreeSet<CorrelationId>,
    timers: BTreeMap<CorrelationId, Timestamp>,
    /// Updates that the execution before has not answered.
    carried: BTreeSet<EventKey>,
    /// Its code is to run later.
    is_delayed: bool,
    has_run: bool,
    /// It was cancelled before its code had run.
    is_cancelled_unbegun: bool,
    is_parked: bool,
    is_suspended: bool,
    is_locked: bool,
    /// The first version of its orchestration.
    is_old: bool,
    /// It goes on as the next execution.
    is_continued: bool,
    /// It has the beginning of an earlier execution.
    is_rewound: bool,
    locks: BTreeSet<CorrelationId>,
    held: BTreeSet<CorrelationId>,
}

impl Log {
    /// Takes the next turn. Each completion is of something that was scheduled, and the only one of it; no timer fires
    /// early, by the time of the log; time never goes back. `begins` says whether it came with the first turn of an
    /// execution that goes on for another one.
    pub(crate) fn take(
        &mut self,
        turn: &RecordedTurn,
        begins: bool,
        marks: &mut Marks,
    ) -> Result<(), String> {
        let is_at_once = self.turns.len() <= 2 && self.at.is_none_or(|at| at == turn.at);
        self.passes(turn.at)?;
        let comes = |event: &Event| event.is_input() && !matches!(event, Event::ExecutionResumed);
        if self.is_suspended && turn.events.iter().any(comes) {
            marks.insert(marks::EVENT_WHILE_SUSPENDED);
        }
        let begins = begins && *self.began.get_or_insert(turn.at) == turn.at;
        for event in &*turn.events {
            let was_delayed = self.is_delayed;
            self.check(event, turn.at)?;
            if was_delayed && matches!(event, Event::TimerFired { .. }) {
                marks.insert(marks::DELAYED);
            }
            self.mark(event, marks);
            self.has_run |= !(self.is_delayed || self.is_suspended || self.is_parked);
            if begins {
                self.begin(event, marks);
            }
        }
        mark_race(&turn.events, marks);
        if is_at_once && !begins && is_asked(&turn.events) {
            marks.insert(marks::REQUEST_STARTED);
        }
        Ok(())
    }

    /// Whether its instance stands still.
    pub(crate) const fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Whether it was cancelled before its code had run, and so has nothing to undo.
    pub(crate) const fn is_cancelled_unbegun(&self) -> bool {
        self.is_cancelled_unbegun
    }

    pub(crate) const fn is_continued(&self) -> bool {
        self.is_continued
    }

    pub(crate) const fn is_rewound(&self) -> bool {
        self.is_rewound
    }

    fn passes(&mut self, at: Timestamp) -> Result<(), String> {
        match self.at.replace(at) {
            Some(before) if at < before => {
                Err(format!("the time of a turn, {at}, is before the one before it, {before}"))
            }
            _ => Ok(()),
        }
    }

    fn check(&mut self, event: &Event, at: Timestamp) -> Result<(), String> {
        match event {
            Event::TaskScheduled { id, .. } | Event::ChildScheduled { id, .. }
                if self.is_delayed =>
            {
                Err(format!("{id:?} was scheduled before the delay of the start has passed"))
            }
            Event::TaskScheduled { id, .. } | Event::ChildScheduled { id, .. }
                if !self.scheduled.insert(*id) =>
            {
                Err(format!("{id:?} was scheduled twice"))
            }
            Event::ExecutionStarted { delay: Some(delay), .. } => {
                self.is_delayed = !delay.is_zero();
                self.timers.insert(CorrelationId::START, at + *delay);
                Ok(())
            }
            Event::CancelRequested { .. } => {
                self.is_delayed = false;
                self.is_cancelled_unbegun |= !self.has_run;
                Ok(())
            }
            Event::TaskCompleted { id, .. }
            | Event::TaskFailed { id, .. }
            | Event::ChildCompleted { id, .. }
            | Event::ChildFailed { id, .. }
                if !self.completed.insert(*id) || !self.scheduled.contains(id) =>
            {
                Err(format!("{id:?} has ended twice, or was never scheduled"))
            }
            Event::TimerCreated { id, fire_at } => {
                self.timers.insert(*id, *fire_at);
                Ok(())
            }
            Event::TimerFired { id } => match self.timers.remove(id) {
                Some(fire_at) if fire_at <= at => {
                    self.is_delayed &= *id != CorrelationId::START;
                    Ok(())
                }
                Some(fire_at) => Err(format!("a timer for {fire_at} has fired at {at}")),
                None => Err(format!("timer {id:?} has fired twice, or was never set")),
            },
            _ => Ok(()),
        }
    }

    /// What is seen in any turn.
    fn mark(&mut self, event: &Event, marks: &mut Marks) {
        let mark = match event {
            Event::ExecutionContinued { .. } => {
                self.is_continued = true;
                marks::CONTINUED
            }
            Event::TaskAttemptFailed { .. } => marks::ATTEMPT_FAILED,
            Event::TaskStarted { .. } => marks::HOST_DIED_OF_IT,
            Event::TaskTagged { .. } => marks::TAGGED,
            Event::ExecutionSuspended { .. } => {
                self.is_suspended = true;
                marks::SUSPENDED
            }
            Event::VersionSelected { version } => {
                self.is_old = version.to_string() == OLD_VERSION;
                return;
            }
            Event::PatchMarked { .. } if self.is_old => marks::PATCHED_LATER,
            Event::ExecutionRewound { .. } => {
                self.is_rewound = true;
                marks::REWOUND
            }
            Event::ExecutionParked { .. } => {
                self.is_parked = true;
                marks::PARKED_FOR_CODE
            }
            Event::ExecutionUnparked => {
                self.is_parked = false;
                marks::UNPARKED
            }
            Event::Streamed(StreamEvent::TaskEmitted { attempt, .. }) if *attempt > 1 => {
                marks::ATTEMPTS_EMITTED
            }
            Event::ExecutionResumed => {
                self.is_suspended = false;
                return;
            }
            Event::ExecutionCancelled { .. } | Event::ExecutionTerminated { .. }
                if !self.locks.is_empty() =>
            {
                marks::LOCK_OF_STOPPED
            }
            Event::ExecutionCancelled { .. } => marks::CANCEL_ENDED,
            Event::ExecutionTerminated { .. } => marks::TERMINATED,
            Event::ChildCancelRequested { .. } => marks::CHILD_CANCELLED,
            Event::MessageRefused { why: NotTaken::Finished, .. } => marks::MESSAGE_FINISHED,
            Event::UpdateAnswered { key, .. } if self.carried.remove(key) => marks::UPDATE_CARRIED,
            Event::ValuePublished { name, value } if name.as_str() == "@lock" => {
                self.is_locked = value.is_some();
                return;
            }
            Event::ExternalRaised { name, .. } if self.is_locked && name.as_str() == "@op" => {
                marks::LOCK_WAITED
            }
            Event::Request(request) => return self.mark_request(request, marks),
            _ => return,
        };
        marks.insert(mark);
    }

    fn mark_request(&mut self, request: &RequestEvent, marks: &mut Marks) {
        match request {
            RequestEvent::LockAsked { id, lock, .. } => {
                self.locks.insert(*lock);
                self.held.insert(*id);
            }
            RequestEvent::Returned { id, .. } => {
                self.held.remove(id);
            }
            RequestEvent::LockReleased { lock } => {
                self.locks.remove(lock);
                if !self.held.is_empty() {
                    marks.insert(marks::LOCK_GIVEN_UP);
                }
            }
            _ => {}
        }
    }

    /// With what an execution begins that goes on for another one.
    fn begin(&mut self, event: &Event, marks: &mut Marks) {
        match event {
            Event::VersionSelected { version } if version.to_string() == OLD_VERSION => {
                marks.insert(marks::STAYED);
            }
            Event::ExternalRaised { key, .. } => {
                marks.insert(marks::CONTINUED_WITH_EVENTS);
                self.carried.extend(key.clone());
            }
            Event::EventKeysCarried { .. } => {
                marks.insert(marks::CONTINUED_WITH_KEYS);
            }
            _ => {}
        }
    }
}

/// The same checks of the newest execution of an instance, as it is stored.
pub(crate) async fn check(world: &World, id: &str) -> Result<(), String> {
    let client = Client::read_only(world.store());
    let history = client.history(id).await.map_err(|error| format!("no history: {error}"))?;
    overdue::check(&history)?;
    let mut log = Log::default();
    history.events().try_for_each(|event| {
        log.passes(event.at)?;
        log.check(event.event, event.at)
    })
}

/// Whether another program asks for an update.
fn is_asked(events: &[Event]) -> bool {
    let has = |is: fn(&Event) -> bool| events.iter().any(is);
    has(|event| matches!(event, Event::Request(RequestEvent::Asked { .. })))
        && has(
            |event| matches!(event, Event::ExternalRaised { name, .. } if name.as_str() == ASKED),
        )
}

/// An activity and its time limit: which one of them was called off.
fn mark_race(events: &[Event], marks: &mut Marks) {
    let has = |is: fn(&Event) -> bool| events.iter().any(is);
    let fired = has(|event| matches!(event, Event::TimerFired { .. }));
    let ended = has(|event| matches!(event, Event::TaskCompleted { .. }));
    if fired && has(|event| matches!(event, Event::TaskCancelRequested { .. })) {
        marks.insert(marks::TIMER_WON);
    }
    if ended && has(|event| matches!(event, Event::TimerCancelled { .. })) {
        marks.insert(marks::TASK_WON);
    }
}
