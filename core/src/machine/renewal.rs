//! Going on as new in the same log, where a log of its own would begin with too large a copy.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use core::mem;

use crate::code::OrchestrationCode;
use crate::context::OrchestrationContext;
use crate::correlation_buffer::Scheduled;
use crate::divergence::MalformedHistory;
use crate::event::{Event, RequestEvent};
use crate::event_queue::BufferedEvent;
use crate::history::{RecordedTurn, Superseding};
use crate::ids::{CorrelationId, Name};
use crate::machine::phase::{Phase, Running, Unstarted};
use crate::machine::successor::renewed_seed;
use crate::machine::{ApplyError, Machine, ReplayError};
use crate::payload::Payload;
use crate::rewind::key_of_rewind;
use crate::state::{Shared, State};
use crate::time::Timestamp;

impl Machine {
    /// Whether the code goes on as new in this log. Code of another version begins one of its own, for
    /// the first turn names the version.
    pub(super) fn is_renewed(&self, input: &Payload, next: Option<&OrchestrationCode>) -> bool {
        let state = self.shared.lock();
        next.is_none() && !state.is_replaying() && state.is_renewed(input)
    }

    /// Goes on as new in the same log: what is open is called off, the code is let go, and begins again
    /// with the input in a turn of its own. The events that nobody has taken stay where they are.
    pub(super) fn renew(&mut self, input: Payload) -> Result<(), ApplyError> {
        let mut state = self.shared.lock();
        let taken = state.give_back_updates();
        // What the code has dropped in its last poll is called off as well, and is no step.
        state.call_off_all();
        state.record(Event::ExecutionRenewed { input: input.clone(), taken });
        let mut next = state.take_and_close();
        drop(state);
        let wakers = next.begin_anew();
        next.begin_renewed_run();
        let at = next.now;
        // What the code has not dropped sees the state from before, which is closed.
        let before = mem::replace(&mut self.shared, Shared::new(next));
        let before_it = mem::replace(&mut self.phase, Phase::Unstarted(Unstarted::default()));
        let mut future = before_it.into_future();
        let _ = (self.config.catch_panic)(&mut || drop(future.take()));
        self.drop_each(wakers);
        drop(before);
        self.waker.take_woken();
        self.begin_renewed(input);
        let mut state = self.shared.lock();
        state.delay_start(at);
        state.arm_time_limit();
        drop(state);
        self.halted()
    }

    fn begin_renewed(&mut self, input: Payload) {
        let context = OrchestrationContext::new(self.shared.clone());
        let input_bytes = input.len();
        let running = Running::new(self.code.run(context, input), input_bytes);
        // It has run before, in this log.
        self.phase = Phase::Running(Running { begun: true, ..running });
    }

    /// Goes over a turn of a log up to that in which the code was renewed the last time. The code
    /// that ran before does not run: what it did has no effect any more but what the log holds. So it
    /// need not fit code that has changed since, as with a log of its own.
    pub(super) fn pass_turn(
        &mut self,
        passed: &mut Passed,
        turn: &RecordedTurn,
    ) -> Result<(), ReplayError> {
        if let Some(input) = turn.events.first() {
            self.check_name(input)?;
        }
        let mut state = self.shared.lock();
        state.turn.number = self.turns;
        passed.pass_turn(&mut state, turn)
    }

    /// Goes on as new after what was gone over. `last_id` is the newest correlation id in it.
    pub(super) fn continue_after(&mut self, passed: Passed, last_id: u64) {
        let Passed { untaken, seed, input, start_at, counted, .. } = passed;
        self.seed = seed;
        let mut state = self.shared.lock();
        for (name, raised) in untaken.into_values() {
            // Nobody waits yet.
            let _ = state.buffer.raise(name, raised);
        }
        state.count_anew(counted.events, counted.bytes, last_id);
        if let Some(fire_at) = start_at {
            state.buffer.schedule(
                CorrelationId::START,
                Scheduled::Timer { fire_at, is_limit: false },
                true,
            );
        }
        state.arm_time_limit();
        drop(state);
        self.begin_renewed(input);
    }
}

impl RecordedTurn {
    /// Whether the code went on as new in this turn, and in the same log.
    pub fn is_renewal(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::ExecutionRenewed { .. }))
    }
}

/// What is known from a log without its code.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// The events that nobody has taken, by their places.
    untaken: BTreeMap<u64, (Name, BufferedEvent)>,
    /// The place of the newest that says who waits for an answer.
    asked_at: Option<u64>,
    /// Of the start.
    seed: u64,
    /// Of the newest renewal.
    input: Payload,
    /// When the code may run after it.
    start_at: Option<Timestamp>,
    /// Without what was superseded.
    counted: Counted,
    superseding: Superseding<Counted>,
}

/// Events of a log, and their payload bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    events: u64,
    bytes: u64,
}

impl Passed {
    fn pass_turn(&mut self, state: &mut State, turn: &RecordedTurn) -> Result<(), ReplayError> {
        state.now = turn.at;
        if turn.events.is_empty() {
            state.written.position += 1;
        }
        self.count(turn);
        turn.events.iter().try_for_each(|event| self.pass(state, event))
    }

    /// As a [`History`](crate::History) counts.
    fn count(&mut self, turn: &RecordedTurn) {
        let bytes = turn.events.iter().map(|event| event.payload_bytes() as u64);
        let counted = Counted { events: turn.events.len() as u64, bytes: bytes.sum() };
        for superseded in self.superseding.superseded_by(turn, counted) {
            self.counted.events -= superseded.events;
            self.counted.bytes -= superseded.bytes;
        }
        self.counted.events += counted.events;
        self.counted.bytes += counted.bytes;
    }

    fn raised_before(&mut self, place: u64, by: u64) -> Option<&mut BufferedEvent> {
        let (_, raised) = self.untaken.get_mut(&place.checked_sub(by)?)?;
        Some(raised)
    }

    fn pass(&mut self, state: &mut State, event: &Event) -> Result<(), ReplayError> {
        let place = state.written.position;
        state.count(event);
        match event {
            Event::ExecutionStarted { seed, delay, .. } => {
                self.seed = *seed;
                if delay.is_none() {
                    state.note_beginning(0, 0);
                }
            }
            Event::TimerCreated { id: CorrelationId::START, fire_at } => {
                self.start_at = Some(*fire_at);
            }
            Event::TimerFired { id: CorrelationId::START } => state.note_begun(),
            Event::ExternalRaised { name, data, key } => {
                key.iter().for_each(|key| state.buffer.keys.remember(key));
                let position = state.written.position;
                let data = data.clone();
                let key = key.clone();
                let raised = BufferedEvent { position, data, key, trace: None, by: None };
                self.untaken.insert(place, (name.clone(), raised));
            }
            Event::TraceContextReceived { received } => {
                // Where it follows an event, it is of that.
                let of_asked = u64::from(place.checked_sub(1) == self.asked_at);
                if let Some(raised) = self.raised_before(place, 1 + of_asked) {
                    raised.trace = Some(received.clone());
                }
            }
            Event::Request(RequestEvent::Asked { by, .. }) => {
                self.asked_at = Some(place);
                if let Some(raised) = self.raised_before(place, 1) {
                    raised.by = Some(Box::new(by.clone()));
                }
            }
            Event::EventKeysCarried { keys } => {
                keys.iter().for_each(|key| state.buffer.keys.remember(key));
            }
            Event::CommandsReceived { keys } => {
                keys.iter().for_each(|key| state.buffer.commands.remember(key));
            }
            Event::ExecutionRewound { seed, .. } => {
                key_of_rewind(*seed).iter().for_each(|key| state.buffer.commands.remember(key));
            }
            Event::ExecutionForked { fork } => {
                state.begin_fork(&fork.instance);
                self.untaken.values_mut().for_each(|(_, raised)| raised.by = None);
            }
            Event::StatusSet { status } => state.note_status(status.clone()),
            Event::UpdateAnswered { key, answer } => {
                state.updates.remember(key, answer.clone());
            }
            Event::UpdateAnswersCarried { answers } => state.updates.carry(answers.clone()),
            Event::ValuePublished { name, value } => {
                state.published.set(name.clone(), value.clone());
            }
            Event::AttributesChanged { change } => state.attributes.apply(change),
            Event::CancelRequested { reason } => state.note_cancel(reason.clone()),
            Event::ExecutionRenewed { input, taken } => {
                for taken in taken {
                    if self.untaken.remove(taken).is_none() {
                        return Err(not_raised(place, *taken, event));
                    }
                }
                self.input = input.clone();
                state.begin_renewed_run();
            }
            Event::TaskScheduled { .. }
            | Event::TaskCompleted { .. }
            | Event::TaskFailed { .. }
            | Event::TaskCancelRequested { .. }
            | Event::TaskRefused { .. }
            | Event::TimerCreated { .. }
            | Event::TimerFired { .. }
            | Event::TimerCancelled { .. }
            | Event::ExternalSubscribed { .. }
            | Event::ExternalUnsubscribed { .. }
            | Event::AnySubscribed { .. }
            | Event::ExternalTaken { .. }
            | Event::SideEffectRecorded { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. }
            | Event::ExecutionTerminated { .. }
            | Event::ExecutionContinued { .. }
            | Event::ExecutionCancelled { .. }
            | Event::ExecutionSuspended { .. }
            | Event::ExecutionResumed
            | Event::TaskConfigured { .. }
            | Event::TaskAttemptFailed { .. }
            | Event::TaskHeartbeat { .. }
            | Event::VersionSelected { .. }
            | Event::PatchMarked { .. }
            | Event::StartedBy { .. }
            | Event::ChildScheduled { .. }
            | Event::ChildCompleted { .. }
            | Event::ChildFailed { .. }
            | Event::ChildCancelRequested { .. }
            | Event::StartRequested { .. }
            | Event::CallRefused { .. }
            | Event::EventSent { .. }
            | Event::CommandSent { .. }
            | Event::Request(
                RequestEvent::Sent { .. }
                | RequestEvent::Returned { .. }
                | RequestEvent::LockAsked { .. }
                | RequestEvent::LockReleased { .. },
            )
            | Event::MessagesDelivered { .. }
            | Event::MessageRefused { .. }
            | Event::OutboxCarried { .. }
            | Event::ChildAttemptFailed { .. }
            | Event::TaskTagged { .. }
            | Event::ChildrenSuperseded { .. }
            | Event::TaskStarted { .. }
            | Event::TaskStopped { .. }
            | Event::TaskDeferred { .. }
            | Event::RunAnnounced { .. }
            | Event::RunSurvived
            | Event::ExecutionParked { .. }
            | Event::ExecutionUnparked
            | Event::TaskLocal { .. }
            // The state has followed them.
            | Event::Streamed(_)
            | Event::TimeLimit(_) => {}
        }
        Ok(())
    }
}

fn not_raised(position: u64, taken: u64, found: &Event) -> ReplayError {
    let expected = format!("an external event in place {taken} that was not taken");
    ReplayError::Malformed(MalformedHistory { position, expected, found: found.to_string() })
}

impl State {
    /// The random numbers of the code that begins again: others than before, out of the log alone.
    fn begin_renewed_run(&mut self) {
        self.begin_run(renewed_seed(self.lineage(), self.written.position));
    }
}
