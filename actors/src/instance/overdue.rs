//! Applies what is overdue in the order in which it was due, before anything else.

use reenact_core::zoo::{self, Bug};
use reenact_core::{Action, Command, CorrelationId};

use super::phase::Phase;
use super::state::InstanceState;
use crate::run::Run;
use crate::task::let_others_run;
use crate::trace::RunTrace;

/// The number of turns that are made of overdue commands before other tasks run.
const TURNS_IN_A_ROW: usize = 64;

/// The number of open actions that are taken up before other tasks run.
const TAKEN_UP_IN_A_ROW: usize = 256;

impl InstanceState {
    /// Reads the clock, and returns whether something is overdue.
    pub(super) fn is_anything_overdue(&mut self) -> bool {
        self.now = self.shard.now();
        self.shard.recorder.set_now(self.now);
        !zoo::planted(Bug::OverdueComesLast)
            && matches!(&self.phase, Phase::Live(live) if live.machine.overdue(self.now).is_some())
    }

    /// Applies what is overdue, in the order in which it was due: before the next message is handled, and
    /// before open actions are started again.
    pub(super) async fn catch_up(&mut self) {
        let Phase::Live(live) = &self.phase else { return };
        let (run, last) = (live.run, live.machine.last_scheduled());
        let mut turns = 0;
        // Timers that are set meanwhile are not overdue.
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

    /// The command that was due first, while this run goes on.
    fn overdue(&self, run: Run) -> Option<Command> {
        match &self.phase {
            Phase::Live(live) if live.run == run => live.machine.overdue(self.now),
            _ => None,
        }
    }

    /// Takes up the actions that were open in the log of an instance that comes into memory, and still are.
    /// Later actions are not durable yet, and come with their own turns.
    pub(super) async fn take_up(&mut self, run: Run, mut open: Vec<Action>) {
        open.retain(|action| match (&self.phase, action) {
            (Phase::Live(live), Action::Send(_)) => live.machine.is_still_open(action),
            (Phase::Live(live), _) => live.run == run && live.machine.is_still_open(action),
            (Phase::Closing(closing), Action::Send(message)) => closing.has_to_send(message.id),
            (Phase::Closing(_), _)
            | (Phase::Fresh | Phase::Absent | Phase::Finished | Phase::Parked(_), _) => false,
        });
        open.retain(|action| match action {
            Action::CreateTimer { .. } => !zoo::planted(Bug::TimerNotRearmed),
            Action::Send(_) => !zoo::planted(Bug::MessageNotSentAgain),
            _ => true,
        });
        // Timers that are due fire when they are set, so the earliest is set first.
        open.sort_by_key(|action| match action {
            Action::CreateTimer { fire_at, .. } => Some(*fire_at),
            _ => None,
        });
        let trace = match &self.phase {
            Phase::Live(live) => live.trace.clone(),
            Phase::Closing(closing) => closing.trace.clone(),
            _ => RunTrace::default(),
        };
        let mut open = open.into_iter();
        loop {
            let portion = open.by_ref().take(TAKEN_UP_IN_A_ROW);
            self.shard.dispatch_open(&self.instance, run, &trace, portion);
            if open.len() == 0 {
                return;
            }
            let_others_run().await;
        }
    }
}

/// Whether the command is about an action that was scheduled by then, or about the time of the instance.
fn is_of(command: &Command, last: CorrelationId) -> bool {
    matches!(command, Command::FireTimer { id } if *id <= last || *id == CorrelationId::LIMIT)
}
