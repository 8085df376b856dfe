//! The activities in the correlation buffer.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::CorrelationBuffer;
use super::scheduled::{Scheduled, Slot};
use crate::action::Action;
use crate::attempts::{Attempts, Deferred, call};
use crate::error::{ActivityError, ActivityErrorKind};
use crate::event::Event;
use crate::ids::{CorrelationId, Name};
use crate::open::OpenActivity;
use crate::payload::Payload;
use crate::time::Timestamp;

impl CorrelationBuffer {
    /// Whether that attempt of a task is under way, or the next.
    pub(crate) fn is_attempt(&self, id: CorrelationId, attempt: u32) -> bool {
        match self.open_task(id) {
            Some(attempts) => attempt == attempts.map_or(1, Attempts::attempt),
            None => false,
        }
    }

    /// What is known of the attempts of an open task: `None` when it is not open; `Some(None)` when
    /// nothing is known.
    pub(crate) fn open_task(&self, id: CorrelationId) -> Option<Option<&Attempts>> {
        let slot = self.slots.get(&id).filter(|slot| slot.output.is_none())?;
        let Scheduled::Task { attempts, .. } = &slot.scheduled else { return None };
        Some(attempts.as_deref())
    }

    /// Whether a local activity is open under that id.
    pub(crate) fn is_open_local(&self, id: CorrelationId) -> bool {
        matches!(self.open(id), Some(Scheduled::Task { local: true, .. }))
    }

    /// Payload bytes of what an event supersedes; `None` when it supersedes nothing.
    pub(crate) fn superseded_by(&self, event: &Event) -> Option<usize> {
        if let Event::TaskAttemptFailed { id, .. } = event {
            self.open_task(*id)??.failure_bytes
        } else if let Event::TaskHeartbeat { id, .. } = event {
            self.open_task(*id)??.details.as_ref().map(Payload::len)
        } else {
            None
        }
    }

    /// An attempt failed; the next begins at that time.
    pub(crate) fn attempt_failed(
        &mut self,
        id: CorrelationId,
        attempt: u32,
        error: ActivityError,
        retry_at: Timestamp,
    ) {
        let Some(attempts) = attempts_of(self.slots.get_mut(&id)) else { return };
        self.due.remove_retry(id, attempts);
        self.due.end_deferral(id, attempts);
        attempts.deferred = None;
        // The failure before this one is superseded, and a death that it reports with it: what counts
        // is what the newest start says, as at a replay without it.
        let has_died = error.kind() == ActivityErrorKind::HostDied;
        attempts.died = attempts.died_before_start + u32::from(has_died);
        attempts.started = false;
        attempts.failed = attempt;
        attempts.failure_bytes = Some(error.stored_bytes());
        attempts.last_error = Some(error);
        attempts.retry_at = Some(retry_at);
        self.due.add_retry(id, retry_at);
        self.recount(id);
    }

    /// What an activity holds is another.
    fn recount(&mut self, id: CorrelationId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            self.held.changed(slot);
        }
    }

    /// A task said how far it is.
    pub(crate) fn heartbeat(&mut self, id: CorrelationId, details: Payload, now: Timestamp) {
        if let Some(attempts) = attempts_of(self.slots.get_mut(&id)) {
            attempts.details = Some(details);
            if let Some(deferred) = attempts.deferred {
                self.due.end_deferral(id, attempts);
                attempts.deferred = Some(Deferred { heard: now, ..deferred });
                self.due.defer(id, attempts);
            }
            self.recount(id);
        }
    }

    /// An attempt has returned, and is completed from outside. Gives when it has failed, if it has a limit.
    pub(crate) fn defer_task(
        &mut self,
        id: CorrelationId,
        deferred: Deferred,
    ) -> Option<Timestamp> {
        let attempts = attempts_of(self.slots.get_mut(&id))?;
        self.due.remove_retry(id, attempts);
        self.due.end_deferral(id, attempts);
        attempts.retry_at = None;
        attempts.started = false;
        attempts.deferred = Some(deferred);
        self.due.defer(id, attempts);
        self.recount(id);
        self.open_task(id)??.limit()
    }

    /// An attempt has returned to be completed from outside: the event of that, unless it is known. A local
    /// activity ends when it returns.
    pub(crate) fn deferral_of(
        &self,
        id: CorrelationId,
        attempt: u32,
        later: &ActivityError,
        at: Timestamp,
    ) -> Option<Event> {
        if self.is_open_local(id) {
            let why = "a local activity ends when it returns, and cannot be completed from outside";
            return Some(Event::TaskFailed { id, error: ActivityError::fatal(why) });
        }
        let since = later.details::<(u64, u64)>();
        let since = since.map(|(began, heard)| [began, heard].map(Timestamp::from_micros));
        let [began_at, heard_at] = since.unwrap_or([at, at]).map(|time| time.min(at));
        let event = Event::TaskDeferred { id, attempt, began_at, heard_at };
        (!self.is_deferred(id)).then_some(event)
    }

    /// Whether that attempt of a task is to run, or runs.
    pub(crate) fn is_to_run(&self, id: CorrelationId, attempt: u32) -> bool {
        self.is_attempt(id, attempt) && !self.is_deferred(id)
    }

    fn is_deferred(&self, id: CorrelationId) -> bool {
        self.open_task(id).flatten().is_some_and(|attempts| attempts.deferred.is_some())
    }

    /// The attempt of a task that was not completed in time from outside, and what it has failed with.
    pub(crate) fn missed(&self, id: CorrelationId, now: Timestamp) -> Option<(u32, ActivityError)> {
        let attempts = self.open_task(id)??;
        Some((attempts.attempt(), attempts.missed(now)?))
    }

    /// The start of an attempt is to be recorded: the event, unless it is not under way, or is recorded.
    pub(crate) fn start_of(&self, id: CorrelationId, attempt: u32) -> Option<Event> {
        let attempts = self.open_task(id).filter(|_| self.is_to_run(id, attempt))?;
        let (started, died) = attempts.map_or((false, 0), |known| (known.started, known.died));
        (!started).then_some(Event::TaskStarted { id, attempt, died })
    }

    /// The start of an attempt is recorded.
    pub(crate) fn task_started(&mut self, id: CorrelationId, died: u32) {
        if let Some(attempts) = attempts_of(self.slots.get_mut(&id)) {
            attempts.started = true;
            attempts.died = died;
            attempts.died_before_start = died;
        }
    }

    /// An attempt was stopped that had started.
    pub(crate) fn task_stopped(&mut self, id: CorrelationId) {
        if let Some(attempts) = attempts_of(self.slots.get_mut(&id)) {
            attempts.started = false;
        }
    }

    /// The attempt of a task whose start is recorded, and that has no end.
    pub(crate) fn started(&self, id: CorrelationId) -> Option<&Attempts> {
        self.open_task(id)?.filter(|attempts| attempts.started)
    }

    /// The tasks of which an attempt has [started](Self::started), and that attempt.
    pub(crate) fn all_started(&self) -> Vec<(CorrelationId, u32)> {
        let tasks = self.all_open().filter_map(|(id, _)| Some((*id, self.started(*id)?.attempt())));
        tasks.collect()
    }

    /// The tasks that are open, with how many hosts have died while they ran.
    pub(crate) fn all_deaths(&self) -> Vec<(CorrelationId, u32)> {
        let tasks = self.all_open().filter_map(|(id, _)| Some((*id, self.open_task(*id)?)));
        tasks.map(|(id, attempts)| (id, attempts.map_or(0, |known| known.died))).collect()
    }

    /// The tasks that are open begin anew at that time: with their first attempt, and all of their time.
    /// An open child goes on with the attempt that is under way, as its first.
    pub(crate) fn forget_attempts(&mut self, now: Timestamp) {
        for (id, slot) in &mut self.slots {
            match (&slot.output, &mut slot.scheduled) {
                (None, Scheduled::Task { attempts: Some(attempts), .. }) => {
                    self.due.begin_task_anew(*id, attempts, now);
                }
                (None, Scheduled::Child { retry: Some(retry), .. }) => retry.begin_anew(now),
                _ => {}
            }
            self.held.changed(slot);
        }
    }

    /// The call of the attempt of a task that is due.
    pub(crate) fn call(&self, id: CorrelationId) -> Option<Action> {
        let scheduled = &self.slots.get(&id)?.scheduled;
        let Scheduled::Task { name, input, attempts, local } = scheduled else { return None };
        Some(call(id, name.clone(), input.clone(), attempts.as_deref(), *local))
    }

    /// The tasks that are open, in the order of scheduling, at most `most` of them.
    pub(crate) fn open_activities(&self, most: usize) -> Vec<OpenActivity> {
        let tasks = self.all_open().filter_map(|(id, slot)| {
            let Scheduled::Task { name, attempts, .. } = &slot.scheduled else { return None };
            Some((*id, name, attempts.as_deref()))
        });
        tasks.take(most).map(|(id, name, attempts)| open_activity(id, name, attempts)).collect()
    }
}

fn attempts_of(slot: Option<&mut Box<Slot>>) -> Option<&mut Attempts> {
    let Scheduled::Task { attempts, .. } = &mut slot?.scheduled else { return None };
    Some(attempts.get_or_insert_default())
}

fn open_activity(id: CorrelationId, name: &Name, attempts: Option<&Attempts>) -> OpenActivity {
    let mut activity = OpenActivity::new(id, name.clone());
    if let Some(attempts) = attempts {
        activity.tag = attempts.tag.clone();
        activity.attempt = attempts.attempt();
        activity.last_error = attempts.last_error.clone();
        activity.retry_at = attempts.retry_at;
        activity.heartbeat = attempts.details.clone();
        activity.deferred = attempts.deferred.is_some();
    }
    activity
}
