//! Counts the hosts that died while an activity ran: its start is recorded, and counts as an attempt.

use reenact_core::{Command, CorrelationId};

use super::phase::Phase;
use super::state::InstanceState;
use crate::activity::ActivityCall;
use crate::message::Reply;
use crate::run::Run;
use crate::suspects::Suspect;

impl InstanceState {
    /// For an instance that comes into memory: activities that had started and do not run on this host have
    /// ended with an earlier host. From now on each start of an open activity is recorded before it runs.
    pub(super) fn lose_what_has_gone(&mut self, run: Run, last: CorrelationId, code_ran: bool) {
        let Phase::Live(live) = &self.phase else { return };
        if live.run != run {
            return;
        }
        let most = self.shard.host.options.max_host_deaths.max(1);
        // Where the code ran when the host died, the activities only ran beside it.
        let gone = live.machine.started_tasks().into_iter().filter(|_| !code_ran);
        let gone: Vec<_> =
            gone.filter(|(id, attempt)| !self.runs_here(run, *id, *attempt)).collect();
        for (id, attempt) in gone {
            let instance = &self.instance;
            tracing::warn!(target: "reenact::activity", parent: None, %instance, activity = %id, attempt, "a host died while this attempt of the activity ran; it counts as failed");
            self.apply(Command::LoseTask { id, most }, None);
        }
        let Phase::Live(live) = &mut self.phase else { return };
        if live.run != run {
            return;
        }
        let workers = self.shard.workers.clone();
        let open = live.machine.deaths_of_tasks().into_iter().filter(|(id, _)| *id <= last);
        for (id, died) in open {
            let call = ActivityCall { instance: self.instance.clone(), run, id };
            if workers.attempt(&call).is_none() {
                let suspect = Suspect { last_chance: died.saturating_add(1) >= most };
                live.suspects.add(workers.suspects(), call, suspect);
            }
        }
    }

    fn runs_here(&self, run: Run, id: CorrelationId, attempt: u32) -> bool {
        let call = ActivityCall { instance: self.instance.clone(), run, id };
        self.shard.workers.attempt(&call) == Some(attempt)
    }

    /// Records the start of an attempt that has its place and begins once that is durable. It is not
    /// answered when the attempt is not open.
    pub(super) fn record_start(&mut self, id: CorrelationId, attempt: u32, reply: Reply) {
        let Phase::Live(live) = &self.phase else { return };
        if live.machine.is_attempt(id, attempt) {
            self.apply(Command::StartTask { id, attempt }, Some(reply));
        }
    }

    /// Records that a shutdown stops the running activities: its host does not die of them.
    pub(super) fn record_stops(&mut self) {
        let Phase::Live(live) = &self.phase else { return };
        for (id, _) in live.machine.started_tasks() {
            self.apply(Command::StopTask { id }, None);
        }
    }
}
