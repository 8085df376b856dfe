//! Asks the instances of a shard to leave memory, a bounded number at a time.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;

use super::state::{ShardState, Sweep};
use crate::context::HostContext;
use crate::message::{Internal, ShardMessage};
use crate::task::{Task, end_for_panic};

/// When to ask again while instances have not answered yet.
const MAKE_ROOM_AGAIN: Duration = Duration::from_millis(10);

/// The maximum number of instances that were asked and have not answered yet. Other tasks need the
/// thread too.
const ASKED_AT_A_TIME: usize = 256;

/// When to look again whether they have answered.
const ASK_MORE: Duration = Duration::from_millis(1);

impl ShardState {
    /// Asks the instances in memory whether they have been idle for the time `idle`. Does nothing while
    /// earlier questions are under way: they serve as well, and mailboxes must not fill with questions.
    pub(super) fn sweep(&mut self, myself: &ActorRef<ShardMessage>, idle: Duration) {
        if !self.is_asking() {
            self.begin_sweep(myself, idle, false);
            self.forget_old_crashes(self.context.now());
        }
    }

    pub(super) fn make_room(&mut self, myself: &ActorRef<ShardMessage>) {
        if self.is_asking() {
            myself.send_after(MAKE_ROOM_AGAIN, || ShardMessage::MakeRoom);
        } else {
            // Called first: a later request may be about instances that become idle after these questions.
            self.context.host.room_was_made(self.shard);
            self.begin_sweep(myself, Duration::ZERO, true);
        }
    }

    fn begin_sweep(&mut self, myself: &ActorRef<ShardMessage>, idle: Duration, makes_room: bool) {
        let Some((&last, _)) = self.instances.last_key_value() else { return };
        let then = self.context.now() - idle;
        self.sweeping = Some(Sweep { after: Bound::Unbounded, last, then, makes_room });
        self.sweep_on(myself);
    }

    /// Asks the next instances.
    pub(super) fn sweep_on(&mut self, myself: &ActorRef<ShardMessage>) {
        let Some(sweep) = &mut self.sweeping else { return };
        let unanswered = Arc::strong_count(&self.asked) - 1;
        let many = ASKED_AT_A_TIME.saturating_sub(unanswered);
        let left = |after| self.instances.range((after, Bound::Included(sweep.last)));
        for (id, member) in left(sweep.after).take(many) {
            let message = Internal::PassivateIfIdleSince(sweep.then, self.asked.clone());
            // An instance whose actor has gone is not in memory.
            let _ = member.actor.cast(message.into());
            sweep.after = Bound::Excluded(*id);
        }
        let is_through = left(sweep.after).next().is_none()
            || sweep.makes_room
                && !self.context.host.admission.wants_room()
                && !self.context.host.footprints.is_over();
        if is_through {
            self.sweeping = None;
        } else {
            myself.send_after(ASK_MORE, || ShardMessage::SweepOn);
        }
    }

    fn is_asking(&self) -> bool {
        self.sweeping.is_some() || Arc::strong_count(&self.asked) > 1
    }
}

pub(super) fn sweeps(myself: &ActorRef<ShardMessage>, host: &HostContext) -> Task {
    let (myself, clock, idle) =
        (myself.clone(), host.store.clock.clone(), host.options.passivate_after);
    let lost = end_for_panic(&myself, "the clock");
    let sweep = async move {
        loop {
            clock.sleep_until(clock.now() + (idle / 2).max(SHORTEST_SWEEP)).await;
            if myself.cast(ShardMessage::Sweep { idle }).is_err() {
                return;
            }
        }
    };
    Task::vital(sweep, lost)
}

/// The shortest time between two sweeps.
const SHORTEST_SWEEP: Duration = Duration::from_millis(10);
