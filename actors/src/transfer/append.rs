//! Brings instances into a store of which no host has a shard: each becomes visible as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use reenact_core::{Attributes, InstanceId, ShardId};
use reenact_providers::{
    Batch, HistoryStore, InstanceState, InstanceSummary, ProviderError, StoredTurn, TurnRecord,
};

use super::holding::Holding;
use super::{TransferError, TransferredInstance};

/// Most bytes of turns in one append, unless a single turn is larger.
const MAX_BYTES_AT_ONCE: usize = 16 * 1024 * 1024;

/// Most turns in one append.
const MAX_TURNS_AT_ONCE: usize = 4_096;

/// Turns of all shards that wait for their append, in bytes, at most.
const MAX_WAITING_BYTES: usize = 32 * 1024 * 1024;

/// The shards of a store, and what waits to be appended to them.
pub(super) struct Appender {
    histories: Arc<dyn HistoryStore>,
    shards: u32,
    holding: Holding,
    waiting: BTreeMap<ShardId, Waiting>,
    waiting_bytes: usize,
}

#[derive(Default)]
struct Waiting {
    turns: Vec<TurnRecord>,
    bytes: usize,
}

impl Appender {
    pub(super) fn new(histories: Arc<dyn HistoryStore>, shards: u32, holding: Holding) -> Self {
        Self { histories, shards, holding, waiting: BTreeMap::new(), waiting_bytes: 0 }
    }

    /// Gives up what it holds.
    pub(super) async fn release(self) {
        self.holding.release().await;
    }

    /// Adds an instance that is not in the store, or of which the first `there` turns are. It is in the store
    /// after the next [`flush`](Self::flush).
    pub(super) async fn add(
        &mut self,
        instance: TransferredInstance,
        there: u64,
    ) -> Result<(), TransferError> {
        let shard = ShardId::of(&instance.summary.instance, self.shards);
        let bytes: usize = instance.turns.iter().map(|turn| turn.bytes.len()).sum();
        if there > 0 || bytes > MAX_BYTES_AT_ONCE || instance.turns.len() > MAX_TURNS_AT_ONCE {
            // Before it, so that at most one instance is there in part.
            self.flush().await?;
            return self.add_in_parts(shard, instance, there).await;
        }
        let waiting = self.waiting.entry(shard).or_default();
        let is_full = waiting.bytes + bytes > MAX_BYTES_AT_ONCE
            || waiting.turns.len() + instance.turns.len() > MAX_TURNS_AT_ONCE;
        if is_full || self.waiting_bytes + bytes > MAX_WAITING_BYTES {
            self.flush().await?;
        }
        let TransferredInstance { summary, turns } = instance;
        let waiting = self.waiting.entry(shard).or_default();
        waiting.bytes += bytes;
        self.waiting_bytes += bytes;
        waiting.turns.extend(turns.into_iter().map(|turn| record(turn, summary.clone())));
        Ok(())
    }

    /// Makes durable what was added.
    pub(super) async fn flush(&mut self) -> Result<(), TransferError> {
        self.waiting_bytes = 0;
        for (shard, waiting) in std::mem::take(&mut self.waiting) {
            self.append(shard, waiting.turns).await?;
        }
        Ok(())
    }

    /// An instance that one append does not take. Until its last turns are there, its state says so: no host touches
    /// it, and another import goes on with it.
    async fn add_in_parts(
        &mut self,
        shard: ShardId,
        instance: TransferredInstance,
        there: u64,
    ) -> Result<(), TransferError> {
        let TransferredInstance { summary, turns } = instance;
        let (mut part, mut bytes) = (Vec::new(), 0);
        for turn in turns.into_iter().skip_while(|turn| turn.number < there) {
            let is_full =
                bytes + turn.bytes.len() > MAX_BYTES_AT_ONCE || part.len() == MAX_TURNS_AT_ONCE;
            if is_full && !part.is_empty() {
                self.append(shard, std::mem::take(&mut part)).await?;
                bytes = 0;
            }
            bytes += turn.bytes.len();
            let number = turn.number + 1;
            let known = if number == summary.turns {
                summary.clone()
            } else {
                summary_of_part(&summary, number)
            };
            part.push(record(turn, known));
        }
        self.append(shard, part).await
    }

    async fn append(
        &mut self,
        shard: ShardId,
        turns: Vec<TurnRecord>,
    ) -> Result<(), TransferError> {
        let epoch = self.holding.epoch_of(shard).await?;
        let batch = Arc::new(Batch { shard, epoch, turns });
        // Nothing acts on the receipt: what the instances want is in their logs.
        let _receipt = self.histories.append(batch).await?;
        Ok(())
    }
}

/// What a store knows of an instance of which not all turns are there.
pub(super) fn summary_of_part(whole: &InstanceSummary, turns: u64) -> InstanceSummary {
    InstanceSummary {
        state: InstanceState::Importing,
        turns,
        events: 0,
        wake_at: None,
        attributes: Attributes::default(),
        ..whole.clone()
    }
}

fn record(turn: StoredTurn, summary: InstanceSummary) -> TurnRecord {
    TurnRecord { number: turn.number, bytes: turn.bytes, summary, has_drawn_id: false }
}

/// Reads an instance of which something is there.
pub(super) async fn stored(
    histories: &dyn HistoryStore,
    summary: InstanceSummary,
) -> Result<TransferredInstance, ProviderError> {
    let (mut turns, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let read = histories.read(&summary.instance, summary.execution, from, MAX_TURNS_AT_ONCE);
        let page = read.await?;
        turns.extend(page.turns);
        next = page.next;
    }
    Ok(TransferredInstance { summary, turns })
}

/// What is in a store under an id.
pub(super) async fn found(
    histories: &dyn HistoryStore,
    instance: &InstanceId,
) -> Result<Option<TransferredInstance>, ProviderError> {
    match histories.summary(instance).await? {
        Some(summary) => stored(histories, summary).await.map(Some),
        None => Ok(None),
    }
}
