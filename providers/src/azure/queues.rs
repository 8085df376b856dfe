//! Messages on storage queues.

mod envelope;
mod payloads;
mod quarantine;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact_core::{ShardId, Timestamp};
use tokio::time::Instant;

use self::envelope::{Envelope, Unreadable};
use super::client::{Client, shard_name};
use super::members::Members;
use super::port::{PortError, PortErrorKind, QueueMessage};
use crate::limits::check_message;
use crate::{
    Backoff, Delivery, DeliveryId, Message, ProviderError, Quarantined, QueueOf, TimerScheduler,
    Waiting,
};

/// Most messages in one answer of the service.
const MAX_AT_ONCE: usize = 32;

/// The time until an empty queue is looked at again; each further one is twice as long, up to
/// [`LONGEST_PAUSE`]. A notice ends it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest time until an empty queue is looked at again, where no notice comes: a notice that was
/// missed delays a message by this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// The queues of a hub.
pub(super) struct Queues {
    client: Client,
    members: Arc<Members>,
    clock: Arc<dyn TimerScheduler>,
    hub: String,
    shards: u32,
    visibility: Duration,
    takes_large: bool,
    in_hand: Mutex<HashMap<u64, InHand>>,
    deliveries: AtomicU64,
    /// The times at which the payloads of each queue were last swept.
    swept: Mutex<HashMap<String, Instant>>,
}

/// A message that was delivered.
struct InHand {
    queue: String,
    id: String,
    receipt: String,
    /// The blob that holds it, where the queue only says which.
    payload: Option<String>,
    since: Instant,
}

impl Queues {
    pub(super) fn new(
        client: Client,
        members: Arc<Members>,
        clock: Arc<dyn TimerScheduler>,
        (hub, shards): (String, u32),
        visibility: Duration,
        takes_large: bool,
    ) -> Arc<Self> {
        let (in_hand, swept) = (Mutex::default(), Mutex::default());
        let deliveries = AtomicU64::new(0);
        Arc::new(Self {
            client,
            members,
            clock,
            hub,
            shards,
            visibility,
            takes_large,
            in_hand,
            deliveries,
            swept,
        })
    }

    /// How long a message that somebody has in hand is hidden from others.
    pub(super) const fn visibility(&self) -> Duration {
        self.visibility
    }

    /// Makes the queues of all shards.
    pub(super) async fn make(&self) -> Result<(), PortError> {
        for shard in (0..self.shards).map(ShardId) {
            let queue = self.name_of(&QueueOf::Shard(shard));
            self.client.patiently(|| self.client.port().create_queue(&queue)).await?;
        }
        Ok(())
    }

    fn name_of(&self, queue: &QueueOf) -> String {
        match queue {
            QueueOf::Shard(shard) => format!("{}-shard-{}", self.hub, shard_name(*shard)),
            // Names of queues take fewer characters than tags.
            QueueOf::Tag(tag) => {
                let digest = tag.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
                });
                format!("{}-tag-{digest:016x}", self.hub)
            }
        }
    }

    fn in_hand(&self) -> MutexGuard<'_, HashMap<u64, InHand>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of a shard that there is.
    pub(super) fn of_shard(&self, shard: ShardId) -> Result<QueueOf, ProviderError> {
        if shard.0 < self.shards {
            return Ok(QueueOf::Shard(shard));
        }
        let reason = format!("there is no shard {shard}, there are {}", self.shards);
        Err(ProviderError::Conflict { reason })
    }

    /// Puts a message into a queue. Durable when it returns.
    pub(super) async fn put(
        self: Arc<Self>,
        to: QueueOf,
        message: Message,
    ) -> Result<(), ProviderError> {
        check_message(&message, self.takes_large)?;
        let queue = self.name_of(&to);
        let envelope = Envelope::of(&message);
        let text = envelope.text();
        let send = async || match &text {
            Some(text) => self.client.port().send(&queue, text).await,
            None => self.send_in_blob(&queue, &envelope).await,
        };
        let sent = match self.client.send(&send).await {
            Err(error) if error.is_missing_queue() => {
                let made = self.client.patiently(|| self.client.port().create_queue(&queue)).await;
                made.map_err(PortError::into_provider_error)?;
                self.client.send(&send).await
            }
            sent => sent,
        };
        sent.map_err(PortError::into_provider_error)?;
        self.members.announce(&queue);
        Ok(())
    }

    /// Waits until there is something, and takes it.
    pub(super) async fn take(
        self: Arc<Self>,
        from: QueueOf,
        limit: usize,
    ) -> Result<Vec<Delivery>, ProviderError> {
        let queue = self.name_of(&from);
        let notice = self.members.notice(&queue);
        let backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut pause = backoff.first;
        loop {
            let noticed = notice.notified();
            tokio::pin!(noticed);
            noticed.as_mut().enable();

            let deliveries = self.take_what_is_there(&from, &queue, limit).await?;
            if !deliveries.is_empty() {
                return Ok(deliveries);
            }
            tokio::select! {
                biased;
                () = noticed => pause = backoff.first,
                () = tokio::time::sleep(pause) => pause = backoff.longer_than(pause),
            }
            // By now nothing can be hidden in the queue of a shard, which nobody else receives from.
            let is_quiet = pause == LONGEST_PAUSE && self.visibility <= LONGEST_PAUSE;
            if is_quiet && matches!(from, QueueOf::Shard(_)) {
                self.sweep_at_times(&queue).await;
            }
        }
    }

    async fn take_what_is_there(
        &self,
        from: &QueueOf,
        queue: &str,
        limit: usize,
    ) -> Result<Vec<Delivery>, ProviderError> {
        let limit = limit.clamp(1, MAX_AT_ONCE) as u32;
        let received = self.client.port().receive(queue, limit, self.visibility).await;
        let received = match received {
            // Nobody has sent anything yet, or an answer with messages was lost: they come again.
            Err(error) if error.is_missing_queue() => return Ok(Vec::new()),
            received => {
                received.map_err(PortError::of_reading).map_err(PortError::into_provider_error)?
            }
        };
        self.forget_old();
        let (mut deliveries, mut failed) = (Vec::with_capacity(received.len()), None);
        for message in received {
            match self.open(from, queue, message).await {
                Ok(delivery) => deliveries.extend(delivery),
                // It comes again; the others need not.
                Err(error) => {
                    tracing::warn!(target: "reenact::queue", parent: None, queue, %error, "a message could not be read to its end");
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) if deliveries.is_empty() => Err(error),
            _ => Ok(deliveries),
        }
    }

    /// The message in what a queue had; in quarantine if there is none.
    async fn open(
        &self,
        from: &QueueOf,
        queue: &str,
        received: QueueMessage,
    ) -> Result<Option<Delivery>, ProviderError> {
        let QueueMessage { id, receipt, attempt, text } = received;
        let envelope = Envelope::from_text(&text);
        // What is kept of it if there is no message in it.
        let mut raw = text.into_bytes();
        let (payload, envelope) = match envelope {
            Ok(Envelope::InBlob(blob)) => {
                let got = self.client.get(&blob, 0, None).await;
                let envelope = match got.map_err(PortError::into_provider_error)? {
                    Some(got) => {
                        raw = got.bytes;
                        Envelope::from_bytes(&raw)
                    }
                    None => Err(Unreadable(format!("its payload {blob} is not there"))),
                };
                (Some(blob), envelope)
            }
            envelope => (None, envelope),
        };
        let in_hand =
            InHand { queue: queue.to_owned(), id, receipt, payload, since: Instant::now() };
        match envelope.and_then(|envelope| envelope.message()) {
            Ok(message) => {
                let id = self.deliveries.fetch_add(1, Ordering::Relaxed) + 1;
                self.in_hand().insert(id, in_hand);
                Ok(Some(Delivery { id: DeliveryId(id), attempt, message }))
            }
            Err(Unreadable(reason)) => {
                let what = Quarantined {
                    queue: from.clone(),
                    message: None,
                    raw,
                    reason,
                    details: String::new(),
                    attempts: attempt,
                    at: self.clock.now(),
                };
                self.keep(what).await?;
                self.remove(in_hand).await?;
                Ok(None)
            }
        }
    }

    /// Removes a message for good, unless another has it in hand by now.
    async fn remove(&self, in_hand: InHand) -> Result<(), ProviderError> {
        let InHand { queue, id, receipt, payload, .. } = in_hand;
        let port = self.client.port();
        match self.client.patiently(|| port.remove(&queue, &id, &receipt)).await {
            Err(error) if error.is_unmet() => return Ok(()),
            Err(error) if matches!(error.kind, PortErrorKind::NotFound { .. }) => {}
            removed => removed.map_err(PortError::into_provider_error)?,
        }
        // Only now: nobody receives it any more.
        match payload {
            Some(blob) => {
                let deleted = self.client.delete(&blob, false).await;
                deleted.map_err(PortError::into_provider_error)
            }
            None => Ok(()),
        }
    }

    /// Removes a delivered message for good.
    pub(super) async fn done(self: Arc<Self>, delivery: DeliveryId) -> Result<(), ProviderError> {
        let in_hand = self.in_hand().remove(&delivery.0);
        match in_hand {
            Some(in_hand) => self.remove(in_hand).await,
            None => Ok(()),
        }
    }

    /// Hides a delivered message for another while.
    pub(super) async fn hide_longer(
        self: Arc<Self>,
        delivery: DeliveryId,
    ) -> Result<(), ProviderError> {
        let known = {
            let in_hand = self.in_hand();
            let known = in_hand.get(&delivery.0);
            known.map(|known| (known.queue.clone(), known.id.clone(), known.receipt.clone()))
        };
        let run_out = || ProviderError::Conflict { reason: "the delivery has run out".to_owned() };
        let (queue, id, receipt) = known.ok_or_else(run_out)?;
        // Not tried again: after an answer that was lost, the receipt is another.
        match self.client.port().extend(&queue, &id, &receipt, self.visibility).await {
            Ok(receipt) => {
                if let Some(known) = self.in_hand().get_mut(&delivery.0) {
                    known.receipt = receipt;
                    known.since = Instant::now();
                }
                Ok(())
            }
            Err(error) if error.is_unmet() => Err(run_out()),
            Err(error) if matches!(error.kind, PortErrorKind::NotFound { .. }) => Err(run_out()),
            Err(error) => Err(error.into_provider_error()),
        }
    }

    /// What the queues of all shards have. A request for each, and one more for each that is not empty.
    pub(super) async fn waiting(self: Arc<Self>) -> Result<Waiting, ProviderError> {
        let mut waiting = Waiting::default();
        for shard in (0..self.shards).map(ShardId) {
            match self.waiting_for(shard).await {
                Err(error) if error.is_missing_queue() => {}
                queue => {
                    let (messages, oldest) = queue.map_err(PortError::into_provider_error)?;
                    waiting.add(shard, messages, oldest);
                }
            }
        }
        Ok(waiting)
    }

    async fn waiting_for(&self, shard: ShardId) -> Result<(u64, Option<Timestamp>), PortError> {
        let (queue, port) = (self.name_of(&QueueOf::Shard(shard)), self.client.port());
        let messages = self.client.patiently(|| port.queue_length(&queue)).await?;
        if messages == 0 {
            return Ok((0, None));
        }
        Ok((messages, self.client.patiently(|| port.oldest_message(&queue)).await?))
    }

    /// What was delivered long ago is in other hands.
    fn forget_old(&self) {
        let old = self.visibility * 4;
        self.in_hand().retain(|_, in_hand| in_hand.since.elapsed() < old);
    }
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues").field("hub", &self.hub).finish_non_exhaustive()
    }
}
