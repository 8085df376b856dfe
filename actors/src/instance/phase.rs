//! The phases of an instance: each owns what exists in that phase only.

use reenact_core::{Machine, MessageId, ParkedExecution, RecordedTurn, Sealed, codec};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnRecord};

use super::closing::Closing;
use super::in_place::Wanted;
use super::summary::follow;
use crate::error::ParkReason;
use crate::persistence::PendingTurn;
use crate::run::Run;
use crate::suspects::Suspects;

/// What there is exists in its phase only.
pub(super) enum Phase {
    /// Nothing has happened yet.
    Fresh,
    /// It goes on.
    Live(Box<Live>),
    /// It has finished, and has yet to tell others.
    Closing(Box<Closing>),
    /// There is no such instance.
    Absent,
    /// It has finished; the log says how.
    Finished,
    /// Its code cannot go on from its log.
    Parked(Box<Parked>),
}

/// An instance in memory.
pub(super) struct Live {
    pub(super) machine: Machine,
    pub(super) run: Run,
    /// With the turns that are being made durable, which the store does not have yet.
    pub(super) summary: InstanceSummary,
    /// Messages that have arrived, where it can wait that this is recorded.
    pub(super) arrived: Vec<MessageId>,
    /// Activities that were open when it came into memory, and ran on no known host.
    pub(super) suspects: Suspects,
    /// How many hosts have died while its code ran, as long as that has not made a step on this one;
    /// known only of what was taken up as the host started.
    pub(super) unproven: Option<u32>,
    /// What its turns want of local activities, until they are passed on.
    pub(super) wanted: Wanted,
    /// It has begun under an id that was made for it, and its first turn is not passed on yet.
    pub(super) has_drawn_id: bool,
}

impl Live {
    pub(super) fn new(machine: Machine, summary: InstanceSummary) -> Self {
        Self {
            run: Run::of(&machine),
            machine,
            summary,
            arrived: Vec::new(),
            suspects: Suspects::default(),
            unproven: None,
            wanted: Wanted::default(),
            has_drawn_id: false,
        }
    }
}

/// An instance whose code cannot go on from its log.
pub(super) struct Parked {
    pub(super) reason: ParkReason,
    /// With the turns that are being made durable.
    pub(super) summary: InstanceSummary,
    /// The turn that set the newest status.
    pub(super) status_turn: Option<u64>,
    /// Its log was not replayed since.
    pub(super) untried: bool,
    /// What its log says, once that was asked.
    pub(super) execution: Option<Box<ParkedExecution>>,
}

impl Parked {
    pub(super) fn reason(&self) -> ParkReason {
        self.reason.clone()
    }

    pub(super) fn summary(&self) -> InstanceSummary {
        self.summary.clone()
    }

    /// Whether it stays in memory while it is used, as it has read its log.
    pub(super) fn is_in_use(&self) -> bool {
        self.execution.is_some()
    }

    /// A turn without code, as it is passed on.
    pub(super) fn pending(
        &mut self,
        turn: &RecordedTurn,
    ) -> Result<PendingTurn, codec::CodecError> {
        let bytes = codec::encode_turn_with_status(turn, self.status_turn)?;
        let number = self.summary.turns;
        // It is looked at when a host starts, and waits for nothing else.
        follow(&mut self.summary, turn, State::Parked, None);
        let record = TurnRecord {
            number,
            bytes: bytes.into(),
            summary: self.summary.clone(),
            has_drawn_id: false,
        };
        Ok(PendingTurn {
            instance: self.summary.instance.clone(),
            run: Run::of_nothing(self.summary.execution),
            record: Some(record),
            actions: Sealed::new(Vec::new()),
            answer: None,
            known: None,
            successor: Vec::new(),
        })
    }
}
