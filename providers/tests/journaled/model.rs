//! A store of journals and an archive shows what the reference model shows, whatever is done to both.

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::{
    Batch, HistoryStore, InMemory, InstanceFilter, InstanceState, InstanceSummary, Lease,
    ManualClock, PageRequest, ShardLease, TimeRange, TurnRecord,
};

use super::{Disks, Histories, Store};

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

/// The same is done to both.
struct Both {
    disks: Disks,
    /// `None` while nobody has it open.
    store: Option<Store>,
    model: InMemory,
    leases: Vec<[Lease; 2]>,
    random: Random,
}

impl Both {
    async fn new(seed: u64, flush_bytes: usize) -> Self {
        let disks = Disks::new(ManualClock::default(), flush_bytes);
        let store = disks.store();
        let model = InMemory::new().with_shards(3).with_clock(disks.clock.clone());
        let random = Random(seed | 1);
        let store = Some(store);
        let mut both = Self { disks, store, model, leases: Vec::new(), random };
        both.acquire().await;
        both
    }

    fn ours(&self) -> &Histories {
        &self.store.as_ref().unwrap().histories
    }

    async fn acquire(&mut self) {
        self.leases.clear();
        for shard in (0..3).map(ShardId) {
            let ours = self.ours().acquire(shard, "test").await.unwrap();
            self.leases.push([ours, self.model.acquire(shard, "test").await.unwrap()]);
        }
    }

    async fn release(&self) {
        for [ours, models] in &self.leases {
            self.ours().release(ours).await.unwrap();
            self.model.release(models).await.unwrap();
        }
    }

    /// One of forty, which share prefixes.
    fn some_instance(&mut self) -> InstanceId {
        InstanceId::new(format!("{}-{}", self.random.below(2), self.random.below(20))).unwrap()
    }

    async fn append_something(&mut self) {
        let instance = self.some_instance();
        let shard = ShardId::of(&instance, 3);
        let stored = self.model.summary(&instance).await.unwrap();
        let state = match self.random.below(4) {
            0 => InstanceState::Completed,
            1 => InstanceState::Failed,
            _ => InstanceState::Running,
        };
        let mut summary = stored.unwrap_or_else(|| InstanceSummary {
            instance,
            execution: ExecutionId::FIRST,
            name: Name::new(["pay", "ship"][self.random.below(2) as usize]).unwrap(),
            state,
            created_at: Timestamp::from_micros(self.random.below(50)),
            updated_at: Timestamp::EPOCH,
            turns: 0,
            events: 0,
            wake_at: None,
            attributes: reenact_core::Attributes::default(),
        });
        if summary.turns > 0 && self.random.below(8) == 0 {
            summary.execution = ExecutionId(summary.execution.0 + 1);
            summary.turns = 0;
        }
        summary.state = state;
        summary.updated_at = Timestamp::from_micros(50 + self.random.below(50));
        summary.wake_at =
            (self.random.below(3) == 0).then(|| Timestamp::from_micros(self.random.below(9)));
        let mut turns = Vec::new();
        let keep = self.random.below(4) as u32;
        for _ in 0..=self.random.below(4) {
            let number = summary.turns;
            summary.turns += 1;
            summary.events += self.random.below(3);
            let bytes = vec![self.random.below(256) as u8; self.random.below(60) as usize].into();
            turns.push(TurnRecord {
                number,
                bytes,
                summary: summary.clone(),
                has_drawn_id: false,
                keep,
            });
        }
        let [ours, models] = &self.leases[shard.0 as usize];
        let batch = |lease: &Lease| Batch { shard, epoch: lease.epoch, turns: turns.clone() };
        let _ = self.ours().append(batch(ours).into()).await.unwrap();
        let _ = self.model.append(batch(models).into()).await.unwrap();
    }

    async fn purge_something(&mut self) {
        let instance = self.some_instance();
        let [ours, models] = &self.leases[ShardId::of(&instance, 3).0 as usize];
        let purged = self.ours().purge(std::slice::from_ref(&instance), ours).await;
        let expected = self.model.purge(&[instance], models).await;
        assert_eq!(purged.ok(), expected.ok());
    }

    async fn reopen(&mut self) {
        self.release().await;
        if self.random.below(2) == 0 {
            self.store = None;
            self.disks.crash();
            self.store = Some(self.disks.store());
        }
        self.acquire().await;
    }

    fn some_filter(&mut self) -> InstanceFilter {
        let mut filter = InstanceFilter::new();
        if self.random.below(2) == 0 {
            filter.states = vec![InstanceState::Completed, InstanceState::Failed];
            filter.states.truncate(1 + self.random.below(2) as usize);
        }
        if self.random.below(3) == 0 {
            filter.name = Some(Name::new("pay").unwrap());
        }
        if self.random.below(3) == 0 {
            filter.id_prefix = Some("1-1".to_owned());
        }
        let mut range = |from: u64| TimeRange {
            from: (self.random.below(3) == 0).then(|| Timestamp::from_micros(from + 10)),
            until: (self.random.below(3) == 0).then(|| Timestamp::from_micros(from + 40)),
        };
        (filter.created, filter.finished) = (range(0), range(50));
        filter
    }

    async fn compare(&mut self) {
        let filter = self.some_filter();
        let (limit, instance) = (1 + self.random.below(9) as usize, self.some_instance());
        let (ours, model) = (self.ours(), &self.model);
        let counted = ours.count(&filter).await.unwrap();
        assert_eq!(counted, model.count(&filter).await.unwrap(), "{filter:?}");
        let mut page = PageRequest::new().limit(limit);
        loop {
            let listed = ours.list(&filter, &page).await.unwrap();
            assert_eq!(listed, model.list(&filter, &page).await.unwrap(), "{filter:?} {page:?}");
            if listed.next.is_none() {
                break;
            }
            page.after = listed.next;
        }
        for [lease, models] in &self.leases {
            let recovered = ours.recover(lease).await.unwrap();
            assert_eq!(recovered, model.recover(models).await.unwrap());
        }
        self.compare_history(&instance).await;
    }

    async fn compare_history(&self, instance: &InstanceId) {
        let (ours, model) = (self.ours(), &self.model);
        let summary = model.summary(instance).await.unwrap();
        assert_eq!(ours.summary(instance).await.unwrap(), summary);
        let executions = ours.executions(instance).await.unwrap();
        assert_eq!(executions, model.executions(instance).await.unwrap());
        let newest = summary.map_or(0, |summary| summary.execution.0);
        for execution in (1..=newest + 1).map(ExecutionId) {
            let expected = model.read(instance, execution, 0, 1_000).await;
            let Ok(expected) = expected else {
                assert!(ours.read(instance, execution, 0, 1_000).await.is_err());
                continue;
            };
            let mut turns = Vec::new();
            let mut next = Some(0);
            while let Some(from) = next {
                let page = ours.read(instance, execution, from, 3).await.unwrap();
                turns.extend(page.turns);
                next = page.next;
            }
            assert_eq!(turns, expected.turns);
            let past_the_end = turns.len() as u64 + 1;
            assert!(ours.read(instance, execution, past_the_end, 1).await.is_err());
        }
    }
}

#[tokio::test]
async fn it_shows_what_the_reference_model_shows_whatever_is_done() {
    for (seed, flush_bytes) in [(1_u64, 1), (2, 700), (3, 3_000), (4, 20_000), (5, 1_500)] {
        let mut both = Both::new(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed), flush_bytes).await;
        for _ in 0..600 {
            match both.random.below(20) {
                0 => both.reopen().await,
                1..=3 => both.purge_something().await,
                4..=6 => both.compare().await,
                _ => both.append_something().await,
            }
        }
    }
}
