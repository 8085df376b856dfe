//! The messages in one queue, in memory.

mod shared_queue;

pub(crate) use shared_queue::SharedQueue;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use reenact_core::Timestamp;

use crate::limits::{FULL_QUEUE_RETRY, MAX_QUEUED_MESSAGES, VISIBILITY_TIME};
use crate::{Delivery, DeliveryId, Message, ProviderError};

/// A queue in which a message is either waiting, or handed out and hidden for a while.
#[derive(Default)]
pub(crate) struct Queue {
    /// The messages by arrival, so that what comes back from its handler is in its old place again.
    waiting: BTreeMap<Arrival, Queued>,
    /// The messages that are handed out, by delivery.
    handed_out: BTreeMap<u64, HandedOut>,
    /// The deliveries, by the time at which they run out.
    ends: BTreeSet<(Timestamp, u64)>,
    /// The keys of all messages, waiting or handed out.
    keys: HashSet<String>,
    arrivals: u64,
    deliveries: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Arrival(u64);

struct Queued {
    attempts: u32,
    sent_at: Timestamp,
    message: Message,
}

struct HandedOut {
    arrival: Arrival,
    visible_again: Timestamp,
    queued: Queued,
}

impl Queue {
    /// Puts a message at the end, unless its key is in the queue. `Throttled` when it is full.
    pub(crate) fn push(&mut self, message: Message, now: Timestamp) -> Result<(), ProviderError> {
        if self.keys.contains(&message.key) {
            return Ok(());
        }
        if self.keys.len() >= MAX_QUEUED_MESSAGES {
            return Err(ProviderError::Throttled { retry_after: FULL_QUEUE_RETRY });
        }
        self.keys.insert(message.key.clone());
        self.arrivals += 1;
        self.waiting.insert(Arrival(self.arrivals), Queued { attempts: 0, sent_at: now, message });
        Ok(())
    }

    /// Hands out up to `limit` messages (0 counts as 1), oldest first.
    pub(crate) fn take(&mut self, limit: usize, now: Timestamp) -> Vec<Delivery> {
        self.take_back(now);
        let count = self.waiting.len().min(limit.max(1));
        let mut deliveries = Vec::with_capacity(count);
        while deliveries.len() < count
            && let Some((arrival, queued)) = self.waiting.pop_first()
        {
            deliveries.push(self.hand_out(arrival, queued, now));
        }
        deliveries
    }

    /// How many messages it has, those that are handed out included.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// When the oldest message was sent that nobody has in hand.
    pub(crate) fn oldest(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.take_back(now);
        self.waiting.first_key_value().map(|(_, queued)| queued.sent_at)
    }

    /// When the next message that is handed out becomes visible again.
    pub(crate) fn next_visible(&self) -> Option<Timestamp> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// Removes the message of a delivery, unless it has been handed out anew since.
    pub(crate) fn acknowledge(&mut self, delivery: DeliveryId) {
        if let Some(handed_out) = self.handed_out.remove(&delivery.0) {
            self.ends.remove(&(handed_out.visible_again, delivery.0));
            self.keys.remove(&handed_out.queued.message.key);
        }
    }

    /// Hides a delivered message for another visibility time. `Conflict` when the delivery has run
    /// out.
    pub(crate) fn extend(
        &mut self,
        delivery: DeliveryId,
        now: Timestamp,
    ) -> Result<(), ProviderError> {
        self.take_back(now);
        let Some(handed_out) = self.handed_out.get_mut(&delivery.0) else {
            let reason = format!("delivery {} has run out", delivery.0);
            return Err(ProviderError::Conflict { reason });
        };
        self.ends.remove(&(handed_out.visible_again, delivery.0));
        handed_out.visible_again = now + VISIBILITY_TIME;
        self.ends.insert((handed_out.visible_again, delivery.0));
        Ok(())
    }

    /// Makes visible what was handed out and not acknowledged in time.
    fn take_back(&mut self, now: Timestamp) {
        while let Some((end, delivery)) = self.ends.first().copied()
            && end <= now
        {
            self.ends.pop_first();
            if let Some(handed_out) = self.handed_out.remove(&delivery) {
                self.waiting.insert(handed_out.arrival, handed_out.queued);
            }
        }
    }

    fn hand_out(&mut self, arrival: Arrival, mut queued: Queued, now: Timestamp) -> Delivery {
        queued.attempts = queued.attempts.saturating_add(1);
        self.deliveries += 1;
        let delivery = Delivery {
            id: DeliveryId(self.deliveries),
            attempt: queued.attempts,
            message: queued.message.clone(),
        };
        let visible_again = now + VISIBILITY_TIME;
        self.ends.insert((visible_again, self.deliveries));
        self.handed_out.insert(self.deliveries, HandedOut { arrival, visible_again, queued });
        delivery
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use reenact_core::InstanceId;

    use super::*;

    fn message(key: usize) -> Message {
        let to = InstanceId::new("i").unwrap();
        Message { key: key.to_string(), to, bytes: Arc::from([]) }
    }

    #[test]
    fn a_full_queue_asks_for_patience_until_a_message_is_acknowledged() {
        let mut queue = Queue::default();
        for key in 0..MAX_QUEUED_MESSAGES {
            queue.push(message(key), Timestamp::EPOCH).unwrap();
        }
        let refused = queue.push(message(MAX_QUEUED_MESSAGES), Timestamp::EPOCH);
        assert!(matches!(refused, Err(ProviderError::Throttled { .. })));
        queue
            .push(message(0), Timestamp::EPOCH)
            .expect("a message that is in the queue already is no burden");

        let delivery = queue.take(1, Timestamp::EPOCH).remove(0);
        assert!(
            queue.push(message(MAX_QUEUED_MESSAGES), Timestamp::EPOCH).is_err(),
            "handed out is not gone"
        );
        queue.acknowledge(delivery.id);
        queue.push(message(MAX_QUEUED_MESSAGES), Timestamp::EPOCH).expect("there is room again");
    }

    #[test]
    fn a_message_that_comes_back_is_ahead_of_those_that_came_later() {
        let mut queue = Queue::default();
        queue.push(message(1), Timestamp::EPOCH).unwrap();
        queue.push(message(2), Timestamp::EPOCH).unwrap();
        queue.take(1, Timestamp::EPOCH);
        let keys = |deliveries: Vec<Delivery>| -> Vec<String> {
            deliveries.into_iter().map(|delivery| delivery.message.key).collect()
        };
        let later = Timestamp::EPOCH + VISIBILITY_TIME;
        assert_eq!(keys(queue.take(0, later)), ["1"]);
        assert_eq!(keys(queue.take(9, later)), ["2"]);
    }

    #[test]
    fn the_oldest_message_is_the_first_that_nobody_has_in_hand() {
        let (second, end) = (Duration::from_secs(1), Timestamp::EPOCH + VISIBILITY_TIME);
        let mut queue = Queue::default();
        assert_eq!(queue.oldest(Timestamp::EPOCH), None);
        queue.push(message(1), Timestamp::EPOCH).unwrap();
        queue.push(message(2), Timestamp::EPOCH + second).unwrap();
        assert_eq!(queue.oldest(Timestamp::EPOCH + second), Some(Timestamp::EPOCH));
        queue.take(1, Timestamp::EPOCH);
        assert_eq!(queue.oldest(Timestamp::EPOCH), Some(Timestamp::EPOCH + second));
        queue.take(1, end - second);
        assert_eq!(queue.oldest(end - second), None, "both are in hand");
        assert_eq!(queue.oldest(end), Some(Timestamp::EPOCH), "the first is not any more");
    }

    #[test]
    fn a_delivery_that_was_extended_outlives_later_ones() {
        let mut queue = Queue::default();
        queue.push(message(1), Timestamp::EPOCH).unwrap();
        queue.push(message(2), Timestamp::EPOCH).unwrap();
        let half = Timestamp::EPOCH + VISIBILITY_TIME / 2;
        let deliveries = queue.take(2, Timestamp::EPOCH);
        queue.extend(deliveries[0].id, half).unwrap();
        let end = Timestamp::EPOCH + VISIBILITY_TIME;
        assert_eq!(queue.take(2, end)[0].message.key, "2");
        assert_eq!(queue.next_visible(), Some(half + VISIBILITY_TIME));
        let late = queue.extend(deliveries[1].id, end);
        assert!(matches!(late, Err(ProviderError::Conflict { .. })), "{late:?}");
    }

    #[test]
    fn a_late_acknowledgement_leaves_the_newer_delivery_alone() {
        let mut queue = Queue::default();
        queue.push(message(1), Timestamp::EPOCH).unwrap();
        let late = queue.take(1, Timestamp::EPOCH).remove(0);
        let newer = queue.take(1, Timestamp::EPOCH + VISIBILITY_TIME).remove(0);
        queue.acknowledge(late.id);
        assert!(queue.next_visible().is_some(), "the newer handler still has it");
        queue.acknowledge(newer.id);
        assert!(queue.next_visible().is_none());
    }
}
