//! The execution that goes on for one that has continued as new.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::iter;
use core::time::Duration;

use crate::code::OrchestrationCode;
use crate::command::{Command, Start};
use crate::event::{Event, StreamEvent};
use crate::event_queue::BufferedEvent;
use crate::machine::phase::Phase;
use crate::machine::{ApplyError, Machine, Turn};
use crate::message::Origin;
use crate::outcome::Outcome;
use crate::payload::Payload;
use crate::random::{SplitMix64, next_seed};
use crate::trace_context::{ReceivedTrace, TraceContext};
use crate::zoo::{self, Bug};

/// The next execution of an instance, as it begins.
#[derive(Debug)]
pub struct Successor {
    /// The execution. It has the first one's place from now on.
    pub machine: Machine,
    /// Its start, and what was carried over: at least one turn. To be appended together with the
    /// turn that continued as new, all of them or none.
    pub turns: Vec<Turn>,
}

impl Machine {
    /// The next execution, when this one has continued as new; otherwise `None`.
    ///
    /// Everything in it follows from this one's log. Its code does not run yet: it has a delay of
    /// nothing, so that each execution has a turn of its own to be stored, and code that continues as
    /// new at once is no endless loop here. It is of the version that the
    /// [catalog](crate::CodeCatalog::newest) had as the newest when this one continued; of this
    /// one's, where that was pinned, and where this machine was replayed to its end, which no store
    /// asks for.
    ///
    /// `own` is the span of this execution, where it has one: the trace of the next one is linked to it.
    ///
    /// # Errors
    /// As [`Machine::apply`], though no code runs that could cause one.
    pub fn successor(&self, own: Option<TraceContext>) -> Result<Option<Successor>, ApplyError> {
        let Some(Outcome::Continued { input }) = self.outcome() else {
            return Ok(None);
        };
        let state = self.shared.lock();
        let instance = state.instance.clone();
        let at = state.now;
        let cancelled = state.cancellation.as_ref().map(|come| come.cancelled.reason.clone());
        // The requests that have no answer are taken again.
        let mut events = state.buffer.untaken();
        events.extend(state.updates.open().cloned());
        events.sort_by_key(|(_, raised)| raised.position);
        let answers = state.updates.answers.carried();
        let mut keys =
            state.buffer.keys.carried(events.iter().filter_map(|(_, raised)| raised.key.as_ref()));
        let commands = state.buffer.commands.carried(iter::empty());
        let origin = state.outbox.origin().cloned();
        let messages = state.outbox.carried();
        let children = state.outbox.carried_superseded();
        let status = state.newest_status();
        let published = state.published.clone();
        let streams = state.streams.carried();
        let total_ends_at = state.time_limits.total_ends_at;
        // An execution that has no next one does not continue.
        let Some(execution) = state.execution.next() else {
            return Ok(None);
        };
        drop(state);
        if zoo::planted(Bug::KeysLostAtContinueAsNew) {
            keys.clear();
        }
        if zoo::planted(Bug::InboxLostAtContinueAsNew) {
            events.clear();
        }
        let mut machine = Self::new(self.next_code(), instance, execution, self.config.clone());
        machine.phase = Phase::unstarted(status, published, total_ends_at);
        let mut turns = Vec::with_capacity(8 + events.len());
        turns.push(machine.apply(Command::Start(self.next_start(input.clone(), origin, own)), at)?);
        if !keys.is_empty() {
            turns.push(machine.apply_input(Event::EventKeysCarried { keys }, at)?);
        }
        if !messages.is_empty() {
            turns.push(machine.apply_input(Event::OutboxCarried { messages }, at)?);
        }
        if !children.is_empty() {
            turns.push(machine.apply_input(Event::ChildrenSuperseded { children }, at)?);
        }
        if !commands.is_empty() {
            turns.push(machine.apply_input(Event::CommandsReceived { keys: commands }, at)?);
        }
        if !answers.is_empty() {
            turns.push(machine.apply_input(Event::UpdateAnswersCarried { answers }, at)?);
        }
        if !streams.is_empty() {
            let carried = Event::Streamed(StreamEvent::Carried { streams });
            turns.push(machine.apply_input(carried, at)?);
        }
        if let Some(reason) = cancelled {
            turns.push(machine.apply_input(Event::CancelRequested { reason }, at)?);
        }
        for (name, BufferedEvent { data, key, trace, by, .. }) in events {
            machine.given_trace = trace;
            machine.given_requester = by;
            turns.push(machine.apply_input(Event::ExternalRaised { name, data, key }, at)?);
        }
        Ok(Some(Successor { machine, turns }))
    }

    /// The version that it continues as, where that is another one. At replay the next execution has
    /// a log of its own, which knows.
    pub(super) fn newest_version(&self) -> Option<Box<OrchestrationCode>> {
        let versions = self.config.versions.as_ref()?;
        if self.shared.lock().is_replaying() {
            return None;
        }
        let newest = versions.newest(self.code.name())?;
        (newest.version() != self.code.version()).then(|| Box::new(newest))
    }

    fn next_code(&self) -> &OrchestrationCode {
        let next = self.phase.ended().and_then(|ended| ended.next.as_deref());
        next.unwrap_or(&self.code)
    }

    fn next_start(
        &self,
        input: Payload,
        origin: Option<Origin>,
        own: Option<TraceContext>,
    ) -> Start {
        let state = self.shared.lock();
        let (seed, limits) = (next_seed(state.lineage()), state.time_limits.limits);
        drop(state);
        let origin = origin.map(Box::new);
        // Its trace is a new one, which is linked to the one before.
        let trace = own.map(|own| Box::new(ReceivedTrace::of_predecessor(own)));
        let attributes = self.shared.lock().attributes.clone();
        Start { input, seed, delay: Some(Duration::ZERO), origin, trace, limits, attributes }
    }
}

/// The seed of the random numbers of code that was renewed in a run, in front of that place of its log.
/// No place is 0, so it is not that of the execution after the run.
pub(super) fn renewed_seed(lineage: u64, position: u64) -> u64 {
    SplitMix64::new(!lineage ^ position.rotate_left(32)).next() >> 1
}
