//! Into memory: by replay of the log.

use std::sync::Arc;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::{Action, InstanceId, Machine, MachineConfig, RecordedTurn, ReplayError, codec};
use reenact_providers::{InstanceSummary, ProviderError, TurnPage};
use tokio::sync::oneshot;

use super::{Begin, InstanceState, Live, Phase};
use crate::error::ParkReason;
use crate::message::{InstanceMessage, Internal};
use crate::panic::{catch_panic, this_thread};
use crate::patience::Patience;
use crate::persistence::Entry;
use crate::run::Run;
use crate::shard::ShardContext;

/// Turns that are read from the store at a time.
const TURNS_PER_READ: usize = 1_024;

impl InstanceState {
    pub(super) async fn activate(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
    ) -> Result<(), ActorProcessingErr> {
        // An actor of this instance that has just gone may have turns under way.
        self.shard.everything_is_durable().await?;
        match self.shard.summary(&self.instance).await? {
            None => self.phase = Phase::Absent,
            Some(summary) if summary.state.is_finished() => self.phase = Phase::Finished,
            Some(summary) => self.replay(myself, summary).await?,
        }
        if let (Begin::Claim, Phase::Absent) = (self.begin, &self.phase) {
            self.phase = Phase::Fresh;
        }
        if !matches!(self.phase, Phase::Parked { .. }) {
            // Whatever it was parked for is gone.
            self.shard.routes.unpark(&self.instance);
        }
        if self.has_nothing_to_do() {
            // It is here for what is in its mailbox.
            myself.drain()?;
        }
        Ok(())
    }

    async fn replay(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        summary: InstanceSummary,
    ) -> Result<(), ActorProcessingErr> {
        let execution = summary.execution;
        let Some(code) = self.shard.registry.orchestration(&summary.name).cloned() else {
            let reason = ParkReason::UnknownOrchestration { name: summary.name.clone() };
            self.park_at(reason, Some(summary));
            return Ok(());
        };
        let config = self.shard.machine_config(myself);
        let replayed = read_history(&self.shard, &summary).await?.and_then(|history| {
            let instance = self.instance.clone();
            Machine::replay(&code, instance, execution, config, history).map_err(reason_of)
        });
        match replayed {
            Ok(machine) if machine.outcome().is_some() => {
                let reason = "its history has an end, and its summary says that it goes on".into();
                self.park_at(ParkReason::Unreadable { reason }, Some(summary));
            }
            Ok(machine) => {
                let run = Run::of(&machine);
                let mut open = machine.open_actions();
                // Timers that are due fire as they are set: the earliest is set first.
                open.sort_by_key(|action| match action {
                    Action::CreateTimer { fire_at, .. } => Some(*fire_at),
                    _ => None,
                });
                self.shard.dispatcher.dispatch(&self.instance, run, open);
                self.phase = Phase::Live(Live { machine, run, summary });
            }
            Err(reason) => self.park_at(reason, Some(summary)),
        }
        Ok(())
    }
}

impl ShardContext {
    /// Returns when everything that was handed to the persistence actor before is durable.
    pub(super) async fn everything_is_durable(&self) -> Result<(), ActorProcessingErr> {
        let (reply, durable) = oneshot::channel();
        self.make_durable(Entry::Barrier(reply));
        Ok(durable.await?)
    }

    /// What the store knows of an instance.
    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        let mut patience = Patience::new();
        loop {
            match self.store.summary(instance).await {
                Ok(summary) => return Ok(summary),
                Err(error) => patience.wait_after(error, &*self.clock).await?,
            }
        }
    }

    /// Some turns of an execution.
    async fn read(&self, of: &InstanceSummary, from: u64) -> Result<TurnPage, ProviderError> {
        let mut patience = Patience::new();
        loop {
            match self.store.read(&of.instance, of.execution, from, TURNS_PER_READ).await {
                Ok(page) => return Ok(page),
                Err(error) => patience.wait_after(error, &*self.clock).await?,
            }
        }
    }

    pub(super) fn machine_config(&self, myself: &ActorRef<InstanceMessage>) -> MachineConfig {
        let myself = myself.clone();
        MachineConfig {
            strict: self.strict_replay,
            catch_panic,
            activities: Some(self.registry.clone()),
            this_thread: Some(this_thread),
            on_foreign_wake: Some(Arc::new(move || {
                // An actor that has gone cannot be misled.
                let _ = myself.cast(Internal::ForeignWake.into());
            })),
        }
    }
}

fn reason_of(error: ReplayError) -> ParkReason {
    match error {
        ReplayError::Nondeterministic(nondeterminism) => {
            ParkReason::Nondeterministic(nondeterminism)
        }
        ReplayError::Malformed(malformed) => ParkReason::Malformed(malformed),
        other => ParkReason::Unreadable { reason: other.to_string() },
    }
}

/// The whole log of an execution; or why it cannot be read, where that is for people to mend.
async fn read_history(
    shard: &ShardContext,
    summary: &InstanceSummary,
) -> Result<Result<Vec<RecordedTurn>, ParkReason>, ActorProcessingErr> {
    let mut turns = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let page = match shard.read(summary, from).await {
            Ok(page) => page,
            Err(error @ ProviderError::Corrupt { .. }) => {
                return Ok(Err(ParkReason::Unreadable { reason: error.to_string() }));
            }
            Err(error) => return Err(error.into()),
        };
        for turn in page.turns {
            match codec::decode_turn(&turn.bytes) {
                Ok(turn) => turns.push(turn),
                Err(error) => {
                    let reason = format!("turn {}: {error}", turn.number);
                    return Ok(Err(ParkReason::Unreadable { reason }));
                }
            }
        }
        next = page.next;
    }
    Ok(Ok(turns))
}
