//! What is said of a turn once it is durable.

use std::sync::Arc;

use reenact_core::{Event, RecordedTurn};
use reenact_providers::InstanceSummary;
use tracing::Level;

use super::events::Reporter;
use super::is_followed;
use super::ledger::{Fact, Ledger};

/// What is to be said of a turn, once the store has it.
#[derive(Debug)]
pub(crate) struct Story {
    of: InstanceSummary,
    events: Arc<[Event]>,
    /// What is known of each event beyond what it says itself. Empty when nobody listens to them.
    facts: Vec<Fact>,
}

impl Story {
    /// The story of a turn, if anybody listens. The ledger of its execution begins with the first one.
    pub(crate) fn of(
        summary: &InstanceSummary,
        turn: &RecordedTurn,
        ledger: &mut Option<Box<Ledger>>,
    ) -> Option<Box<Self>> {
        if is_followed() {
            let facts = ledger.get_or_insert_default().follow(turn);
            return Some(Box::new(Self {
                of: summary.clone(),
                events: turn.events.clone(),
                facts,
            }));
        }
        // What it has missed cannot be made up for.
        *ledger = None;
        Self::of_failure(summary, turn)
    }

    /// The story of a turn of an instance without its code.
    pub(crate) fn without_code(
        summary: &InstanceSummary,
        turn: &RecordedTurn,
    ) -> Option<Box<Self>> {
        Self::of(summary, turn, &mut None)
    }

    /// An instance that has failed is mentioned even when nobody follows its life.
    fn of_failure(summary: &InstanceSummary, turn: &RecordedTurn) -> Option<Box<Self>> {
        let failed = matches!(turn.events.last(), Some(Event::ExecutionFailed { .. }));
        if !failed || !tracing::enabled!(target: "reenact::instance", Level::WARN) {
            return None;
        }
        let (of, events) = (summary.clone(), turn.events.clone());
        Some(Box::new(Self { of, events, facts: Vec::new() }))
    }

    /// Says it. Its turn is durable.
    pub(crate) fn report(&self) {
        let nothing = Fact::default();
        for (index, event) in self.events.iter().enumerate() {
            let fact = self.facts.get(index).unwrap_or(&nothing);
            let following = self.events.get(index + 1..).unwrap_or_default();
            Reporter { of: &self.of, fact, following }.report(event);
        }
    }
}
