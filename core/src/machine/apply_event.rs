//! Applies one input event and runs the code: the same live and at replay.
#![deny(clippy::wildcard_enum_match_arm, reason = "each kind of event needs a decision here")]

use alloc::string::String;
use alloc::task::Wake;
use alloc::vec;
use core::task::{Context, Poll, Waker};

use crate::action::Action;
use crate::context::OrchestrationContext;
use crate::divergence::Step;
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event::{Event, EventKind, RequestEvent, StreamEvent, TimeLimitEvent};
use crate::event_queue::BufferedEvent;
use crate::ids::CorrelationId;
use crate::limits::MAX_IDLE_POLLS;
use crate::machine::phase::{Phase, Running, Unstarted};
use crate::machine::{ApplyError, Machine};
use crate::output::DurableOutput;
use crate::payload::Payload;
use crate::rewind::key_of_rewind;
use crate::state::Halt;
use crate::zoo::{self, Bug};

impl Machine {
    /// Applies one input, live or at replay, and lets the code react until nothing is woken.
    pub(super) fn apply_event(&mut self, input: Event) -> Result<(), ApplyError> {
        let by = self.given_requester.take();
        let mut state = self.shared.lock();
        let by = state.record_requester(&input, by);
        let limit = state.limit_of_input(&input);
        drop(state);
        if let Some(error) = limit {
            return self.finish(Err(error));
        }
        match input {
            Event::ExecutionStarted { input, seed, delay, .. } => {
                let context = OrchestrationContext::new(self.shared.clone());
                let Unstarted {
                    origin,
                    status,
                    published,
                    attributes,
                    trace,
                    limits,
                    total_ends_at,
                } = self.phase.take_unstarted();
                let input_bytes = input.len();
                let running = Running::new(self.code.run(context, input), input_bytes);
                self.phase = Phase::Running(Running { woken: delay.is_none(), ..running });
                self.seed = seed;
                let mut state = self.shared.lock();
                state.begin_run(seed);
                state.record_origin(origin);
                state.select_version(self.code.version());
                let trace = state.trace_of_input(trace);
                state.record_trace(trace);
                state.begin_time_limits(limits, total_ends_at, delay);
                match delay {
                    Some(delay) => {
                        let fire_at = state.now + delay;
                        state.delay_start(fire_at);
                        state.begin_with_attributes(attributes);
                        state.carry_status(status);
                        state.carry_published(&published);
                    }
                    None => {
                        state.begin_with_attributes(attributes);
                        state.note_beginning(0, 0);
                    }
                }
                drop(state);
                // Code of another version is not asked.
                self.halted()?;
                self.run_code()
            }
            Event::ExecutionRewound { seed, .. } => {
                let mut state = self.shared.lock();
                let now = state.now;
                state.begin_run(seed);
                // It may not have begun yet, or be rewound again before it ran.
                if !state.buffer.is_open(CorrelationId::START, &DurableOutput::Timer) {
                    state.delay_start(now);
                }
                state.buffer.forget_attempts(now);
                state.arm_time_limit();
                if let Some(key) = key_of_rewind(seed) {
                    state.buffer.commands.remember(&key);
                }
                drop(state);
                self.note(|running| running.rewound = true);
                self.halted()
            }
            Event::ExecutionForked { fork } => {
                self.shared.lock().begin_fork(&fork.instance);
                // Its rewind follows, and the timer after which the code may run.
                self.note(|running| running.rewound = true);
                self.halted()
            }
            Event::TimerFired { id: CorrelationId::START } => {
                self.note(|running| running.rewound = false);
                let id = CorrelationId::START;
                self.complete(id, DurableOutput::Timer, EventKind::TimerFired);
                let mut state = self.shared.lock();
                let taken = state.buffer.take(id);
                state.note_begun();
                drop(state);
                drop(taken);
                self.note(|running| running.woken = true);
                self.run_code()
            }
            Event::TaskCompleted { id, output } => {
                self.complete(id, DurableOutput::Task(Ok(output)), EventKind::TaskCompleted);
                self.run_code()
            }
            Event::TaskFailed { id, error } => {
                self.complete(id, DurableOutput::Task(Err(error)), EventKind::TaskFailed);
                self.run_code()
            }
            Event::TaskAttemptFailed { id, attempt, error, retry_at } => {
                let mut state = self.shared.lock();
                state.buffer.attempt_failed(id, attempt, error, retry_at);
                state.act(Action::CreateTimer { id, fire_at: retry_at });
                Ok(())
            }
            Event::TaskHeartbeat { id, details } => {
                let mut state = self.shared.lock();
                let now = state.now;
                state.buffer.heartbeat(id, details, now);
                Ok(())
            }
            Event::TaskDeferred { id, began_at, heard_at, .. } => {
                self.shared.lock().defer_task(id, began_at, heard_at);
                Ok(())
            }
            Event::TaskStarted { id, died, .. } => {
                self.shared.lock().buffer.task_started(id, died);
                Ok(())
            }
            // The code has no part in it.
            Event::RunAnnounced { .. } | Event::RunSurvived => Ok(()),
            Event::TaskStopped { id } => {
                self.shared.lock().buffer.task_stopped(id);
                Ok(())
            }
            Event::TimerFired { id } => {
                self.complete(id, DurableOutput::Timer, EventKind::TimerFired);
                self.run_code()
            }
            Event::ExternalRaised { name, data, key } => {
                let mut state = self.shared.lock();
                // That somebody waits for its answer stands after it.
                let position = state.written.position - u64::from(by.is_some());
                let trace = state.trace_of_input(self.given_trace.take());
                let trace_of_event = trace.clone();
                let raised = BufferedEvent { position, data, key, trace: trace_of_event, by };
                let waker = state.buffer.raise(name, raised);
                state.record_trace(trace);
                drop(state);
                self.wake(waker);
                self.run_code()
            }
            Event::EventKeysCarried { keys } => {
                let known = &mut self.shared.lock().buffer.keys;
                keys.iter().for_each(|key| known.remember(key));
                Ok(())
            }
            Event::CommandsReceived { keys } => {
                let known = &mut self.shared.lock().buffer.commands;
                keys.iter().for_each(|key| known.remember(key));
                Ok(())
            }
            Event::UpdateAnswersCarried { answers } => {
                self.shared.lock().updates.carry(answers);
                Ok(())
            }
            Event::ChildCompleted { id, output } => self.child_ended(id, Ok(output)),
            Event::ChildFailed { id, error } => self.child_ended(id, Err(error)),
            Event::ChildAttemptFailed { id, .. } => self.child_attempt_failed(id),
            Event::MessagesDelivered { messages, .. } => {
                self.messages_arrived(messages.into_iter().map(|id| (id, Ok(()))).collect())
            }
            Event::MessageRefused { message, why } => {
                self.messages_arrived(vec![(message, Err(why))])
            }
            Event::Request(RequestEvent::Returned { id, answer }) => {
                self.update_returned(id, answer)
            }
            Event::CancelRequested { reason } => self.cancel(reason),
            Event::ExecutionSuspended { .. } => self.suspend(),
            Event::ExecutionResumed => self.resume(),
            Event::ExecutionParked { .. } => self.park(),
            Event::ExecutionUnparked => self.unpark(),
            Event::ExecutionTerminated { reason } => self.terminate(reason),
            Event::Streamed(StreamEvent::TaskEmitted { .. }) => {
                self.shared.lock().act(Action::AnnounceStatus);
                Ok(())
            }
            // The outbox and the streams have followed them.
            Event::OutboxCarried { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::Streamed(StreamEvent::Carried { .. }) => Ok(()),
            Event::TimeLimit(TimeLimitEvent::Passed { limit }) => {
                let error = self.shared.lock().time_out(limit);
                self.finish(Err(error))
            }
            // Outputs are compared where the code causes them.
            Event::TaskScheduled { .. }
            | Event::TaskCancelRequested { .. }
            | Event::TaskRefused { .. }
            | Event::TimerCreated { .. }
            | Event::TimerCancelled { .. }
            | Event::ExternalSubscribed { .. }
            | Event::ExternalUnsubscribed { .. }
            | Event::AnySubscribed { .. }
            | Event::ExternalTaken { .. }
            | Event::SideEffectRecorded { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::StatusSet { .. }
            | Event::UpdateAnswered { .. }
            | Event::ValuePublished { .. }
            | Event::Streamed(StreamEvent::Emitted { .. } | StreamEvent::WindowSet { .. })
            | Event::AttributesChanged { .. }
            | Event::ExecutionContinued { .. }
            | Event::ExecutionCancelled { .. }
            | Event::TaskConfigured { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::StartedBy { .. }
            | Event::ChildScheduled { .. }
            | Event::ChildCancelRequested { .. }
            | Event::StartRequested { .. }
            | Event::CallRefused { .. }
            | Event::EventSent { .. }
            | Event::CommandSent { .. }
            | Event::Request(
                RequestEvent::Sent { .. }
                | RequestEvent::Asked { .. }
                | RequestEvent::LockAsked { .. }
                | RequestEvent::LockReleased { .. },
            )
            | Event::TaskTagged { .. }
            | Event::ExecutionRenewed { .. }
            | Event::TaskLocal { .. }
            | Event::TraceContextReceived { .. }
            | Event::TimeLimit(_) => Ok(()),
        }
    }

    pub(super) fn complete(&self, id: CorrelationId, output: DurableOutput, event: EventKind) {
        let mut state = self.shared.lock();
        let position = state.written.position;
        let Some((waker, deadline)) = state.buffer.complete(id, position, output) else {
            // At replay only: live, no such completion is accepted.
            return state.complete_in_vain(id, event);
        };
        if let Some(fire_at) = deadline {
            // Past it, an attempt may be under way, and the timer is what has ended it.
            let late = fire_at <= state.now;
            state.act(match late {
                true => Action::CancelActivity { id },
                false => Action::CancelTimer { id, fire_at },
            });
        }
        drop(state);
        self.wake(waker);
    }

    /// Wakes what waits for an output. A waker may be the code's own, and panic like any code: then the
    /// execution fails, the same at replay.
    pub(super) fn wake(&self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            let own = Waker::from(self.waker.clone());
            if waker.will_wake(&own) {
                waker.wake();
                continue;
            }
            if zoo::planted(Bug::WakerIgnored) {
                continue;
            }
            let mut waker = Some(waker);
            let woken =
                (self.config.catch_panic)(&mut || waker.take().into_iter().for_each(Waker::wake));
            if let Err(message) = woken {
                self.shared.lock().halt(Halt::Failed(panicked(message)));
                // It may not have come to waking the code.
                self.waker.wake_by_ref();
            }
        }
    }

    /// Polls until nothing is woken.
    pub(super) fn poll(&mut self) -> Result<(), ApplyError> {
        let waker = Waker::from(self.waker.clone());
        let mut idle = 0;
        let mut position = self.shared.lock().written.position;
        loop {
            self.waker.take_woken();
            let polled = self.poll_once(&waker);
            if let Some(end) = self.heed_halt() {
                return end;
            }
            if let Poll::Ready(result) = polled {
                return self.finish(result);
            }
            let woken = self.waker.take_woken();
            if !woken && let Some(end) = self.end_for_cancel() {
                return end;
            }
            self.rest()?;
            if self.has_ended() {
                return Ok(());
            }
            let mut state = self.shared.lock();
            if !woken {
                if state.buffer.awaits_nothing() {
                    state.diverge(Step::DurableFuture, Step::ForeignAwait);
                }
                drop(state);
                return self.halted();
            }
            idle = if state.written.position == position { idle + 1 } else { 0 };
            position = state.written.position;
            if idle > MAX_IDLE_POLLS {
                state.diverge(Step::DurableFuture, Step::EndlessPolling);
            }
            drop(state);
            self.halted()?;
        }
    }

    /// The code waits, if only for a moment: it goes on, so what it has dropped are steps.
    pub(super) fn rest(&mut self) -> Result<(), ApplyError> {
        self.shared.lock().record_drops();
        self.heed_halt().unwrap_or(Ok(()))
    }

    /// Where a cancelled execution waits for nothing that can come: its end.
    pub(super) fn end_for_cancel(&mut self) -> Option<Result<(), ApplyError>> {
        let state = self.shared.lock();
        let come = state.cancellation.as_ref().filter(|_| state.buffer.awaits_stopped_only())?;
        let cancelled = come.cancelled.clone();
        drop(state);
        Some(self.finish(Err(cancelled.into())))
    }

    /// What becomes of code that must not go on; `None` when it may.
    fn heed_halt(&mut self) -> Option<Result<(), ApplyError>> {
        let halt = self.shared.lock().halt.take()?;
        Some(match halt {
            Halt::Failed(error) => self.finish(Err(error)),
            Halt::Cancelled(cancelled) => self.finish(Err(cancelled.into())),
            Halt::Continued { orchestration, pinned, input } => {
                self.continue_as_new(orchestration, pinned, input)
            }
            Halt::Diverged(nondeterminism) => Err(nondeterminism.into()),
            Halt::UnregisteredOrchestration(orchestration, version) => {
                Err(ApplyError::UnregisteredOrchestration { orchestration, version })
            }
            Halt::Unregistered(activity) => Err(ApplyError::UnregisteredActivity { activity }),
        })
    }

    fn poll_once(&mut self, waker: &Waker) -> Poll<Result<Payload, OrchestrationError>> {
        let Some(running) = self.phase.running_mut() else {
            return Poll::Pending;
        };
        let mut polled = Poll::Pending;
        let caught = (self.config.catch_panic)(&mut || {
            polled = running.future.as_mut().poll(&mut Context::from_waker(waker));
        });
        match caught {
            Ok(()) => polled,
            Err(message) => Poll::Ready(Err(panicked(message))),
        }
    }

    /// Whether the code left its history, or did what no history can repeat.
    pub(super) fn halted(&self) -> Result<(), ApplyError> {
        match self.shared.lock().halt.take() {
            Some(Halt::Diverged(nondeterminism)) => Err(nondeterminism.into()),
            Some(
                Halt::Failed(_)
                | Halt::Cancelled(_)
                | Halt::Continued { .. }
                | Halt::UnregisteredOrchestration(..)
                | Halt::Unregistered(_),
            )
            | None => Ok(()),
        }
    }
}

fn panicked(message: String) -> OrchestrationError {
    OrchestrationError::of_kind(OrchestrationErrorKind::Panicked, message)
}
