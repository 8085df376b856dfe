//! Applies what is overdue in the order in which it was due, before anything else.

use reenact_core::{Action, Command};

use super::phase::Phase;
use super::state::InstanceState;
use crate::run::Run;
use crate::task::let_others_run;

/// How many turns are made of what is overdue before other tasks get the thread.
const TURNS_IN_A_ROW: usize = 64;

/// How many open actions are taken up before other tasks get the thread.
const TAKEN_UP_IN_A_ROW: usize = 256;

impl InstanceState {
    /// Reads the clock, and says whether something is due that has not happened.
    pub(super) fn is_anything_overdue(&mut self) -> bool {
        self.now = self.shard.now();
        matches!(&self.phase, Phase::Live(live) if live.machine.overdue(self.now).is_some())
    }

    /// Lets happen what is overdue, in the order in which it was due: before the message that is
    /// handled next, and before anything that is open is started again.
    pub(super) async fn catch_up(&mut self) {
        let Phase::Live(live) = &self.phase else { return };
        let (run, last) = (live.run, live.machine.last_scheduled());
        let mut turns = 0;
        // What is scheduled meanwhile is not overdue.
        while let Some(command) = self.overdue(run).filter(|command| is_of(command, last)) {
            self.apply(command.clone(), None);
            if self.overdue(run).as_ref() == Some(&command) {
                return;
            }
            turns += 1;
            if turns % TURNS_IN_A_ROW == 0 {
                let_others_run().await;
            }
        }
    }

    /// What was due first, while that run goes on.
    fn overdue(&self, run: Run) -> Option<Command> {
        match &self.phase {
            Phase::Live(live) if live.run == run => live.machine.overdue(self.now),
            _ => None,
        }
    }

    /// Takes up what was open in the log of an instance that comes into memory, as far as it still is.
    /// What has been scheduled since is not durable yet, and comes by its own turns.
    pub(super) async fn take_up(&mut self, run: Run, mut open: Vec<Action>) {
        open.retain(|action| match (&self.phase, action) {
            (Phase::Live(live), Action::Send(_)) => live.machine.is_still_open(action),
            (Phase::Live(live), _) => live.run == run && live.machine.is_still_open(action),
            (Phase::Closing(closing), Action::Send(message)) => closing.has_to_send(message.id),
            (Phase::Closing(_), _)
            | (Phase::Fresh | Phase::Absent | Phase::Finished | Phase::Parked(_), _) => false,
        });
        // Timers that are due fire as they are set: the earliest is set first.
        open.sort_by_key(|action| match action {
            Action::CreateTimer { fire_at, .. } => Some(*fire_at),
            _ => None,
        });
        let mut open = open.into_iter();
        loop {
            let portion = open.by_ref().take(TAKEN_UP_IN_A_ROW);
            self.shard.dispatch_open(&self.instance, run, portion);
            if open.len() == 0 {
                return;
            }
            let_others_run().await;
        }
    }
}

/// Whether it is about something that was scheduled by then.
fn is_of(command: &Command, last: reenact_core::CorrelationId) -> bool {
    matches!(command, Command::FireTimer { id } if *id <= last)
}
