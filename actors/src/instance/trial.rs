//! Hosts that die while the code of an instance runs: that it is about to run is recorded, where an
//! earlier host may have died of it, until it has made a step.

use std::time::Duration;

use ractor::ActorProcessingErr;
use reenact_core::{Command, Event, RecordedTurn, RunDeaths, Sealed, codec};
use reenact_providers::{InstanceState as State, InstanceSummary, TurnRecord};
use tokio::sync::OwnedMutexGuard;

use super::phase::Phase;
use super::state::InstanceState;
use super::summary::follow;
use crate::message::{Begin, InstanceMessage, Internal, RuntimeMessage};
use crate::persistence::{Entry, PendingTurn};
use crate::run::Run;

/// How long an instance waits to be alone with its last chance.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Of code that is about to run, though hosts may have died of it.
pub(super) struct Trial {
    /// How many are known to have died.
    died: u32,
    /// Number of turns before it.
    turns: u64,
    /// Whether the code ran when the last host died: then it did not die of an activity.
    pub(super) code_ran: bool,
    /// Held where it is its last chance.
    alone: Option<OwnedMutexGuard<()>>,
}

/// Whether the code of an instance may run that was taken up from another host, or is parked.
pub(super) enum Judgement {
    /// Nothing speaks against it.
    Free,
    /// It is announced.
    OnTrial(Trial),
    /// Too many hosts have died.
    Condemned {
        /// How many.
        died: u32,
    },
}

impl InstanceState {
    /// Of an instance that a host takes up as it starts, and of one that is parked: before its code runs,
    /// that is recorded. Somebody who resumes one that is parked has the last word.
    pub(super) async fn judge(
        &mut self,
        summary: &mut InstanceSummary,
    ) -> Result<Judgement, ActorProcessingErr> {
        // One that is parked is tried by whatever comes first, also where this host had it before.
        let is_parked = summary.state == State::Parked;
        let is_tried = is_parked && self.begin != Begin::Resume;
        let is_taken_up = self.begin == Begin::Recover && self.shard.is_new;
        if !(is_tried || is_taken_up) {
            return Ok(Judgement::Free);
        }
        let stored = if is_parked {
            // What it was parked for may be long ago: events are recorded meanwhile.
            match self.shard.log().stored(summary).await? {
                Ok((stored, _)) => stored,
                Err(_) => return Ok(Judgement::Free),
            }
        } else {
            self.shard.log().last_page(summary).await?
        };
        let mut deaths = RunDeaths::default();
        for turn in &stored {
            // One that does not decode is found by the replay.
            let Ok(turn) = codec::decode_turn(&turn.bytes) else { return Ok(Judgement::Free) };
            if turn.outcome().is_some() {
                // Nor does its summary fit.
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
        };
        self.shard.make_durable(Entry::Turn(Box::new(PendingTurn {
            instance: self.instance.clone(),
            run: Run::of_nothing(summary.execution),
            record: Some(record),
            actions: Sealed::new(Vec::new()),
            answer: None,
            known: None,
            successor: Vec::new(),
        })));
        self.everything_is_durable().await?;
        let turns = summary.turns;
        Ok(Judgement::OnTrial(Trial { died, turns, code_ran, alone }))
    }

    /// Records that the code is about to run, where it has not made a step since it was taken up.
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
            // The next execution has begun with steps of this one.
            let is_another = live.machine.turns() < turns;
            if !is_another && !live.machine.has_run_since(turns) {
                live.unproven = Some(died);
                self.apply(Command::SurviveRun, None);
            }
        }
        if alone.is_some() {
            // Before the next has its chance, it is known that this was not the end.
            self.everything_is_durable().await?;
        }
        Ok(())
    }

    async fn alone(&mut self, died: u32) -> Option<OwnedMutexGuard<()>> {
        let last_chance = died.saturating_add(1) >= self.shard.host.options.max_host_deaths.max(1);
        let own = matches!(&self.phase, Phase::Live(live) if live.suspects.have_a_last_chance());
        if !last_chance || own {
            // An activity of its own may hold it, and wait for this actor.
            return None;
        }
        // Others come into memory meanwhile.
        self.coming = None;
        let workers = self.shard.workers.clone();
        let alone = workers.suspects().alone_if(last_chance);
        // What runs may wait for this instance.
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
            | Internal::RecordStart { .. }
            | Internal::HostStops
            | Internal::Activate
            | Internal::Recover
            | Internal::Answered { .. }
            | Internal::SendAgain { .. }
            | Internal::Settle
            | Internal::ForeignWake
            | Internal::EndWait(_)
    )
}
