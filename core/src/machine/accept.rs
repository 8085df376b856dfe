//! Whether a command is accepted, and which event or action it becomes.
#![deny(clippy::wildcard_enum_match_arm, reason = "each command needs a decision here")]

use alloc::string::ToString;

use crate::action::Action;
use crate::attempts::Due;
use crate::command::{Command, Rejected, Start, check_event};
use crate::error::{ActivityError, ActivityErrorKind, bounded_message};
use crate::event::{Event, RequestEvent, TimeLimitEvent};
use crate::event_name::DeclaredEvent;
use crate::ids::{CorrelationId, EventKey, Name};
use crate::limits::{MAX_BUFFERED_EVENTS, MAX_TIMER};
use crate::machine::Machine;
use crate::machine::accepted::Accepted;
use crate::output::DurableOutput;
use crate::payload::{Payload, PayloadError};
use crate::state::State;
use crate::time::Timestamp;
use crate::update_answer::UpdateAnswer;
use crate::update_name::DeclaredUpdate;
use crate::zoo::{self, Bug};

impl Machine {
    /// What becomes of a command at a time.
    pub(super) fn accept(&self, mut command: Command, at: Timestamp) -> Result<Accepted, Rejected> {
        if zoo::planted(Bug::DeduplicationByTime)
            && let Command::RaiseEvent { name, key: Some(key), .. } = &mut command
            && let Ok(by_time) =
                EventKey::new(alloc::format!("{name} {}", at.as_micros() / 1_000_000))
        {
            *key = by_time;
        }
        let started = self.turns > 0;
        if let Some(answered) = self.accept_again(&command) {
            return Ok(answered);
        }
        let running = !self.has_ended();
        let input = match command {
            Command::Start(_) if started => return Err(Rejected::AlreadyStarted),
            Command::Start(start) => Some(self.accept_start(start)?),
            _ if !started => return Err(Rejected::NotStarted),
            Command::EmitItems { by, .. } if !running => {
                return Err(Rejected::AttemptOver { id: by.id });
            }
            Command::EmitItems { by, stream, number, items } => {
                self.shared.lock().accept_items(by, stream, number, items)?
            }
            Command::CompleteTask { .. }
            | Command::RecordHeartbeat { .. }
            | Command::FireTimer { .. }
            | Command::StartTask { .. }
            | Command::StopTask { .. }
            | Command::LoseTask { .. }
            | Command::AnnounceRun { .. }
            | Command::SurviveRun
                if !running =>
            {
                None
            }
            Command::CompleteTask { id, attempt, result } => {
                self.accept_completion(id, attempt, result, at)
            }
            Command::RecordHeartbeat { id, attempt, details } => {
                let is_attempt = self.shared.lock().buffer.is_attempt(id, attempt);
                is_attempt.then_some(Event::TaskHeartbeat { id, details })
            }
            Command::StartTask { id, attempt } => self.shared.lock().buffer.start_of(id, attempt),
            Command::StopTask { id } => {
                let started = self.shared.lock().buffer.started(id).is_some();
                started.then_some(Event::TaskStopped { id })
            }
            Command::AnnounceRun { died } => Some(Event::RunAnnounced { died }),
            Command::SurviveRun => Some(Event::RunSurvived),
            Command::LoseTask { id, most } => self.accept_loss(id, most, at),
            // Of one that has ended, nothing depends on it any more.
            Command::CompleteChild { .. } | Command::ReturnUpdate { .. } if !running => None,
            Command::CompleteChild { .. }
            | Command::ConfirmDelivery { .. }
            | Command::RefuseMessage { .. }
                if !running =>
            {
                return Err(Rejected::Finished);
            }
            Command::CompleteChild { lineage, id, child, result } => {
                let is_awaited = self.shared.lock().awaits_child(id, lineage, &child);
                is_awaited.then(|| self.accept_end_of_child(id, result, at))
            }
            Command::ReturnUpdate { lineage, id, from, answer } => {
                let is_awaited = self.shared.lock().awaits_update(id, lineage, &from);
                is_awaited.then_some(Event::Request(RequestEvent::Returned { id, answer }))
            }
            Command::KnowCommand { key } => {
                if self.shared.lock().buffer.commands.contains(&key) {
                    None
                } else if running {
                    Some(Event::CommandsReceived { keys: [key].into() })
                } else {
                    return Err(Rejected::Finished);
                }
            }
            Command::ConfirmDelivery { messages } => self.shared.lock().delivered(messages),
            Command::RefuseMessage { message, why } => self.shared.lock().refused(message, why),
            Command::FireTimer { id } => {
                let missed = self.shared.lock().buffer.missed(id, at);
                let Some((attempt, error)) = missed else {
                    return Ok(self.shared.lock().accept_firing(id, at));
                };
                self.accept_completion(id, attempt, Err(error), at)
            }
            Command::RaiseEvent { .. }
            | Command::TakeUpdate { .. }
            | Command::Terminate { .. }
            | Command::Cancel { .. }
            | Command::Suspend { .. }
            | Command::Unpark
            | Command::Resume => self.accept_from_outside(command)?,
        };
        Ok(input.into())
    }

    /// What clients send.
    fn accept_from_outside(&self, command: Command) -> Result<Option<Event>, Rejected> {
        // Without the lock: it may run code of the user's.
        let declared = if let Command::RaiseEvent { name, data, .. } = &command {
            self.is_declared(name, data)
        } else {
            Ok(())
        };
        let state = self.shared.lock();
        Ok(match command {
            Command::RaiseEvent { key: Some(key), .. } if state.buffer.keys.contains(&key) => None,
            Command::RaiseEvent { .. }
                if zoo::planted(Bug::EventsLostWhileSuspended) && self.is_suspended() =>
            {
                None
            }
            _ if self.has_ended() => return Err(Rejected::Finished),
            Command::RaiseEvent { name, data, key } => {
                declared?;
                state.has_room_for_event(&name, data.len())?;
                Some(Event::ExternalRaised { name, data, key })
            }
            Command::Terminate { reason } => {
                Some(Event::ExecutionTerminated { reason: bounded_message(reason) })
            }
            Command::Cancel { .. } if state.cancellation.is_some() => None,
            Command::Cancel { reason } => {
                Some(Event::CancelRequested { reason: bounded_message(reason) })
            }
            Command::Suspend { .. } if self.is_suspended() => None,
            Command::Suspend { reason } => {
                Some(Event::ExecutionSuspended { reason: bounded_message(reason) })
            }
            Command::Resume => self.is_suspended().then_some(Event::ExecutionResumed),
            Command::Unpark => self.is_parked().then_some(Event::ExecutionUnparked),
            // They come from shells.
            Command::Start(_)
            | Command::CompleteTask { .. }
            | Command::RecordHeartbeat { .. }
            | Command::EmitItems { .. }
            | Command::FireTimer { .. }
            | Command::CompleteChild { .. }
            // It has become an event.
            | Command::TakeUpdate { .. }
            | Command::ReturnUpdate { .. }
            | Command::ConfirmDelivery { .. }
            | Command::RefuseMessage { .. }
            | Command::KnowCommand { .. }
            | Command::StartTask { .. }
            | Command::StopTask { .. }
            | Command::LoseTask { .. }
            | Command::AnnounceRun { .. }
            | Command::SurviveRun => None,
        })
    }

    /// An update whose answer is known, and whose caller asks again with the same key.
    fn accept_again(&self, command: &Command) -> Option<Accepted> {
        let Command::RaiseEvent { key: Some(key), .. } = command else { return None };
        let state = self.shared.lock();
        let answer = state.updates.answers.get(key)?.clone();
        Some(Accepted::Action(Action::AnswerUpdate { key: key.clone(), answer }))
    }

    /// Whether the code declares an event or an update of that name, with such data. Code that declares none
    /// takes all.
    fn is_declared(&self, name: &Name, data: &Payload) -> Result<(), Rejected> {
        let (declared, updates) = (self.code.events(), self.code.updates());
        if declared.is_empty() && updates.is_empty() {
            return Ok(());
        }
        if let Some(update) = updates.iter().find(|update| update.name() == name.as_str()) {
            return self.is_allowed(update, name, data);
        }
        let Some(event) = declared.iter().find(|event| event.name() == name.as_str()) else {
            let events = declared.iter().map(DeclaredEvent::name);
            let declared = events.chain(updates.iter().map(DeclaredUpdate::name)).collect();
            return Err(Rejected::UnknownEvent { event: name.clone(), declared });
        };
        let mut checked = Ok(());
        let asked = (self.config.catch_panic)(&mut || checked = event.check(data));
        let checked = asked.map_err(PayloadError::Decode).and(checked);
        checked.map_err(|why| Rejected::InvalidEventData { event: name.clone(), why })
    }

    /// Whether the code takes such a request, as its declaration says.
    fn is_allowed(
        &self,
        update: &DeclaredUpdate,
        name: &Name,
        request: &Payload,
    ) -> Result<(), Rejected> {
        let published = self.shared.lock().published.clone();
        let mut checked = Ok(());
        let asked = (self.config.catch_panic)(&mut || checked = update.check(request, &published));
        let panicked = |why| UpdateAnswer::Invalid(alloc::format!("checking it panicked: {why}"));
        let event = name.clone();
        match asked.map_err(panicked).and(checked) {
            Ok(()) => Ok(()),
            Err(UpdateAnswer::Refused(reason)) => Err(Rejected::Refused { event, reason }),
            Err(UpdateAnswer::Invalid(why)) => {
                Err(Rejected::InvalidEventData { event, why: PayloadError::Decode(why) })
            }
            Err(UpdateAnswer::Replied(_) | UpdateAnswer::Dropped) => Ok(()),
        }
    }

    fn accept_start(&self, start: Start) -> Result<Event, Rejected> {
        let Start { input, seed, delay, limits, .. } = start;
        limits.check().map_err(|invalid| Rejected::OverLimit(invalid.to_string()))?;
        if delay.is_some_and(|delay| delay > MAX_TIMER) {
            let why = alloc::format!("the start delay is longer than {MAX_TIMER:?}");
            return Err(Rejected::OverLimit(why));
        }
        Ok(Event::ExecutionStarted { name: self.code.name().clone(), input, seed, delay })
    }

    /// An attempt has ended. That of another than the one under way counts for nothing.
    fn accept_completion(
        &self,
        id: CorrelationId,
        attempt: u32,
        result: Result<Payload, ActivityError>,
        at: Timestamp,
    ) -> Option<Event> {
        let state = self.shared.lock();
        if !state.buffer.is_attempt(id, attempt) {
            return None;
        }
        let attempts = state.buffer.open_task(id)?;
        if let Some(late) = attempts.filter(|attempts| attempts.due(at) == Some(Due::End)) {
            // Its time was over before it said so.
            return Some(Event::TaskFailed { id, error: late.too_late() });
        }
        // The same of an attempt that is completed from outside.
        let missed = attempts.and_then(|attempts| attempts.missed(at));
        let error = match (missed, result) {
            (Some(missed), _) => missed,
            (None, Ok(output)) => return Some(Event::TaskCompleted { id, output }),
            (None, Err(error)) if error.kind() == ActivityErrorKind::Later => {
                return state.buffer.deferral_of(id, attempt, &error, at);
            }
            (None, Err(error)) => error,
        };
        let next = attempts.filter(|_| error.is_retryable()).and_then(|attempts| {
            Some((attempts.retry_at(id, self.seed, at)?, attempts.condition()))
        });
        drop(state);
        Some(match next {
            Some((retry_at, condition)) if self.is_retried(condition, &error) => {
                Event::TaskAttemptFailed { id, attempt, error, retry_at }
            }
            _ => Event::TaskFailed { id, error },
        })
    }

    /// An attempt has gone with its host.
    fn accept_loss(&self, id: CorrelationId, most: u32, at: Timestamp) -> Option<Event> {
        let state = self.shared.lock();
        let attempts = state.buffer.started(id)?;
        if attempts.due(at) == Some(Due::End) {
            return Some(Event::TaskFailed { id, error: attempts.too_late() });
        }
        let attempt = attempts.attempt();
        let error = attempts.lost();
        if attempts.died.saturating_add(1) >= most {
            return Some(Event::TaskFailed { id, error });
        }
        let retry_at = attempts.retry_of_lost(id, self.seed, at);
        let condition = attempts.condition();
        drop(state);
        Some(match retry_at.filter(|_| self.is_retried(condition, &error)) {
            Some(retry_at) => Event::TaskAttemptFailed { id, attempt, error, retry_at },
            None => Event::TaskFailed { id, error },
        })
    }

    /// Asks the code, without the lock. A condition that panics retries nothing.
    pub(super) fn is_retried<E>(&self, condition: Option<fn(&E) -> bool>, error: &E) -> bool {
        let Some(condition) = condition else { return true };
        let mut is_retried = false;
        let asked = (self.config.catch_panic)(&mut || is_retried = condition(error));
        asked.is_ok() && is_retried
    }
}

impl State {
    /// An event that a wait is open for always has a place: it is not what fills the buffer, and the
    /// code may need it to go on.
    fn has_room_for_event(&self, name: &Name, bytes: usize) -> Result<(), Rejected> {
        check_event(self.limits, bytes)?;
        if self.buffer.awaits_next(name) {
            return Ok(());
        }
        let unawaited = self.buffer.unawaited();
        if unawaited.events >= MAX_BUFFERED_EVENTS {
            return Err(Rejected::TooManyEvents { limit: MAX_BUFFERED_EVENTS });
        }
        let limit = self.limits.buffered;
        if unawaited.bytes + bytes > limit {
            return Err(Rejected::TooManyEventBytes { limit });
        }
        Ok(())
    }

    /// A timer is due: one of the code, or of an activity. That of an activity has no event: whether
    /// its attempt has begun follows from the time, and it may be asked for more than once.
    fn accept_firing(&self, id: CorrelationId, at: Timestamp) -> Accepted {
        if id == CorrelationId::LIMIT {
            // It may have been put off since its timer was set.
            return self.passed_time_limit(at).map_or(Accepted::Nothing, |limit| {
                Accepted::Input(Event::TimeLimit(TimeLimitEvent::Passed { limit }))
            });
        }
        if self.buffer.is_open(id, &DurableOutput::Timer) {
            return Accepted::Input(Event::TimerFired { id });
        }
        let Some(Some(attempts)) = self.buffer.open_task(id) else { return Accepted::Nothing };
        match attempts.due(at) {
            Some(Due::End) => Accepted::Input(Event::TaskFailed { id, error: attempts.too_late() }),
            Some(Due::Attempt) => self.buffer.call(id).map_or(Accepted::Nothing, Accepted::Action),
            Some(Due::Nothing { until }) => {
                Accepted::Action(Action::CreateTimer { id, fire_at: until })
            }
            None => Accepted::Nothing,
        }
    }
}
