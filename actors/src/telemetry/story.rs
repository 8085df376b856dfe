//! What is said of a turn once it is durable.

use std::sync::Arc;

#[cfg(feature = "otel")]
use reenact_core::Timestamp;
use reenact_core::{Event, Machine, RecordedTurn};
use reenact_providers::InstanceSummary;
use tracing::Level;

use super::events::Reporter;
use super::ledger::{Fact, Ledger};
use super::{has_listeners, is_followed};
#[cfg(feature = "otel")]
use crate::otel::SpanLink;
use crate::run::Run;
use crate::trace::RunTrace;

/// What is to be said of a turn, once the store has it.
#[derive(Debug)]
pub(crate) struct Story {
    of: InstanceSummary,
    events: Arc<[Event]>,
    /// What is known of each event beyond what it says itself. Empty when nobody listens to them.
    facts: Vec<Fact>,
    /// The spans that end with it.
    #[cfg(feature = "otel")]
    spans: Vec<crate::otel::FinishedSpan>,
}

impl Story {
    /// The story of a turn, if anybody listens. The ledger of its execution begins with the first one.
    pub(crate) fn of(
        summary: &InstanceSummary,
        turn: &RecordedTurn,
        ledger: &mut Option<Box<Ledger>>,
        machine: &Machine,
        (run, trace): (Run, &RunTrace),
    ) -> Option<Box<Self>> {
        if !is_followed() {
            // What it has missed cannot be made up for.
            *ledger = None;
            return Self::of_failure(summary, turn);
        }
        let ledger = ledger.get_or_insert_with(|| {
            let begins = matches!(turn.events.first(), Some(Event::ExecutionStarted { .. }));
            let place = machine.position().saturating_sub(turn.events.len() as u64);
            Box::new(Ledger::at(if begins { 0 } else { place }))
        });
        let facts = ledger.follow(turn, |name, id| machine.has_wait(name, id));
        Some(Box::new(Self::with_spans(summary, turn, (ledger, facts), (run, trace))))
    }

    fn with_spans(
        summary: &InstanceSummary,
        turn: &RecordedTurn,
        (ledger, facts): (&Ledger, Vec<Fact>),
        (run, trace): (Run, &RunTrace),
    ) -> Self {
        #[cfg(not(feature = "otel"))]
        let _ = (ledger, run, trace);
        #[cfg(feature = "otel")]
        let spans = super::spans::of_turn(summary, turn, (ledger, &facts), (run, trace));
        Self {
            #[cfg(feature = "otel")]
            spans,
            ..Self::new(summary, turn, facts)
        }
    }

    /// The story of a turn of an instance without its code, which knows nothing of the turns before.
    pub(crate) fn without_code(
        summary: &InstanceSummary,
        turn: &RecordedTurn,
    ) -> Option<Box<Self>> {
        if !has_listeners() {
            return Self::of_failure(summary, turn);
        }
        let facts = Ledger::default().follow(turn, |_, _| true);
        Some(Box::new(Self::new(summary, turn, facts)))
    }

    /// The story of the turn that ends an instance without its code, after these turns.
    pub(crate) fn at_the_end(
        summary: &InstanceSummary,
        turns: &[RecordedTurn],
        end: &RecordedTurn,
        trace: &RunTrace,
    ) -> Option<Box<Self>> {
        let Some(run) = trace.run().filter(|_| is_followed()) else {
            return Self::without_code(summary, end);
        };
        let mut ledger = Ledger::default();
        turns.iter().for_each(|turn| ledger.replay(turn));
        let facts = ledger.follow(end, |_, _| true);
        Some(Box::new(Self::with_spans(summary, end, (&ledger, facts), (run, trace))))
    }

    /// The story of the execution that a rewind replaces at this time: its span, if it has not ended. These are its
    /// turns.
    #[cfg(feature = "otel")]
    pub(crate) fn of_replaced(
        summary: &InstanceSummary,
        turns: &[RecordedTurn],
        at: Timestamp,
        trace: &RunTrace,
    ) -> Option<Box<Self>> {
        let has_ended = turns.iter().flat_map(|turn| &*turn.events).any(Event::is_terminal);
        let run = trace.run().filter(|_| crate::otel::is_on() && !has_ended)?;
        let mut ledger = Ledger::default();
        turns.iter().for_each(|turn| ledger.replay(turn));
        let span = super::spans::of_replaced((summary, at), &ledger, (run, trace));
        Some(Box::new(Self {
            of: summary.clone(),
            events: Arc::default(),
            facts: Vec::new(),
            spans: vec![span],
        }))
    }

    /// An instance that has failed is mentioned even when nobody follows its life.
    fn of_failure(summary: &InstanceSummary, turn: &RecordedTurn) -> Option<Box<Self>> {
        let failed = matches!(turn.events.last(), Some(Event::ExecutionFailed { .. }));
        if !failed || !tracing::enabled!(target: "reenact::instance", Level::WARN) {
            return None;
        }
        Some(Box::new(Self::new(summary, turn, Vec::new())))
    }

    fn new(summary: &InstanceSummary, turn: &RecordedTurn, facts: Vec<Fact>) -> Self {
        Self {
            of: summary.clone(),
            events: turn.events.clone(),
            facts,
            #[cfg(feature = "otel")]
            spans: Vec::new(),
        }
    }

    /// The execution that ends with it continues as this one.
    #[cfg(feature = "otel")]
    pub(crate) fn continues_as(&mut self, next: Run, trace: &RunTrace) {
        if let Some(execution) = self.spans.last_mut() {
            execution.links.push(SpanLink::to(trace.of(&self.of.instance, next).own));
        }
    }

    /// Says it. Its turn is durable.
    pub(crate) fn report(&self) {
        let nothing = Fact::default();
        for (index, event) in self.events.iter().enumerate() {
            let fact = self.facts.get(index).unwrap_or(&nothing);
            let following = self.events.get(index + 1..).unwrap_or_default();
            Reporter { of: &self.of, fact, following }.report(event);
        }
        #[cfg(feature = "otel")]
        self.spans.iter().cloned().for_each(crate::otel::emit);
    }
}
