//! Asks the instances of a shard to go from memory, so many at a time.

use std::sync::Arc;
use std::time::Duration;
use std::vec;

use ractor::ActorRef;
use reenact_core::Timestamp;

use super::ShardState;
use crate::message::{InstanceMessage, Internal, ShardMessage};

/// When to ask again where instances have not answered yet.
const MAKE_ROOM_AGAIN: Duration = Duration::from_millis(10);

/// So many are asked that have not answered yet. Others want the thread too.
const ASKED_AT_A_TIME: usize = 256;

/// When to look again whether they have.
const ASK_MORE: Duration = Duration::from_millis(1);

/// The instances that are still to be asked.
pub(super) struct Sweep {
    left: vec::IntoIter<ActorRef<InstanceMessage>>,
    /// They go if they have been idle since then.
    then: Timestamp,
    /// It is for those who want room, and ends when nobody does.
    makes_room: bool,
}

impl ShardState {
    /// Asks what is in memory whether it has been idle for so long. Not while earlier questions are
    /// under way: they are as good, and mailboxes must not fill with them.
    pub(super) fn sweep(&mut self, myself: &ActorRef<ShardMessage>, idle: Duration) {
        if !self.is_asking() {
            self.begin_sweep(myself, idle, false);
            self.forget_old_crashes(self.context.clock.now());
        }
    }

    pub(super) fn make_room(&mut self, myself: &ActorRef<ShardMessage>) {
        if self.is_asking() {
            myself.send_after(MAKE_ROOM_AGAIN, || ShardMessage::MakeRoom);
        } else {
            // First: whoever asks from now on may mean what becomes idle behind the questions.
            self.host.room_was_made(self.shard);
            self.begin_sweep(myself, Duration::ZERO, true);
        }
    }

    fn begin_sweep(&mut self, myself: &ActorRef<ShardMessage>, idle: Duration, makes_room: bool) {
        let left: Vec<_> = self.instances.values().map(|member| member.actor.clone()).collect();
        let then = self.context.clock.now() - idle;
        self.sweeping = Some(Sweep { left: left.into_iter(), then, makes_room });
        self.sweep_on(myself);
    }

    /// Asks the next ones.
    pub(super) fn sweep_on(&mut self, myself: &ActorRef<ShardMessage>) {
        let Some(sweep) = &mut self.sweeping else { return };
        let unanswered = Arc::strong_count(&self.asked) - 1;
        for actor in sweep.left.by_ref().take(ASKED_AT_A_TIME.saturating_sub(unanswered)) {
            let message = Internal::PassivateIfIdleSince(sweep.then, self.asked.clone());
            // One that has gone in the meantime is not in memory.
            let _ = actor.cast(message.into());
        }
        let is_through = sweep.left.len() == 0
            || sweep.makes_room
                && !self.context.admission.wants_room()
                && !self.context.footprints.is_over();
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
