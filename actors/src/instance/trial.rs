//! Protects hosts from code that kills them. Where an earlier host may have died of an instance's code,
//! it is recorded that the code is about to run, until it has made a step.

use std::time::Duration;

use ractor::ActorProcessingErr;
use reenact_core::{Command, Event, RecordedTurn, RunDeaths, Sealed, codec};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnRecord};
use tokio::sync::OwnedMutexGuard;

use super::phase::Phase;
use super::state::InstanceState;
use super::summary::follow;
use crate::message::{Begin, InstanceMessage, Internal, RuntimeMessage};
use crate::metrics::Tally;
use crate::persistence::{Entry, PendingTurn};
use crate::run::Run;
use crate::trace::RunTrace;

/// How long an instance waits to be alone with its last chance.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A run of code that hosts may have died of.
pub(super) struct Trial {
    /// How many hosts are known to have died.
    died: u32,
    /// Number of turns before the run.
    turns: u64,
    /// Whether the code ran when the last host died: then it did not die of an activity.
    pub(super) code_ran: bool,
    /// Locked while the code runs with its last chance: no other such code runs meanwhile.
    alone: Option<OwnedMutexGuard<()>>,
}

/// Whether the code may run of an instance that this host has taken over, or that is parked.
pub(super) enum Judgement {
    /// The code may run.
    Free,
    /// The code may run, and that is recorded before.
    OnTrial(Trial),
    /// Too many hosts have died.
    Condemned {
        /// How many have died.
        died: u32,
    },
}

impl InstanceState {
    /// Judges an instance that a host takes over as it starts, or that is parked: that its code will run is
    /// recorded before it does. When somebody resumes a parked instance, its code runs in any case.
    pub(super) async fn judge(
        &mut self,
        summary: &mut InstanceSummary,
    ) -> Result<Judgement, ActorProcessingErr> {
        // A parked instance is judged by the first message that comes, even if this host has had it
        // before.
        let is_parked = summary.state == State::Parked;
        let is_tried = is_parked && self.begin != Begin::Resume;
        let is_taken_up = self.begin == Begin::Recover && self.shard.is_new;
        if !(is_tried || is_taken_up) {
            return Ok(Judgement::Free);
        }
        let stored = if is_parked {
            // Events are recorded while an instance is parked, so its last turn says nothing of why.
            match self.shard.log().stored(summary).await? {
                Ok((stored, _)) => stored,
                Err(_) => return Ok(Judgement::Free),
            }
        } else {
            match self.shard.log().last_page(summary).await {
                // The replay finds that.
                Err(error) if error.is_unreadable() => return Ok(Judgement::Free),
                page => page?,
            }
        };
        let mut deaths = RunDeaths::default();
        for turn in &stored {
            // The replay finds a turn that does not decode.
            let Ok(turn) = codec::decode_turn(&turn.bytes) else { return Ok(Judgement::Free) };
            if turn.outcome().is_some() {
                // The summary does not fit the log either: the replay finds that.
                return Ok(Judgement::Free);
            }
            deaths.apply(&turn);
        }
        let (died, code_ran) = (deaths.known(), deaths.is_running());
        if died >= self.shard.host.options.max_host_deaths.max(1) {
            return Ok(Judgement::Condemned { died });
        }
        let status_turn = stored.last().map(|turn| codec::status_turn(&turn.bytes)).transpose()?;
        let alone = self.alone(died).await;
        let at = self.shard.now().max(summary.updated_at);
        let events = [Event::RunAnnounced { died }].into();
        let announced = RecordedTurn { at, events };
        let bytes = codec::encode_turn_with_status(&announced, status_turn.flatten())?;
        let (number, state, wake_at) = (summary.turns, summary.state, summary.wake_at);
        follow(summary, &announced, state, wake_at);
        let record = TurnRecord {
            number,
            bytes: bytes.into(),
            summary: summary.clone(),
            has_drawn_id: false,
            keep: 0,
        };
        self.shard.make_durable(Entry::Turn(Box::new(PendingTurn {
            instance: self.instance.clone(),
            run: Run::of_nothing(summary.execution),
            record: Some(record),
            actions: Sealed::new(Vec::new()),
            answer: None,
            known: None,
            tally: Tally::NOTHING,
            successor: Vec::new(),
            trace: RunTrace::default(),
            story: None,
        })));
        self.everything_is_durable().await?;
        let turns = summary.turns;
        Ok(Judgement::OnTrial(Trial { died, turns, code_ran, alone }))
    }

    /// Records that the code is about to run, unless it has made a step since this host took it over.
    pub(super) async fn announce_run(
        &mut self,
        may_run: bool,
    ) -> Result<Option<Trial>, ActorProcessingErr> {
        let overdue = self.is_anything_overdue();
        let Phase::Live(live) = &mut self.phase else { return Ok(None) };
        if !overdue && !may_run {
            return Ok(None);
        }
        let Some(died) = live.unproven.take() else { return Ok(None) };
        let alone = self.alone(died).await;
        self.apply(Command::AnnounceRun { died }, None);
        self.everything_is_durable().await?;
        let Phase::Live(live) = &self.phase else { return Ok(None) };
        let turns = live.machine.turns();
        Ok(Some(Trial { died, turns, code_ran: false, alone }))
    }

    /// The code has run, and the host lives.
    pub(super) async fn survived(&mut self, trial: Trial) -> Result<(), ActorProcessingErr> {
        let Trial { died, turns, alone, .. } = trial;
        if let Phase::Live(live) = &mut self.phase {
            // The next execution has begun in turns of this one.
            let is_another = live.machine.turns() < turns;
            if !is_another && !live.machine.has_run_since(turns) {
                live.unproven = Some(died);
                self.apply(Command::SurviveRun, None);
            }
        }
        if alone.is_some() {
            // The success is durable before the next code gets its last chance.
            self.everything_is_durable().await?;
        }
        Ok(())
    }

    async fn alone(&mut self, died: u32) -> Option<OwnedMutexGuard<()>> {
        let last_chance = died.saturating_add(1) >= self.shard.host.options.max_host_deaths.max(1);
        let own = matches!(&self.phase, Phase::Live(live) if live.suspects.have_a_last_chance());
        if !last_chance || own {
            // An activity of this instance may have the lock, and wait for this actor.
            return None;
        }
        // Other instances may come into memory meanwhile.
        self.coming = None;
        let workers = self.shard.workers.clone();
        let alone = workers.suspects().alone_if(last_chance);
        // The code that has the lock may wait for this instance.
        tokio::time::timeout(LONGEST_WAIT, alone).await.ok().flatten()
    }
}

/// Whether the code may react to a message.
pub(super) fn may_run_code(message: &InstanceMessage) -> bool {
    let InstanceMessage::Runtime(RuntimeMessage(message)) = message else { return true };
    !matches!(
        message,
        Internal::PassivateIfIdleSince(..)
            | Internal::ReportOpen(_)
            | Internal::RecordHeartbeat { .. }
            | Internal::EmitItems(_)
            | Internal::RecordStart { .. }
            | Internal::HostStops
            | Internal::Activate
            | Internal::Recover
            | Internal::Answered { .. }
            | Internal::SendAgain { .. }
            | Internal::Settle
            | Internal::GiveBackLocks
            | Internal::ForeignWake
            | Internal::EndWait(_)
    )
}
