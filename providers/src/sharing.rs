//! What a store offers that several hosts share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::{Name, ShardId, Timestamp};
use serde::Serialize;
use tokio::sync::watch;

use crate::{Delivery, DeliveryId, ExternalEventRouter, Message, ProviderError};

/// Lets several hosts share the shards of one store, hand each other activities, and keep what
/// nobody can take.
#[async_trait]
pub trait Sharing: Send + Sync + 'static {
    /// The queues of the shards: what other hosts, and clients without a host, send to the owner of a shard.
    fn router(&self) -> Arc<dyn ExternalEventRouter>;

    /// Makes a host one of those that share the shards. The name is for people; two hosts may have
    /// the same.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn join(&self, host: &str) -> Result<Arc<dyn Membership>, ProviderError>;

    /// Puts an activity into the queue of a tag, for the hosts that declare it. Durable when it
    /// returns. At least once: a message that is sent again may be delivered again.
    ///
    /// # Errors
    /// As those of [`ExternalEventRouter::send`](crate::ExternalEventRouter::send).
    async fn send_to(&self, tag: &Name, message: Message) -> Result<(), ProviderError>;

    /// Waits until the queue of a tag has messages that nobody has in hand, and takes up to `limit`
    /// of them (0 counts as 1). One that is neither acknowledged nor extended within the visibility
    /// time is delivered again, to any host. Cancelling the call loses nothing.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn receive_from(&self, tag: &Name, limit: usize) -> Result<Vec<Delivery>, ProviderError>;

    /// How long a delivered message of a tag is hidden from others, unless it is extended.
    fn visibility_time(&self) -> Duration;

    /// Hides a delivered message for another visibility time, counted from now.
    ///
    /// # Errors
    /// - `Conflict`: the delivery has run out; the message may be in other hands.
    async fn extend(&self, tag: &Name, delivery: DeliveryId) -> Result<(), ProviderError>;

    /// Removes a delivered message of a tag for good. Doing it again, or for a delivery that has run
    /// out, is no error.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn acknowledge_from(&self, tag: &Name, delivery: DeliveryId)
    -> Result<(), ProviderError>;

    /// Keeps a message that can never be taken where people can look at it. Durable when it returns;
    /// the delivery is to be acknowledged then. The same message may be there twice.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn quarantine(&self, what: Quarantined) -> Result<(), ProviderError>;

    /// Returns up to `limit` of the messages in quarantine after `after`, ordered by their ids.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn quarantined(
        &self,
        after: Option<&QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError>;

    /// Removes a message from quarantine for good. One that is not there is no error.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError>;

    /// What is in the queues of all shards. Takes nothing of it. `None` where that is not known, which is the
    /// default.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn waiting(&self) -> Result<Option<Waiting>, ProviderError> {
        Ok(None)
    }

    /// The hosts that share the shards, for people, ordered by their ids. Changes nothing. It may be a moment
    /// old. The default knows none.
    ///
    /// # Errors
    /// The errors of the medium.
    async fn hosts(&self) -> Result<Vec<SharingHost>, ProviderError> {
        Ok(Vec::new())
    }
}

/// What is in the queues of all shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many messages, those in hand included: never fewer than there are.
    pub messages: u64,
    /// The oldest of those that nobody has in hand, if there is one.
    pub oldest: Option<OldestMessage>,
}

/// The message that waits longest, of those that nobody has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldestMessage {
    /// The shard in whose queue it is.
    pub shard: ShardId,
    /// When it was sent, by the clock of the store.
    pub sent_at: Timestamp,
}

impl Waiting {
    /// Adds the queue of one more shard: how many messages it has, and when the oldest was sent that nobody has in
    /// hand.
    pub fn add(&mut self, shard: ShardId, messages: u64, oldest: Option<Timestamp>) {
        self.messages += messages;
        let oldest = oldest.map(|sent_at| OldestMessage { shard, sent_at });
        self.oldest = self.oldest.into_iter().chain(oldest).min_by_key(|oldest| oldest.sent_at);
    }
}

/// A host as one of those that share the shards, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SharingHost {
    /// Names it among them.
    pub id: String,
    /// The name that it has given itself. Two hosts may have the same.
    pub name: String,
    /// Whether it lives, as far as is known. One that has died is there until the others have noticed.
    pub is_alive: bool,
    /// The shards that it has, or is to have.
    pub shards: Vec<ShardId>,
}

/// A host as one of those that share the shards. Dropping it leaves as a crash would.
#[async_trait]
pub trait Membership: Send + Sync + 'static {
    /// The shards that this host is to have now. It changes when hosts join, leave or die, and is
    /// empty for one that was taken for dead, until it is back. Whether the host has a shard is
    /// another matter: it acquires and releases them.
    fn share(&self) -> watch::Receiver<BTreeSet<ShardId>>;

    /// Leaves at once, so that the others need not wait until this host is taken for dead. Release
    /// the shards before.
    ///
    /// # Errors
    /// The errors of the medium. The others find out by themselves then.
    async fn leave(&self) -> Result<(), ProviderError>;
}

/// Names one message in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuarantineId(pub String);

/// A message that can never be taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The queue that it came from.
    pub queue: QueueOf,
    /// The message; `None` when what was in the queue is no message at all.
    pub message: Option<Message>,
    /// What was in the queue, where it is no message.
    pub raw: Vec<u8>,
    /// Why it cannot be taken, for people.
    pub reason: String,
    /// The same for the program that sent it, where that can know it by type; otherwise empty. At most
    /// [`MAX_QUARANTINE_DETAILS_BYTES`](crate::limits::MAX_QUARANTINE_DETAILS_BYTES) of printable ASCII. Opaque to
    /// stores, which give it back as it was, or empty where they have kept none.
    pub details: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// The time at which it came into quarantine.
    pub at: Timestamp,
}

/// The kind of queue that something is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueOf {
    /// The queue of the owner of a shard.
    Shard(ShardId),
    /// The queue of the hosts that declare a tag.
    Tag(Name),
}

/// Who is to have which shard: as it is, but for what is in excess or belongs to nobody. All hosts
/// that see the same come to the same result, so they need no coordinator. No host has two more than
/// another.
///
/// `hosts` are those that live; `owned` says who has which shard now, dead hosts included.
pub fn balance<H: Ord + Clone>(
    shards: u32,
    hosts: &BTreeSet<H>,
    owned: &BTreeMap<ShardId, H>,
) -> BTreeMap<ShardId, H> {
    let mut balanced = BTreeMap::new();
    let Ok(count @ 1..) = u32::try_from(hosts.len()) else { return balanced };
    let (each, more) = (shards / count, shards % count);
    let mut of: BTreeMap<&H, Vec<ShardId>> = hosts.iter().map(|host| (host, Vec::new())).collect();
    for (shard, host) in owned.iter().filter(|(shard, _)| shard.0 < shards) {
        if let Some(theirs) = of.get_mut(host) {
            theirs.push(*shard);
        }
    }
    // Who has more than the others may keep one more, so that as few as possible move.
    let mut by_wealth: Vec<&H> = hosts.iter().collect();
    by_wealth.sort_by_key(|host| std::cmp::Reverse(of[host].len()));
    let quotas = (0..).zip(&by_wealth).map(|(rank, host)| (*host, each + u32::from(rank < more)));
    let quotas: BTreeMap<&H, usize> = quotas.map(|(host, quota)| (host, quota as usize)).collect();
    for (host, theirs) in &of {
        let kept = theirs.iter().take(quotas[host]);
        balanced.extend(kept.map(|shard| (*shard, (*host).clone())));
    }
    let mut free = (0..shards).map(ShardId).filter(|shard| !balanced.contains_key(shard));
    let free: Vec<ShardId> = free.by_ref().collect();
    let mut free = free.into_iter();
    for (host, quota) in quotas {
        let missing = quota.saturating_sub(of[host].len());
        balanced.extend(free.by_ref().take(missing).map(|shard| (shard, host.clone())));
    }
    balanced
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(names: &[&'static str]) -> BTreeSet<&'static str> {
        names.iter().copied().collect()
    }

    fn counts<'a>(balanced: &BTreeMap<ShardId, &'a str>, hosts: &BTreeSet<&'a str>) -> Vec<usize> {
        let of = |host| balanced.values().filter(|owner| *owner == host).count();
        hosts.iter().map(of).collect()
    }

    #[test]
    fn nobody_has_nothing() {
        assert_eq!(balance(4, &hosts(&[]), &BTreeMap::new()), BTreeMap::new());
    }

    #[test]
    fn a_host_that_joins_gets_its_part_and_the_rest_stays() {
        let alone = balance(16, &hosts(&["a"]), &BTreeMap::new());
        assert_eq!(alone.len(), 16);
        let both = balance(16, &hosts(&["a", "b"]), &alone);
        assert_eq!(counts(&both, &hosts(&["a", "b"])), [8, 8]);
        assert!(both.iter().filter(|(_, owner)| **owner == "a").all(|(s, _)| alone[s] == "a"));
    }

    #[test]
    fn what_a_dead_host_had_goes_to_the_others_and_nothing_else_moves() {
        let three = balance(16, &hosts(&["a", "b", "c"]), &BTreeMap::new());
        let two = balance(16, &hosts(&["a", "c"]), &three);
        assert_eq!(counts(&two, &hosts(&["a", "c"])), [8, 8]);
        let stayed = three.iter().filter(|(_, owner)| **owner != "b");
        assert!(stayed.into_iter().all(|(shard, owner)| two[shard] == *owner));
    }

    proptest! {
        #[test]
        fn every_shard_has_one_host_and_nothing_moves_twice(
            shards in 1_u32..40,
            live in prop::collection::btree_set(0_u8..6, 1..6),
            owned in prop::collection::btree_map((0_u32..40).prop_map(ShardId), 0_u8..6, 0..40),
        ) {
            let balanced = balance(shards, &live, &owned);
            prop_assert!(balanced.keys().copied().eq((0..shards).map(ShardId)));
            prop_assert!(balanced.values().all(|host| live.contains(host)));
            let of = |host| balanced.values().filter(|owner| **owner == host).count();
            let (least, most) = (live.iter().map(|h| of(*h)).min(), live.iter().map(|h| of(*h)).max());
            prop_assert!(most.unwrap() - least.unwrap() <= 1);
            prop_assert_eq!(balance(shards, &live, &balanced), balanced);
        }
    }
}
