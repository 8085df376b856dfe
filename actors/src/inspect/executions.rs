//! The executions of an instance that are there: the newest one, and those before it that are kept.

use std::fmt;

use futures_util::future::try_join_all;
use reenact_core::{ExecutionId, InstanceId, Name, Outcome, Timestamp};
use reenact_providers::{InstanceState, InstanceSummary};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::store::{Store, unreadable};

/// An execution of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExecutionInfo {
    /// Its number.
    pub execution: ExecutionId,
    /// Its orchestration.
    pub name: Name,
    /// The time of its first event. A rewind keeps first events: then it is theirs.
    pub started_at: Timestamp,
    /// The time of its last event; `None` of one that goes on.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub end: ExecutionEnding,
    /// Number of its turns.
    pub turns: u64,
    /// Number of its events.
    pub events: u64,
    /// Whether it is the one that the instance is in.
    pub is_newest: bool,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum ExecutionEnding {
    /// It goes on.
    Open,
    /// It returned a value.
    Completed,
    /// It returned an error, panicked, or passed a limit.
    Failed,
    /// Somebody terminated it, or a start under its id took its place.
    Terminated,
    /// Somebody cancelled it, and its code ended for that.
    Cancelled,
    /// It continued as new.
    Continued,
    /// A rewind took its place before it ended.
    Rewound,
}

impl ExecutionEnding {
    /// Its name, as it is written in code: `Continued`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Terminated => "Terminated",
            Self::Cancelled => "Cancelled",
            Self::Continued => "Continued",
            Self::Rewound => "Rewound",
        }
    }

    /// `None` where the state does not say it.
    const fn of_state(state: InstanceState) -> Option<Self> {
        match state {
            InstanceState::Completed => Some(Self::Completed),
            InstanceState::Failed => Some(Self::Failed),
            InstanceState::Terminated => Some(Self::Terminated),
            InstanceState::Cancelled => Some(Self::Cancelled),
            _ => None,
        }
    }
}

impl fmt::Display for ExecutionEnding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Store {
    /// The executions of an instance that are there, the newest one last. Reads the first turn of each, and the last of
    /// those whose state does not say how they ended.
    pub(crate) async fn executions(&self, instance: &InstanceId) -> Result<Vec<ExecutionInfo>> {
        loop {
            let there = self.histories.executions(instance).await?;
            let Some(newest) = there.last().map(|newest| newest.execution) else {
                return Err(Error::NotFound { instance: instance.clone() });
            };
            let infos = there.iter().map(|summary| self.info(summary, newest));
            match try_join_all(infos).await {
                // It has gone on meanwhile, and the first of them with that.
                Ok(infos) if infos.iter().any(Option::is_none) => {}
                infos => return Ok(infos?.into_iter().flatten().collect()),
            }
        }
    }

    /// `None` when it is gone.
    async fn info(
        &self,
        of: &InstanceSummary,
        newest: ExecutionId,
    ) -> Result<Option<ExecutionInfo>> {
        let is_newest = of.execution == newest;
        let Some((started_at, _)) = self.turn_of(of, 0).await? else { return Ok(None) };
        let end = match ExecutionEnding::of_state(of.state) {
            Some(end) => end,
            None if is_newest => ExecutionEnding::Open,
            None => {
                let last = self.turn_of(of, of.turns.saturating_sub(1)).await?;
                let Some((_, outcome)) = last else { return Ok(None) };
                match outcome {
                    Some(Outcome::Continued { .. }) => ExecutionEnding::Continued,
                    _ => ExecutionEnding::Rewound,
                }
            }
        };
        Ok(Some(ExecutionInfo {
            execution: of.execution,
            name: of.name.clone(),
            started_at,
            ended_at: (end != ExecutionEnding::Open).then_some(of.updated_at),
            end,
            turns: of.turns,
            events: of.events,
            is_newest,
        }))
    }

    /// When a turn was, and how the execution ended in it if it did; `None` when it is gone.
    async fn turn_of(
        &self,
        of: &InstanceSummary,
        number: u64,
    ) -> Result<Option<(Timestamp, Option<Outcome>)>> {
        match self.log().turn(of, number).await {
            Ok(read) => {
                let turn = read.map_err(|reason| unreadable(&of.instance, &reason))?;
                Ok(Some((turn.at, turn.outcome())))
            }
            Err(reenact_providers::ProviderError::NotFound { .. }) if self.is_gone(of).await? => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
