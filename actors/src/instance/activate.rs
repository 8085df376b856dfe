//! Brings an instance into memory, by replay of its log.

use std::sync::Arc;
use std::time::Instant;

use ractor::{ActorProcessingErr, ActorRef};
use reenact_core::{Command, InstanceId, MachineConfig};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnPage};
use tokio::sync::oneshot;

use super::phase::{Live, Phase};
use super::state::InstanceState;
use super::trial::Judgement;
use crate::context::ShardContext;
use crate::error::ParkReason;
use crate::log::Log;
use crate::message::{Begin, InstanceMessage, Internal};
use crate::panic::{catch_panic, this_thread};
use crate::persistence::Entry;
use crate::telemetry::is_followed;

impl InstanceState {
    /// Comes into memory as the actor starts.
    pub(super) async fn enter(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
    ) -> Result<(), ActorProcessingErr> {
        // An actor of this instance that has just gone may have turns under way.
        let is_through = self.shard.is_through(&self.instance);
        if !is_through {
            self.shard.everything_is_durable(&self.instance).await?;
        }
        self.activate_from_log(myself, is_through).await
    }

    /// Comes into memory anew, after what this actor has passed on.
    pub(super) async fn activate(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
    ) -> Result<(), ActorProcessingErr> {
        self.shard.everything_is_durable(&self.instance).await?;
        self.activate_from_log(myself, false).await
    }

    async fn activate_from_log(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        is_at_once: bool,
    ) -> Result<(), ActorProcessingErr> {
        let (summary, first) = self.shard.log().load(&self.instance).await?;
        match summary {
            None => self.phase = Phase::Absent,
            Some(summary) if summary.state == State::Importing => {
                self.keep_out(ParkReason::Importing, summary);
            }
            Some(summary) if summary.is_over() => self.phase = Phase::Finished,
            Some(summary) if summary.state.is_finished() => self.close_from_log(summary).await?,
            Some(summary) => match self.shard.host.routes.parked(&self.instance) {
                // What could not be decoded may be by now: a codec can ask others for its keys.
                Some(reason) if !reason.takes_nothing() => {
                    self.stay_parked(reason, summary).await?
                }
                Some(_) | None => self.replay(myself, summary, first).await?,
            },
        }
        if let (Begin::Claim, Phase::Absent) = (self.begin, &self.phase) {
            self.phase = Phase::Fresh;
        }
        if !matches!(self.phase, Phase::Parked(_)) {
            // Any reason to be parked is gone.
            self.shard.host.routes.unpark(&self.instance);
        }
        if matches!(self.phase, Phase::Parked(_)) {
            // It is here for the messages in its mailbox, and longer if one of them has to be kept.
            myself.cast(Internal::Activate.into())?;
        } else if self.has_nothing_to_do() {
            if is_at_once {
                // The message for which it was loaded is about to come. If it left memory before, another actor
                // would be loaded in its place, and leave again as soon.
                self.shard.everything_is_durable(&self.instance).await?;
            }
            // It is here for the messages in its mailbox.
            myself.drain()?;
        }
        Ok(())
    }

    async fn replay(
        &mut self,
        myself: &ActorRef<InstanceMessage>,
        mut summary: InstanceSummary,
        mut first: Option<TurnPage>,
    ) -> Result<(), ActorProcessingErr> {
        if self.shard.host.options.dormant {
            return self.park_unfit(ParkReason::Dormant, summary, false).await;
        }
        if let Some(reason) = self.shard.host.routes.why_stalled(&self.instance) {
            return self.park_condemned(reason, summary).await;
        }
        if summary.state == State::Parked || (self.begin == Begin::Recover && self.shard.is_new) {
            // A host may have died of the activities that it called.
            self.in_place.be_careful();
        }
        let trial = match self.judge(&mut summary).await? {
            Judgement::Free => None,
            Judgement::OnTrial(trial) => {
                // The log has one more turn by now.
                first = None;
                Some(trial)
            }
            Judgement::Condemned { died } => {
                let reason = ParkReason::HostDied { times: died };
                return self.park_condemned(reason, summary).await;
            }
        };
        let (registry, config) = (&self.shard.host.registry, self.machine_config(myself));
        let began = Instant::now();
        let log = self.shard.log();
        let mut ledger = is_followed().then(Box::default);
        let replayed = log.replay_all(&summary, first, registry, config, &mut ledger);
        let replayed = replayed.await?;
        if self.shard.tenants.are_given_up() {
            return Err("its code held the thread too long, and others took over the shard".into());
        }
        match replayed {
            Ok(machine) => {
                self.shard.recorder.has_replayed(summary.events, began.elapsed());
                let (last, open) = (machine.last_scheduled(), machine.open_actions());
                let label = self.shard.host.recorder.orchestration(&summary.name);
                // The store may not show them.
                summary.attributes = machine.attributes();
                let live = Live { ledger, ..Live::new(machine, summary, label) };
                let run = live.run;
                self.phase = Phase::Live(Box::new(live));
                if self.is_anything_overdue() {
                    self.catch_up().await;
                }
                let code_ran = trial.as_ref().is_some_and(|trial| trial.code_ran);
                self.lose_what_has_gone(run, last, code_ran);
                self.unpark();
                if let Some(trial) = trial {
                    self.survived(trial).await?;
                }
                self.take_up(run, open).await;
            }
            // What was announced could be written, so this host has the codec, and lacks an old key at most.
            Err(reason) if reason.takes_nothing() && trial.is_none() => {
                self.keep_out(reason, summary);
            }
            Err(reason) => self.park_unfit(reason, summary, trial.is_some()).await?,
        }
        Ok(())
    }
}

impl InstanceState {
    /// The configuration of its machine, as far as this actor gives it.
    pub(super) fn machine_config(&self, myself: &ActorRef<InstanceMessage>) -> MachineConfig {
        let local_in_place = self.may_run_in_place && !self.in_place.is_careful();
        MachineConfig { local_in_place, ..self.shard.machine_config(myself) }
    }

    /// Lets code that fits again go on, after everything that was due meanwhile.
    fn unpark(&mut self) {
        if matches!(&self.phase, Phase::Live(live) if live.machine.is_parked()) {
            self.apply(Command::Unpark, None);
            self.unparked = !matches!(self.phase, Phase::Parked(_));
        }
    }
}

impl ShardContext {
    /// Returns when everything that was passed to the persistence actor before is durable, and the effects
    /// of this instance are carried out.
    pub(super) async fn everything_is_durable(
        &self,
        of: &InstanceId,
    ) -> Result<(), ActorProcessingErr> {
        let (reply, durable) = oneshot::channel();
        self.make_durable(Entry::Barrier(Some(of.clone()), reply));
        Ok(durable.await?)
    }

    pub(super) fn log(&self) -> Log<'_> {
        self.host.log()
    }

    pub(super) fn machine_config(&self, myself: &ActorRef<InstanceMessage>) -> MachineConfig {
        let myself = myself.clone();
        MachineConfig {
            strict: self.host.options.strict_replay,
            catch_panic,
            activities: Some(self.host.registry.clone()),
            versions: Some(self.host.registry.clone()),
            local_in_place: false,
            large_payloads: self.host.store.takes_large_payloads,
            this_thread: Some(this_thread),
            on_foreign_wake: Some(Arc::new(move || {
                // An actor that has gone cannot be misled.
                let _ = myself.cast(Internal::ForeignWake.into());
            })),
            keep_history: false,
        }
    }
}
