//! The locks that the code of a parked instance has left: they are given back.

use ractor::ActorProcessingErr;
use reenact_core::{Event, MessageId, Outbox};

use super::phase::{LeftLocks, Phase};
use super::state::InstanceState;
use crate::message::Internal;
use crate::run::Run;

impl InstanceState {
    /// Gives back the locks of a parked instance, once its last turns are durable: what is not durable was asked of
    /// nobody.
    pub(super) fn give_back_locks_later(&mut self) {
        let Phase::Parked(parked) = &mut self.phase else { return };
        parked.locks = LeftLocks::Unknown;
        self.shard.host.routes.deliver_in_order(&self.instance, Internal::GiveBackLocks.into());
    }

    /// Gives back the locks that the log of a parked instance has. That they have arrived is not recorded before the
    /// instance goes on; given back again, they change nothing.
    pub(super) async fn give_back_locks(&mut self) -> Result<(), ActorProcessingErr> {
        let summary = match &self.phase {
            Phase::Parked(parked) if !parked.reason.takes_nothing() => parked.summary(),
            _ => return Ok(()),
        };
        self.shard.everything_is_durable(&self.instance).await?;
        let turns = self.shard.log().history(&summary).await?;
        let outbox = turns.map(|turns| Outbox::of(self.instance.clone(), &turns));
        let left = outbox.ok().filter(|outbox| !outbox.giving_back_locks().is_empty());
        let Phase::Parked(parked) = &mut self.phase else { return Ok(()) };
        parked.locks = LeftLocks::None;
        if let Some(outbox) = left {
            parked.locks = LeftLocks::Left(Box::new(outbox));
            self.send_left_locks();
        }
        Ok(())
    }

    /// A message has arrived, or never will: the next one for the same instance can go.
    pub(super) fn lock_is_back(&mut self, message: MessageId) {
        let Phase::Parked(parked) = &mut self.phase else { return };
        let LeftLocks::Left(outbox) = &mut parked.locks else { return };
        drop(outbox.follow(&Event::MessagesDelivered { messages: vec![message], end: None }));
        if outbox.giving_back_locks().is_empty() {
            parked.locks = LeftLocks::None;
        }
        self.send_left_locks();
    }

    /// Sends a message again, if it still has not arrived.
    pub(super) fn send_lock_again(&self, message: MessageId, tries: u32) {
        let Phase::Parked(parked) = &self.phase else { return };
        let LeftLocks::Left(outbox) = &parked.locks else { return };
        if let Some(message) = outbox.message(message) {
            let run = Run::of_nothing(parked.summary.execution);
            self.shard.host.local_delivery.send(&self.instance, run, message.clone(), tries);
        }
    }

    /// Those that are under way already are not sent a second time.
    fn send_left_locks(&self) {
        let Phase::Parked(parked) = &self.phase else { return };
        let LeftLocks::Left(outbox) = &parked.locks else { return };
        let messages = outbox.giving_back_locks();
        messages.iter().for_each(|message| self.send_lock_again(message.id, 0));
    }
}
