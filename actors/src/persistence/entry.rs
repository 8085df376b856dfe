//! What waits to be made durable: turns, and what rests on turns.

use std::sync::Arc;

use reenact_core::{Action, InstanceId, Sealed, ShardId};
use reenact_providers::{ProviderError, TurnRecord};
use tokio::sync::oneshot;

use crate::activity::EndedCall;
use crate::error::{Error, ParkReason};
use crate::message::{Answer, OpenCalls};
use crate::run::Run;

/// A turn on its way to durability, with what waits for it.
#[derive(Debug)]
pub(crate) struct PendingTurn {
    pub(crate) instance: InstanceId,
    pub(crate) run: Run,
    /// `None` once it is in an append, and where nothing is to be appended.
    pub(crate) record: Option<TurnRecord>,
    pub(crate) actions: Sealed<Vec<Action>>,
    pub(crate) answer: Option<Answer>,
    /// The attempt of an activity that ended in it.
    pub(crate) known: Option<EndedCall>,
    /// The turns that are never in another append: those in which the next execution begins, when this
    /// one continues as new; the event that comes with a start.
    pub(crate) successor: Vec<PendingTurn>,
}

/// Small, since most are turns, and each is moved from the inbox to its append and on.
#[derive(Debug)]
pub(crate) enum Entry {
    Turn(Box<PendingTurn>),
    /// An answer that rests on what came before.
    Answer(Box<Answer>),
    /// An instance cannot go on from what came before.
    Park(InstanceId, Box<ParkReason>),
    /// Told when what came before is durable, and of that instance, or of all, carried out as well.
    Barrier(Option<InstanceId>, oneshot::Sender<()>),
    /// What is open of an instance, as of what came before.
    Open(oneshot::Sender<OpenCalls>, Box<OpenCalls>),
}

impl PendingTurn {
    fn go_into(&mut self, turns: &mut Vec<TurnRecord>, shard: ShardId, after: u64) {
        turns.extend(self.record.take());
        self.actions.go_into(shard, after);
        self.successor.iter_mut().for_each(|turn| turn.go_into(turns, shard, after));
    }

    pub(super) fn bytes(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.bytes.len())
    }
}

impl Entry {
    /// How many turns it is; what is no turn takes the place of one.
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

    /// Its turns go into an append to the shard, whose newest commit is `after`: the receipt of a later one
    /// opens its seals.
    pub(super) fn go_into(&mut self, turns: &mut Vec<TurnRecord>, shard: ShardId, after: u64) {
        if let Self::Turn(turn) = self {
            turn.go_into(turns, shard, after);
        }
    }

    /// The turn is not durable: its actions stay sealed for ever.
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
