//! The code schedules an activity.

use alloc::boxed::Box;

use super::{Halt, Mode, Recorded, State};
use crate::attempts::Attempts;
use crate::catalog::Refusal;
use crate::error::ActivityError;
use crate::event::Event;
use crate::future::DurableOutput;
use crate::ids::{CorrelationId, Name};
use crate::options::ActivityOptions;
use crate::payload::Payload;
use crate::slots::{Scheduled, call, task_timers};

impl State {
    /// The code schedules an activity. `typed` inputs need no check by the catalog; the options were
    /// checked.
    pub(crate) fn schedule_task(
        &mut self,
        name: Name,
        input: Payload,
        typed: bool,
        options: &ActivityOptions,
        shielded: bool,
    ) -> CorrelationId {
        let id = self.next_id();
        match self.refusal(&name, &input, typed) {
            Ok(None) => {}
            Ok(Some(error)) => {
                self.record(Event::TaskRefused { id, name, error: error.clone() });
                self.refuse_task(id, error);
                return id;
            }
            Err(halt) => {
                self.halt(halt);
                return id;
            }
        }
        let event = Event::TaskScheduled { id, name: name.clone(), input: input.clone() };
        // Both of its events, or none.
        let events = if options.is_none() { 1 } else { 2 };
        let input = match self.record_first_of(event, events) {
            Recorded::Halted => return id,
            Recorded::Before(Event::TaskRefused { error, .. }) => {
                self.refuse_task(id, error);
                return id;
            }
            // The recorded input counts: it is what the activity was given.
            Recorded::Before(Event::TaskScheduled { input, .. }) => input,
            Recorded::Before(_) | Recorded::Now => input,
        };
        let attempts = self.configure(id, options);
        if let Some(attempts) = &attempts {
            task_timers(id, Some(attempts)).for_each(|timer| self.act(timer));
        }
        let action = call(id, name.clone(), input.clone(), attempts.as_deref());
        self.schedule(id, Scheduled::Task { name, input, attempts }, shielded, action);
        id
    }

    /// Records the options of the activity that was just scheduled. At replay the recorded ones
    /// count, whatever the code gives now.
    fn configure(&mut self, id: CorrelationId, given: &ActivityOptions) -> Option<Box<Attempts>> {
        let options = match &mut self.mode {
            Mode::Live if given.is_none() => return None,
            Mode::Live => {
                let options = Box::new(given.recorded());
                let event = Event::TaskConfigured { id, options: options.clone() };
                self.count(&event);
                self.events.push(event);
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

    fn refuse_task(&mut self, id: CorrelationId, error: ActivityError) {
        self.buffer.schedule_refused(id, self.position, DurableOutput::Task(Err(error)));
    }

    /// Whether the catalog refuses a new activity. Asked when live only: the log knows the rest.
    fn refusal(
        &self,
        name: &Name,
        input: &Payload,
        typed: bool,
    ) -> Result<Option<ActivityError>, Halt> {
        let Some(catalog) = self.activities.as_ref().filter(|_| matches!(self.mode, Mode::Live))
        else {
            return Ok(None);
        };
        match catalog.check(name, (!typed).then_some(input)) {
            Ok(()) => Ok(None),
            Err(Refusal::Unregistered) => Err(Halt::Unregistered(name.clone())),
            Err(Refusal::InvalidInput(error)) => Ok(Some(error)),
        }
    }
}
