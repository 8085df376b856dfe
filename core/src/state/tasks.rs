//! Schedules activities.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::State;
use super::mode::{Halt, Mode};
use super::record::Recorded;
use crate::action::Action;
use crate::attempts::{Attempts, Deferred, call, task_timers};
use crate::correlation_buffer::Scheduled;
use crate::error::ActivityError;
use crate::event::Event;
use crate::ids::{CorrelationId, Name};
use crate::options::ActivityOptions;
use crate::output::DurableOutput;
use crate::payload::Payload;
use crate::time::Timestamp;

/// How the code calls an activity.
pub(crate) struct Manner<'a> {
    /// They were checked.
    pub(crate) options: &'a ActivityOptions,
    /// It may run before its schedule is durable.
    pub(crate) local: bool,
    /// A cancel does not touch it.
    pub(crate) shielded: bool,
}

impl State {
    /// The code schedules an activity, unless it was found that
    /// it cannot be.
    pub(crate) fn schedule_task(
        &mut self,
        name: Name,
        input: Payload,
        refusal: Result<Option<ActivityError>, Halt>,
        Manner { options, local, shielded }: Manner<'_>,
    ) -> CorrelationId {
        let id = self.next_id();
        match refusal {
            Ok(None) => {}
            Ok(Some(error)) => {
                self.record(Event::TaskRefused { id, name: name.clone(), error: error.clone() });
                self.refuse_task(id, name, error);
                return id;
            }
            Err(halt) => {
                self.halt(halt);
                return id;
            }
        }
        let event = Event::TaskScheduled { id, name: name.clone(), input: input.clone() };
        // All of its events, or none.
        let more = u64::from(!options.has_no_terms()) + u64::from(options.tag.is_some() || local);
        let input = match self.record_with(event, more, options.tag.map_or(0, str::len)) {
            Recorded::Halted => return id,
            Recorded::Before(Event::TaskRefused { error, .. }) => {
                self.refuse_task(id, name, error);
                return id;
            }
            // The recorded input counts: it is what the activity was given.
            Recorded::Before(Event::TaskScheduled { input, .. }) => input,
            Recorded::Before(_) | Recorded::Now => input,
        };
        let attempts = self.configure(id, options);
        let local = self.mark_local(id, local);
        if let Some(attempts) = &attempts {
            task_timers(id, Some(attempts)).for_each(|timer| self.act(timer));
        }
        let action = call(id, name.clone(), input.clone(), attempts.as_deref(), local);
        self.schedule(id, Scheduled::Task { name, input, attempts, local }, shielded, action);
        id
    }

    /// An attempt has returned, and is completed from outside.
    pub(crate) fn defer_task(&mut self, id: CorrelationId, began: Timestamp, heard: Timestamp) {
        if let Some(fire_at) = self.buffer.defer_task(id, Deferred { began, heard }) {
            self.act(Action::CreateTimer { id, fire_at });
        }
    }

    /// Records the options of the activity that was just scheduled, and its tag. At replay the
    /// recorded ones count, whatever the code gives now.
    fn configure(&mut self, id: CorrelationId, given: &ActivityOptions) -> Option<Box<Attempts>> {
        let mut attempts = self.set_terms(id, given);
        if let Some(tag) = self.tag(id, given) {
            attempts.get_or_insert_default().tag = Some(tag);
        }
        attempts
    }

    fn set_terms(&mut self, id: CorrelationId, given: &ActivityOptions) -> Option<Box<Attempts>> {
        let options = match &mut self.mode {
            Mode::Live if given.has_no_terms() => return None,
            Mode::Live => {
                let options = Box::new(given.recorded());
                let event = Event::TaskConfigured { id, options: options.clone() };
                self.count(&event);
                self.turn.events.push(event);
                options
            }
            Mode::Replay(expected) => {
                let Some(Event::TaskConfigured { id: of, options }) = expected.front() else {
                    return None;
                };
                let options = (*of == id).then(|| options.clone())?;
                let event = expected.pop_front()?;
                self.count(&event);
                options
            }
            Mode::Between | Mode::Closed => return None,
        };
        let condition = given.retry.as_ref().and_then(|policy| policy.condition());
        Some(Box::new(Attempts::new(options, condition, self.now)))
    }

    fn tag(&mut self, id: CorrelationId, given: &ActivityOptions) -> Option<Name> {
        match &mut self.mode {
            Mode::Live => {
                // It was checked.
                let tag = given.checked_tag().ok()??;
                let event = Event::TaskTagged { id, tag: tag.clone() };
                self.count(&event);
                self.turn.events.push(event);
                Some(tag)
            }
            Mode::Replay(expected) => {
                let Some(Event::TaskTagged { id: of, tag }) = expected.front() else {
                    return None;
                };
                let tag = (*of == id).then(|| tag.clone())?;
                let event = expected.pop_front()?;
                self.count(&event);
                Some(tag)
            }
            Mode::Between | Mode::Closed => None,
        }
    }

    /// Marks the activity that was just scheduled as local. At replay the mark in the log counts.
    fn mark_local(&mut self, id: CorrelationId, local: bool) -> bool {
        let event = Event::TaskLocal { id };
        match &mut self.mode {
            Mode::Live if local => {
                self.count(&event);
                self.turn.events.push(event);
            }
            Mode::Replay(expected) if expected.front() == Some(&event) => {
                expected.pop_front();
                self.count(&event);
            }
            Mode::Live | Mode::Replay(_) | Mode::Between | Mode::Closed => return false,
        }
        self.has_local_tasks = true;
        true
    }

    /// Takes what is to be done about local activities out of the actions of a turn, where that need not
    /// wait until the turn is durable; and whether the rest can wait for them.
    #[inline]
    pub(crate) fn sort_out_local(
        &self,
        actions: &mut Vec<Action>,
        in_place: bool,
    ) -> (Vec<Action>, bool) {
        if !in_place || !self.has_local_tasks {
            return (Vec::new(), false);
        }
        let local = self.take_local(actions);
        let can_wait = self.can_wait(actions);
        (local, can_wait)
    }

    /// The calls of local activities. Their timers stay among the actions as well, to be set again when
    /// these are released.
    fn take_local(&self, actions: &mut Vec<Action>) -> Vec<Action> {
        let timers = actions.iter().filter(|action| match action {
            Action::CreateTimer { id, .. } => self.buffer.is_open_local(*id),
            Action::CallActivity { .. }
            | Action::CancelActivity { .. }
            | Action::CancelTimer { .. }
            | Action::Trace { .. }
            | Action::Send(_)
            | Action::AnnounceStatus
            | Action::AnswerUpdate { .. }
            | Action::Reply { .. } => false,
        });
        let mut local: Vec<_> = timers.cloned().collect();
        let is_call =
            |action: &mut Action| matches!(action, Action::CallActivity { local: true, .. });
        local.extend(actions.extract_if(.., is_call));
        local
    }

    /// Whether nobody waits for any of the actions.
    fn can_wait(&self, actions: &[Action]) -> bool {
        actions.iter().all(|action| match action {
            Action::CreateTimer { id, .. } => self.buffer.is_open_local(*id),
            Action::CancelActivity { .. }
            | Action::CancelTimer { .. }
            | Action::Trace { .. }
            | Action::AnnounceStatus => true,
            Action::CallActivity { .. }
            | Action::Send(_)
            | Action::AnswerUpdate { .. }
            | Action::Reply { .. } => false,
        })
    }

    fn refuse_task(&mut self, id: CorrelationId, name: Name, error: ActivityError) {
        let error = error.of_call(name, Some(id), 0);
        self.buffer.schedule_refused(id, self.written.position, DurableOutput::Task(Err(error)));
    }
}
