//! Where instances end, and what follows on that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use reenact_core::ExecutionId;

use crate::limits::MAX_KEPT_EXECUTIONS;
use crate::{InstanceSummary, ProviderError, TurnRecord};

/// Whether the turns, one after the other, follow on what is stored; `stored` tells where that ends
/// before an instance's first turn among them.
pub(crate) fn check_turns(
    turns: &[TurnRecord],
    mut stored: impl FnMut(&TurnRecord) -> Result<Option<Tip>, ProviderError>,
) -> Result<(), ProviderError> {
    let mut tips = HashMap::with_capacity(turns.len());
    for turn in turns {
        let instance = &turn.summary.instance;
        match tips.entry(instance) {
            Entry::Occupied(mut seen) => {
                let tip = Tip::after(Some(*seen.get()), turn)?;
                seen.insert(tip);
            }
            Entry::Vacant(unseen) => {
                unseen.insert(Tip::after(stored(turn)?, turn)?);
            }
        }
    }
    Ok(())
}

/// The place at which an instance ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tip {
    pub(crate) execution: ExecutionId,
    /// The number of its next turn.
    pub(crate) next: u64,
}

impl Tip {
    /// The tip of an instance in an archive.
    #[cfg(feature = "journal")]
    pub(crate) const fn of(archived: &crate::archive::Archived) -> Self {
        Self { execution: archived.summary.execution, next: archived.length }
    }

    /// The tip once `turn` stands after `tip` (`None`: there is no such instance yet); `Conflict`
    /// when it cannot stand there.
    pub(crate) fn after(tip: Option<Self>, turn: &TurnRecord) -> Result<Self, ProviderError> {
        let (execution, number) = (turn.summary.execution, turn.number);
        let follows = match tip {
            // A later one comes with an import.
            None => execution >= ExecutionId::FIRST && number == 0,
            Some(tip) if execution == tip.execution => number == tip.next,
            Some(tip) => Some(execution.0) == tip.execution.0.checked_add(1) && number == 0,
        };
        if !follows {
            return Err(conflict(tip, turn));
        }
        Ok(Self { execution, next: number + 1 })
    }
}

/// Of the first turn of an execution: those before this one are gone once it is durable.
pub(crate) fn oldest_kept(turn: &TurnRecord) -> ExecutionId {
    let ExecutionId(own) = turn.summary.execution;
    ExecutionId(own.saturating_sub(turn.keep.min(MAX_KEPT_EXECUTIONS)))
}

fn conflict(tip: Option<Tip>, turn: &TurnRecord) -> ProviderError {
    let InstanceSummary { instance, execution, .. } = &turn.summary;
    let came =
        format!("turn {} of execution {execution} came for instance {instance}", turn.number);
    let stored = match tip {
        None => "which does not exist".to_owned(),
        Some(tip) => {
            format!("which stands before turn {} of execution {}", tip.next, tip.execution)
        }
    };
    ProviderError::Conflict { reason: format!("{came}, {stored}") }
}
