//! An instance that has ended, and has messages that are not delivered.

use std::mem;

use reenact_core::codec::CodecError;
use reenact_core::{Action, MessageId, Outbox, Sealed, Timestamp, codec};
use reenact_providers::{InstanceSummary, TurnRecord};

use super::summary::wake_at;
use crate::metrics::Tally;
use crate::persistence::PendingTurn;
use crate::run::Run;
use crate::trace::RunTrace;

/// An instance that has ended and still has messages to deliver. Its code is not needed.
pub(super) struct Closing {
    pub(super) outbox: Outbox,
    pub(super) run: Run,
    pub(super) trace: RunTrace,
    pub(super) summary: InstanceSummary,
    /// The number of the turn in which it ended.
    pub(super) end: u64,
    /// The time of the last turn.
    pub(super) at: Timestamp,
    /// The messages that have arrived, and are not recorded yet.
    pub(super) arrived: Vec<MessageId>,
}

impl Closing {
    pub(super) fn new(
        outbox: Outbox,
        (run, trace): (Run, RunTrace),
        summary: InstanceSummary,
        end: u64,
    ) -> Self {
        let at = summary.updated_at;
        Self { outbox, run, trace, summary, end, at, arrived: Vec::new() }
    }

    pub(super) fn has_to_send(&self, message: MessageId) -> bool {
        self.outbox.message(message).is_some()
    }

    pub(super) fn is_through(&self) -> bool {
        self.outbox.is_empty()
    }

    /// The turn that records the messages that have arrived; `None` when there is nothing to record. After
    /// an error this state is ahead of the log.
    pub(super) fn settle(&mut self, now: Timestamp) -> Result<Option<PendingTurn>, CodecError> {
        let arrived = mem::take(&mut self.arrived);
        self.at = now.max(self.at);
        let settled = self.outbox.settle(&arrived, self.end, self.at);
        let Some((recorded, released)) = settled else { return Ok(None) };
        let bytes = codec::encode_turn(&recorded)?;
        let number = self.summary.turns;
        self.summary.turns += 1;
        self.summary.events += recorded.events.len() as u64;
        self.summary.wake_at = wake_at(&self.outbox);
        Ok(Some(PendingTurn {
            instance: self.summary.instance.clone(),
            run: self.run,
            record: Some(TurnRecord {
                number,
                bytes: bytes.into(),
                summary: self.summary.clone(),
                has_drawn_id: false,
                keep: 0,
            }),
            actions: Sealed::new(released.into_iter().map(Action::Send).collect()),
            answer: None,
            known: None,
            tally: Tally::NOTHING,
            successor: Vec::new(),
            trace: self.trace.clone(),
            story: None,
        }))
    }
}
