//! A scenario in which a provider does everything on a hub while requests fail, and records its answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reenact_core::{InstanceId, Name, ShardId, Timestamp};
use reenact_providers::azure::port::StoragePort;
use reenact_providers::azure::{Azure, AzureOptions};
use reenact_providers::limits::{SHORTEST_LEASE_TIME, SHORTEST_VISIBILITY_TIME};
use reenact_providers::{
    Batch, Delivery, DeliveryId, ExternalEventRouter, HistoryStore, InstanceState, InstanceSummary,
    Lease, ManualClock, Message, ProviderError, Quarantined, QueueOf, ShardLease, Sharing,
    TurnRecord,
};

use crate::record::{Fate, Record, written};

/// How often a step is tried. One failure of whatever kind stops nothing for longer.
const TRIES: usize = 5;

/// How often it is looked whether what only time can change has changed.
const LOOKS: usize = 200;

/// The time between two of these looks. Leases and visibility have a clock of their own.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a receiver waits before it takes a queue for empty and lets the deliveries run out.
const EMPTY_AFTER: Duration = Duration::from_millis(300);

/// Of segments that have room for one append.
pub(crate) const ONE_APPEND: u64 = 2_048;

/// A message that has no room in a queue.
const LARGE: usize = 100 * 1024;

/// What was done to a provider, as far as promises depend on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promise {
    /// The service says of what is there that it is not so.
    pub(crate) is_false: bool,
    /// What became of a request was not said.
    pub(crate) is_lossy: bool,
}

/// Where a hub is.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) port: Arc<dyn StoragePort>,
    pub(crate) hub: String,
    pub(crate) clock: ManualClock,
    pub(crate) segment_bytes: u64,
    /// How much comes together before it is passed on to the archive.
    pub(crate) flush_bytes: usize,
}

impl Ground {
    /// Segments have room for one append, and each commit is passed on to the archive.
    pub(crate) fn new(port: Arc<dyn StoragePort>, hub: &str, clock: ManualClock) -> Self {
        let (hub, segment_bytes, flush_bytes) = (hub.to_owned(), ONE_APPEND, 1);
        Self { port, hub, clock, segment_bytes, flush_bytes }
    }

    pub(crate) fn options(&self) -> AzureOptions {
        let mut options = AzureOptions::new()
            .shards(2)
            .clock(self.clock.clone())
            .lease_time(SHORTEST_LEASE_TIME)
            .visibility_time(SHORTEST_VISIBILITY_TIME)
            .first_pause(Duration::from_micros(50));
        options = options.flush_bytes(self.flush_bytes);
        options = options.segment_bytes(self.segment_bytes, self.segment_bytes);
        options
    }

    pub(crate) async fn open(&self) -> Azure {
        let mut refused = Vec::new();
        for _ in 0..TRIES {
            match self.options().open(Arc::clone(&self.port), &self.hub).await {
                Ok(provider) => return provider,
                Err(error) => refused.push(error),
            }
        }
        panic!("it cannot be opened: {refused:?}");
    }
}

/// A program that works with a provider and keeps a record of its answers.
pub(crate) struct Life {
    ground: Ground,
    pub(crate) provider: Azure,
    leases: [Option<Lease>; 2],
    pub(crate) record: Record,
}

impl Life {
    pub(crate) async fn begin(ground: Ground, record: Record) -> Self {
        let provider = ground.open().await;
        let mut life = Self { ground, provider, leases: [None, None], record };
        for shard in 0..2 {
            life.acquire(shard).await;
        }
        life
    }

    /// Does all of it, on a service that behaves as `was` says. What a second provider has recorded in the end.
    pub(crate) async fn live(ground: Ground, was: &Promise) -> Record {
        let was_misled = was.is_false && was.is_lossy;
        let mut life = Self::begin(ground.clone(), Record::default()).await;
        life.record.was_misled = was_misled;
        for _ in 0..3 {
            life.append(0, "a", InstanceState::Running).await;
            life.append(1, "b", InstanceState::Running).await;
        }
        life.append(0, "over", InstanceState::Completed).await;
        life.purge(0, "over").await;
        life.messages().await;
        life.tag().await;
        life.quarantine().await;
        life.be_a_host().await;
        life.release().await;
        let record = life.record;
        drop(life.provider);

        let mut next = Self::begin(ground, record).await;
        next.append(0, "a", InstanceState::Running).await;
        next.append(1, "b", InstanceState::Running).await;
        next.record
    }

    pub(crate) fn id(shard: usize, label: &str) -> InstanceId {
        let mut ids = (0..).map(|n| InstanceId::new(format!("{label}-{n}")).unwrap());
        ids.find(|id| ShardId::of(id, 2).0 as usize == shard).unwrap()
    }

    /// A shard that a life before had is free once that is taken for dead.
    pub(crate) async fn acquire(&mut self, shard: usize) {
        if let Some(lease) = self.leases[shard].take() {
            // Whatever becomes of it, the next owner is this one.
            let _ = self.provider.release(&lease).await;
        }
        let mut refused = Vec::new();
        for _ in 0..LOOKS {
            match self.provider.acquire(ShardId(shard as u32), "owner").await {
                Ok(lease) => {
                    self.leases[shard] = Some(lease);
                    return;
                }
                Err(error) => {
                    let is_held = matches!(error, ProviderError::Conflict { .. });
                    if is_held || refused.len() > TRIES {
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                    refused.push(error);
                }
            }
        }
        panic!("shard {shard} cannot be acquired: {:?}", refused.last());
    }

    /// Until a batch of two turns is there.
    pub(crate) async fn append(&mut self, shard: usize, label: &str, state: InstanceState) {
        let instance = Self::id(shard, label);
        for _ in 0..TRIES {
            let from = self.length(&instance).await;
            if self.record.settle(&instance, from) {
                return;
            }
            if self.try_append(shard, &instance, from, state).await == Fate::Acknowledged {
                return;
            }
            // The log says what is there.
            self.acquire(shard).await;
        }
        panic!("nothing can be appended: {:?}", self.record);
    }

    /// Appends a batch of two turns once.
    pub(crate) async fn try_append(
        &mut self,
        shard: usize,
        instance: &InstanceId,
        from: u64,
        state: InstanceState,
    ) -> Fate {
        let attempt = self.record.attempt(instance, from);
        let batch = self.batch(shard, instance, attempt, from, state);
        let fate = match self.provider.append(batch.into()).await {
            Ok(_) => Fate::Acknowledged,
            Err(ProviderError::Unknown { .. }) => Fate::Doubtful,
            Err(_) => Fate::Refused,
        };
        self.record.ends(attempt, fate);
        fate
    }

    /// Asks whether the shard is still held, and nothing else.
    pub(crate) async fn append_nothing(&self, shard: usize) -> Result<(), ProviderError> {
        let Lease { shard, epoch, .. } = self.leases[shard].clone().unwrap();
        self.provider.append(Batch { shard, epoch, turns: Vec::new() }.into()).await.map(drop)
    }

    fn batch(
        &self,
        shard: usize,
        instance: &InstanceId,
        attempt: usize,
        from: u64,
        state: InstanceState,
    ) -> Batch {
        let turn = |number: u64| TurnRecord {
            number,
            bytes: Arc::from(written(attempt, number)),
            summary: InstanceSummary {
                instance: instance.clone(),
                execution: reenact_core::ExecutionId::FIRST,
                name: Name::new("orchestration").unwrap(),
                state: if number == from { InstanceState::Running } else { state },
                created_at: Timestamp::from_micros(1),
                updated_at: Timestamp::from_micros(2 + number),
                turns: number + 1,
                events: number + 1,
                wake_at: None,
                attributes: reenact_core::Attributes::default(),
            },
            has_drawn_id: false,
            keep: 0,
        };
        let Lease { shard, epoch, .. } = self.leases[shard].clone().unwrap();
        Batch { shard, epoch, turns: vec![turn(from), turn(from + 1)] }
    }

    async fn length(&self, instance: &InstanceId) -> u64 {
        let summary = self.until_done(async || self.provider.summary(instance).await).await;
        summary.map_or(0, |summary| summary.turns)
    }

    async fn until_done<T>(&self, mut step: impl AsyncFnMut() -> Result<T, ProviderError>) -> T {
        let (mut refused, mut looks) = (Vec::new(), 0);
        while refused.len() < TRIES && looks < LOOKS {
            match step().await {
                Ok(done) => return done,
                // The machine was so slow that this provider was not heard of for a lease time, or its sign of life was
                // refused. A host renews its leases then, and hears of those that are lost.
                Err(ProviderError::Unavailable { reason, source: None })
                    if reason.contains("is still held is not known") =>
                {
                    looks += 1;
                    for lease in self.leases.iter().flatten() {
                        let _ = self.provider.renew(lease).await;
                    }
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(error) => refused.push(error),
            }
        }
        panic!("it fails again and again: {refused:?}, {looks} looks");
    }

    async fn purge(&mut self, shard: usize, label: &str) {
        let instance = Self::id(shard, label);
        for _ in 0..TRIES {
            let lease = self.leases[shard].clone().unwrap();
            let purged = self.provider.purge(std::slice::from_ref(&instance), &lease).await;
            match purged {
                Ok(_) => return self.record.purged(instance),
                Err(_) => self.acquire(shard).await,
            }
        }
        panic!("it cannot be purged");
    }

    /// Each try is another message: so it is known which of them have come.
    pub(crate) async fn send(&mut self, key: &str, size: usize, to: &QueueOf) {
        for attempt in 0..TRIES {
            let key = format!("{key}-{attempt}");
            let to_id = Self::id(0, "a");
            let bytes = Arc::from(vec![7; size]);
            let message = Message { key: key.clone(), to: to_id, bytes };
            let sent = match to {
                QueueOf::Shard(shard) => self.provider.send(*shard, message).await,
                QueueOf::Tag(tag) => self.provider.send_to(tag, message).await,
            };
            match sent {
                Ok(()) => {
                    self.record.expected.insert(key);
                    return;
                }
                Err(ProviderError::Unknown { .. }) => {}
                Err(_) => {
                    self.record.refused.insert(key);
                }
            }
        }
        panic!("nothing can be sent");
    }

    /// Until all that is expected has come. Tells what came, without an acknowledgement.
    pub(crate) async fn receive(&mut self, from: &QueueOf) -> Vec<Delivery> {
        let mut came: Vec<Delivery> = Vec::new();
        for _ in 0..LOOKS {
            let keys: BTreeSet<&String> = came.iter().map(|d| &d.message.key).collect();
            if self.record.expected.iter().all(|key| keys.contains(key)) {
                return came;
            }
            let receiving = async {
                match from {
                    QueueOf::Shard(shard) => self.provider.receive(*shard, 8).await,
                    QueueOf::Tag(tag) => self.provider.receive_from(tag, 8).await,
                }
            };
            match tokio::time::timeout(EMPTY_AFTER, receiving).await {
                Ok(Ok(deliveries)) => {
                    for delivery in deliveries {
                        self.record.came(&delivery.message.key);
                        came.push(delivery);
                    }
                }
                Ok(Err(_)) => {}
                // An answer was lost, with deliveries: they come again.
                Err(_) => {
                    self.ground.clock.advance(Duration::from_secs(60));
                    self.look_into_quarantine().await;
                }
            }
        }
        panic!("{:?} have not come", self.record.expected);
    }

    /// Where the service says falsely that a payload is not there, the message is kept.
    async fn look_into_quarantine(&mut self) {
        let Ok(kept) = self.provider.quarantined(None, 10).await else { return };
        if kept.iter().any(|(_, what)| what.reason.contains("is not there")) {
            self.record.expected.retain(|key| !key.starts_with("large"));
            self.record.was_kept = true;
        }
    }

    async fn acknowledge(&mut self, from: &QueueOf, key: &str, id: DeliveryId) {
        let acknowledged = match from {
            QueueOf::Shard(shard) => self.provider.acknowledge(*shard, id).await,
            QueueOf::Tag(tag) => self.provider.acknowledge_from(tag, id).await,
        };
        self.record.expected.remove(key);
        if acknowledged.is_ok() {
            self.record.gone.insert(key.to_owned());
        }
    }

    async fn messages(&mut self) {
        let queue = QueueOf::Shard(ShardId(0));
        self.send("small", 10, &queue).await;
        self.send("large", LARGE, &queue).await;
        for Delivery { id, message, .. } in self.receive(&queue).await {
            self.acknowledge(&queue, &message.key, id).await;
        }
    }

    async fn tag(&mut self) {
        let tag = Name::new("tag").unwrap();
        let queue = QueueOf::Tag(tag.clone());
        self.send("tagged", 10, &queue).await;
        for Delivery { id, message, .. } in self.receive(&queue).await {
            let extended = self.provider.extend(&tag, id).await;
            self.acknowledge(&queue, &message.key, id).await;
            if extended.is_err() {
                // Under which receipt it is in hand is not known.
                self.record.gone.remove(&message.key);
            }
        }
    }

    async fn quarantine(&mut self) {
        let what = Quarantined {
            queue: QueueOf::Shard(ShardId(1)),
            message: None,
            raw: b"rotten".to_vec(),
            reason: "it smells".to_owned(),
            details: String::new(),
            attempts: 3,
            at: Timestamp::from_micros(5),
        };
        self.until_done(async || self.provider.quarantine(what.clone()).await).await;
        // What is said not to be there may have been discarded by another: it is not in the list then.
        let mut ours = Vec::new();
        for _ in 0..TRIES {
            let kept = self.until_done(async || self.provider.quarantined(None, 10).await).await;
            let found = kept.into_iter().filter(|(_, kept)| *kept == what);
            ours = found.map(|(id, _)| id).collect();
            if !ours.is_empty() {
                break;
            }
        }
        assert!(!ours.is_empty(), "what was put into quarantine is there");
        for id in &ours[1..] {
            self.until_done(async || self.provider.discard(id).await).await;
        }
    }

    async fn be_a_host(&mut self) {
        let join = async || self.provider.join("host").await;
        let membership = self.until_done(join).await;
        self.until_done(async || membership.leave().await).await;
    }

    async fn release(&mut self) {
        for lease in self.leases.iter_mut().filter_map(Option::take) {
            // Others get it in any case, sooner or later.
            let _ = self.provider.release(&lease).await;
        }
    }

    /// All that was sent has come; what was acknowledged is gone.
    ///
    /// Where answers were lost, a message may be in the queue twice: the second one comes as if it were
    /// the first. Where the service said falsely that a delivery had run out, it comes again.
    pub(crate) async fn check_messages(&mut self, queue: &QueueOf, was: &Promise) {
        self.ground.clock.advance(Duration::from_secs(60));
        self.send("marker", 10, queue).await;
        for Delivery { id, message, attempt } in self.receive(queue).await {
            if self.record.gone.contains(&message.key) {
                let may_be_second = was.is_lossy && attempt == 1;
                assert!(may_be_second || was.is_false, "{} was acknowledged", message.key);
            }
            self.acknowledge(queue, &message.key, id).await;
        }
    }

    /// The shards go on.
    pub(crate) async fn check_writable(&mut self) {
        self.append(0, "a", InstanceState::Running).await;
        self.append(1, "b", InstanceState::Running).await;
        self.record.check(&self.provider).await;
    }

    pub(crate) async fn provider_length(&self, instance: &InstanceId) -> u64 {
        self.length(instance).await
    }

    /// As [`check_writable`](Self::check_writable), without what only a whole life leaves in the hub.
    pub(crate) async fn check_writable_alone(&mut self) {
        self.append(0, "a", InstanceState::Running).await;
        self.append(1, "b", InstanceState::Running).await;
        self.record.check_histories(&self.provider).await;
    }
}
