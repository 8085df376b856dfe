//! The phases of an instance: each owns what exists in that phase only.

use reenact_core::{
    Machine, MessageId, Name, Outbox, ParkedExecution, RecordedTurn, Sealed, Timestamp, codec,
};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnRecord};

use super::closing::Closing;
use super::in_place::Wanted;
use super::summary::follow;
use crate::error::ParkReason;
use crate::metrics::{Label, Tally};
use crate::persistence::PendingTurn;
use crate::run::Run;
use crate::suspects::Suspects;
use crate::telemetry::{Ledger, Story};
use crate::trace::RunTrace;

/// The phase of an instance. What exists in one phase only belongs to that phase.
pub(super) enum Phase {
    /// Nothing has happened yet.
    Fresh,
    /// Its code can go on.
    Live(Box<Live>),
    /// It has finished, and still has messages to deliver.
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
    /// The trace of the run.
    pub(super) trace: RunTrace,
    /// It includes the turns that are being made durable, which the store does not have yet.
    pub(super) summary: InstanceSummary,
    /// Messages that have arrived, for which the record can wait.
    pub(super) arrived: Vec<MessageId>,
    /// Activities that were open when it came into memory, and did not run on this host.
    pub(super) suspects: Suspects,
    /// How many hosts have died while its code ran, until the code has made a step on this host. Known only
    /// of an instance that was loaded as the host started.
    pub(super) unproven: Option<u32>,
    /// The actions for local activities that its turns want, until the turns are passed on.
    pub(super) wanted: Wanted,
    /// The label of its orchestration, for the metrics.
    pub(super) label: Label,
    /// What the command is about that is applied, for the metrics of its turn.
    pub(super) subject: Subject,
    /// Whether it has begun under a generated id, and its first turn is not passed on yet.
    pub(super) has_drawn_id: bool,
    /// What it has open, for those that follow its life.
    pub(super) ledger: Option<Box<Ledger>>,
}

/// What a command is about, as far as the turn that it makes does not say so.
#[derive(Debug)]
pub(super) enum Subject {
    Nothing,
    /// A timer that was to fire at this time.
    Timer(Timestamp),
    /// An activity of which no attempt ended on this host.
    Activity(Name),
}

impl Live {
    pub(super) fn new(machine: Machine, summary: InstanceSummary, label: Label) -> Self {
        Self {
            run: Run::of(&machine),
            trace: RunTrace::of_machine(&machine),
            machine,
            summary,
            arrived: Vec::new(),
            suspects: Suspects::default(),
            unproven: None,
            wanted: Wanted::default(),
            label,
            subject: Subject::Nothing,
            has_drawn_id: false,
            ledger: None,
        }
    }
}

/// What is known of the locks that the code of a parked instance has left.
pub(super) enum LeftLocks {
    /// There are none, or all are given back.
    None,
    /// There may be some, which the log knows.
    Unknown,
    /// They are given back by messages of this outbox, which is ahead of the log: while the instance is parked,
    /// it is not recorded that messages have arrived.
    Left(Box<Outbox>),
}

/// An instance whose code cannot go on from its log.
pub(super) struct Parked {
    pub(super) reason: ParkReason,
    /// It includes the turns that are being made durable.
    pub(super) summary: InstanceSummary,
    /// The turn that set the newest status.
    pub(super) status_turn: Option<u64>,
    /// Whether its log was not replayed since it was parked.
    pub(super) untried: bool,
    /// The content of its log, once it was read.
    pub(super) execution: Option<Box<ParkedExecution>>,
    /// The locks that its code has left.
    pub(super) locks: LeftLocks,
}

impl Parked {
    pub(super) fn reason(&self) -> ParkReason {
        self.reason.clone()
    }

    pub(super) fn summary(&self) -> InstanceSummary {
        self.summary.clone()
    }

    /// Whether it stays in memory while it is used, because it has read its log, or gives back locks.
    pub(super) fn is_in_use(&self) -> bool {
        self.execution.is_some() || !matches!(self.locks, LeftLocks::None)
    }

    /// A turn without code, in the form in which it is passed on.
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
            keep: 0,
        };
        Ok(PendingTurn {
            instance: self.summary.instance.clone(),
            run: Run::of_nothing(self.summary.execution),
            record: Some(record),
            actions: Sealed::new(Vec::new()),
            answer: None,
            known: None,
            tally: Tally::NOTHING,
            successor: Vec::new(),
            trace: RunTrace::default(),
            story: Story::without_code(&self.summary, turn),
        })
    }
}
