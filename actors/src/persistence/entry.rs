//! What waits to be made durable: turns, and what depends on turns.

use std::sync::Arc;

use reenact_core::{Action, InstanceId, Sealed, ShardId};
use reenact_providers::{ProviderError, TurnRecord};
use tokio::sync::oneshot;

use crate::activity::EndedCall;
use crate::error::{Error, ParkReason};
use crate::message::{Answer, OpenCalls};
use crate::metrics::Tally;
use crate::run::Run;
use crate::telemetry::Story;
use crate::trace::RunTrace;

/// A turn on its way to durability, with what waits for it.
#[derive(Debug)]
pub(crate) struct PendingTurn {
    pub(crate) instance: InstanceId,
    pub(crate) run: Run,
    /// `None` once it is in an append, and for a turn that has nothing to append.
    pub(crate) record: Option<TurnRecord>,
    pub(crate) actions: Sealed<Vec<Action>>,
    pub(crate) answer: Option<Answer>,
    /// The attempt of an activity that ended in this turn.
    pub(crate) known: Option<EndedCall>,
    /// What it counts once it is durable.
    pub(crate) tally: Tally,
    /// Turns that must be in the same append: those that begin the next execution when this one continues
    /// as new, or the event that comes with a start.
    pub(crate) successor: Vec<PendingTurn>,
    /// The trace of its run, for its actions.
    pub(crate) trace: RunTrace,
    /// What is said of it once it is durable, if anybody listens.
    pub(crate) story: Option<Box<Story>>,
}

/// An entry of the inbox. It is small, because most entries are turns, and each is moved from the inbox
/// to its append and on.
#[derive(Debug)]
pub(crate) enum Entry {
    Turn(Box<PendingTurn>),
    /// An answer that depends on the entries before it.
    Answer(Box<Answer>),
    /// Parks an instance that cannot go on after the entries before it.
    Park(InstanceId, Box<ParkReason>),
    /// Notified when the entries before it are durable, and the effects of this instance, or of all, are
    /// carried out.
    Barrier(Option<InstanceId>, oneshot::Sender<()>),
    /// The open calls of an instance after the entries before it.
    Open(oneshot::Sender<OpenCalls>, Box<OpenCalls>),
}

impl PendingTurn {
    fn go_into(&mut self, turns: &mut Vec<TurnRecord>, shard: ShardId, after: u64) {
        turns.extend(self.record.take());
        self.actions.go_into(shard, after);
        self.successor.iter_mut().for_each(|turn| turn.go_into(turns, shard, after));
    }

    pub(super) fn bytes(&self) -> usize {
        let of = |record: &TurnRecord| record.bytes.len() + record.summary.attributes.bytes();
        self.record.as_ref().map_or(0, of)
    }
}

impl Entry {
    /// How many turns it is; an entry that is not a turn counts as one.
    pub(super) fn turns(&self) -> usize {
        match self {
            Self::Turn(turn) => 1 + turn.successor.len(),
            Self::Answer(_) | Self::Park(..) | Self::Barrier(..) | Self::Open(..) => 1,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Turn(turn) => {
                turn.bytes() + turn.successor.iter().map(PendingTurn::bytes).sum::<usize>()
            }
            Self::Answer(_) | Self::Park(..) | Self::Barrier(..) | Self::Open(..) => 0,
        }
    }

    /// Moves its turns into an append to the shard, whose newest commit is `after`. The receipt of a later
    /// commit opens the seals of their actions.
    pub(super) fn go_into(&mut self, turns: &mut Vec<TurnRecord>, shard: ShardId, after: u64) {
        if let Self::Turn(turn) = self {
            turn.go_into(turns, shard, after);
        }
    }

    /// Refuses the turn, which is not durable: its actions stay sealed for ever.
    pub(super) fn refuse(self, error: &Arc<ProviderError>) {
        let answer = match self {
            Self::Turn(turn) => turn.answer,
            Self::Answer(answer) => Some(*answer),
            Self::Park(..) | Self::Barrier(..) | Self::Open(..) => None,
        };
        if let Some(answer) = answer {
            answer.refuse(Error::from(error.clone()));
        }
    }
}
