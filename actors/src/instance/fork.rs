//! Begins an instance with the first turns of the history of another one.

use std::sync::Arc;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::{ExecutionId, Fork, History, InstanceId, RecordedTurn, RemoteFork};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnRecord};

use super::phase::Phase;
use super::rewind::{Copying, first_turns};
use super::state::InstanceState;
use crate::context::ShardContext;
use crate::entity_id::{check_fork, check_start};
use crate::error::{Error, ParkReason, Result};
use crate::message::{InstanceMessage, StartMessage};
use crate::metrics::Tally;
use crate::persistence::Entry;
use crate::store::unreadable;

impl InstanceState {
    /// Stores all of the copy at once, and loads the instance. There is none of this id.
    pub(super) async fn fork(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        message: StartMessage,
        fork: RemoteFork,
    ) -> Result<(), ActorProcessingErr> {
        let StartMessage { start, reply, .. } = message;
        self.phase = Phase::Absent;
        let (shard, instance) = (self.shard.clone(), self.instance.clone());
        let records = match shard.forked(instance, fork, start.seed).await {
            Ok(records) => records,
            Err(error) => {
                reply.refuse(error);
                return Ok(());
            }
        };
        let name = records.first().map(|record| record.summary.name.clone());
        let Some(mut pending) = self.pending_execution(records, Vec::new()) else { return Ok(()) };
        if let Some(name) = &name {
            let orchestration = self.shard.host.recorder.orchestration(name);
            pending.tally = Tally { has_started: true, orchestration, ..Tally::NOTHING };
        }
        pending.answer = Some(reply.yes());
        self.shard.make_durable(Entry::Turn(Box::new(pending)));
        let instance = &self.instance;
        tracing::debug!(target: "reenact::instance", parent: None, %instance, "an instance begins as a fork");
        self.activate(myself).await
    }
}

impl ShardContext {
    /// All turns with which the fork begins.
    async fn forked(
        &self,
        instance: InstanceId,
        fork: RemoteFork,
        seed: u64,
    ) -> Result<Vec<TurnRecord>> {
        let RemoteFork { from, execution, before, reason } = fork;
        check_fork(&from)?;
        let log = self.log();
        let found = log.summary(&from).await.map_err(of_store)?;
        let Some(source) = found else { return Err(Error::NotFound { instance: from }) };
        check_start(&instance, &source.name)?;
        if source.state == State::Importing {
            return Err(Error::Parked { instance: from, reason: ParkReason::Importing });
        }
        if source.execution != execution {
            // Only the newest one can be forked.
            let (asked, newest) = (execution, source.execution);
            return Err(Error::OtherExecution { instance: from, asked, oldest: newest, newest });
        }
        let read = log.stored(&source).await.map_err(of_store)?;
        let (stored, turns) = read.map_err(|reason| unreadable(&from, &reason))?;
        self.has_code(&source, turns.first())?;
        let history: History = turns.into_iter().collect();
        let to = instance.clone();
        let fork = Fork { from: from.clone(), execution, instance: to, before, reason, seed };
        let now = self.now();
        let forked = history.forked(fork, now).map_err(|why| Error::of_fork(from, why))?;
        let created_at = forked.turns.first().map_or(now, |turn| turn.at);
        let of = InstanceSummary { instance, execution: ExecutionId::FIRST, created_at, ..source };
        let takes_large = self.host.store.takes_large_payloads;
        first_turns(Copying { what: "fork", takes_large }, of, stored, &history, forked)
    }

    /// Whether this host has the code, as for a start. A dormant host has that of none.
    fn has_code(&self, source: &InstanceSummary, first: Option<&RecordedTurn>) -> Result<()> {
        if !self.host.options.dormant {
            let version = first.map(RecordedTurn::version);
            self.host.registry.code(&source.name, version.as_ref())?;
        }
        Ok(())
    }
}

fn of_store(error: reenact_providers::ProviderError) -> Error {
    Error::from(Arc::new(error))
}
