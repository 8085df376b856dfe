//! Brings instances into a store of which no host has a shard: each becomes visible as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use reenact_core::{Attributes, ExecutionId, InstanceId, ShardId};
use reenact_providers::{
    Batch, HistoryStore, InstanceState, InstanceSummary, ProviderError, StoredTurn, TurnRecord,
};

use super::holding::Holding;
use super::{TransferError, TransferredExecution, TransferredInstance};

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

    /// Adds an instance that is not in the store, or of which the first turns are: those of some execution. It is in the
    /// store after the next [`flush`](Self::flush).
    pub(super) async fn add(
        &mut self,
        instance: TransferredInstance,
        there: Option<There>,
    ) -> Result<(), TransferError> {
        let shard = ShardId::of(&instance.summary.instance, self.shards);
        let bytes: usize = instance.all_turns().map(|turn| turn.bytes.len()).sum();
        let count = instance.all_turns().count();
        if there.is_some() || bytes > MAX_BYTES_AT_ONCE || count > MAX_TURNS_AT_ONCE {
            // Before it, so that at most one instance is there in part.
            self.flush().await?;
            return self.add_in_parts(shard, &instance, there).await;
        }
        let waiting = self.waiting.entry(shard).or_default();
        let is_full = waiting.bytes + bytes > MAX_BYTES_AT_ONCE
            || waiting.turns.len() + count > MAX_TURNS_AT_ONCE;
        if is_full || self.waiting_bytes + bytes > MAX_WAITING_BYTES {
            self.flush().await?;
        }
        let waiting = self.waiting.entry(shard).or_default();
        waiting.bytes += bytes;
        self.waiting_bytes += bytes;
        for (keep, (summary, turns)) in (0..).zip(instance.executions()) {
            waiting.turns.extend(turns.iter().map(|turn| record(turn, summary.clone(), keep)));
        }
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
    /// it, and another import goes on with it. The last turn of an execution and the first one of the next are in one
    /// append, so that none but the newest is ever seen as whole.
    async fn add_in_parts(
        &mut self,
        shard: ShardId,
        instance: &TransferredInstance,
        there: Option<There>,
    ) -> Result<(), TransferError> {
        let (mut part, mut bytes, mut may_end) = (Vec::new(), 0, true);
        for (keep, (summary, turns)) in (0..).zip(instance.executions()) {
            let is_newest = summary.execution == instance.summary.execution;
            for turn in turns.iter().filter(|turn| is_missing(summary, turn, there)) {
                let is_full =
                    bytes + turn.bytes.len() > MAX_BYTES_AT_ONCE || part.len() >= MAX_TURNS_AT_ONCE;
                if is_full && may_end && !part.is_empty() {
                    self.append(shard, std::mem::take(&mut part)).await?;
                    bytes = 0;
                }
                bytes += turn.bytes.len();
                let number = turn.number + 1;
                let is_last = number == summary.turns;
                let known = match is_last {
                    true => summary.clone(),
                    false => summary_of_part(summary, number),
                };
                part.push(record(turn, known, keep));
                may_end = is_newest || !is_last;
            }
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

/// How far an instance is in a store: the execution, and how many turns of it there are.
pub(super) type There = (ExecutionId, u64);

fn is_missing(of: &InstanceSummary, turn: &StoredTurn, there: Option<There>) -> bool {
    there.is_none_or(|(execution, turns)| (of.execution, turn.number) >= (execution, turns))
}

/// A turn of an execution before which so many are kept.
fn record(turn: &StoredTurn, summary: InstanceSummary, keep: u32) -> TurnRecord {
    let bytes = Arc::clone(&turn.bytes);
    TurnRecord { number: turn.number, bytes, summary, has_drawn_id: false, keep }
}

/// Reads an execution of which something is there.
async fn stored(
    histories: &dyn HistoryStore,
    summary: InstanceSummary,
) -> Result<TransferredExecution, ProviderError> {
    let (mut turns, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let read = histories.read(&summary.instance, summary.execution, from, MAX_TURNS_AT_ONCE);
        let page = read.await?;
        turns.extend(page.turns);
        next = page.next;
    }
    Ok(TransferredExecution { summary, turns })
}

/// What is in a store under an id.
pub(super) async fn found(
    histories: &dyn HistoryStore,
    instance: &InstanceId,
) -> Result<Option<TransferredInstance>, ProviderError> {
    let Some(newest) = histories.summary(instance).await? else { return Ok(None) };
    let mut executions = vec![newest];
    if executions[0].execution > ExecutionId::FIRST {
        executions = histories.executions(instance).await?;
    }
    let mut earlier = Vec::with_capacity(executions.len());
    for summary in executions {
        earlier.push(stored(histories, summary).await?);
    }
    Ok(earlier.pop().map(|newest| {
        let TransferredExecution { summary, turns } = newest;
        TransferredInstance { summary, turns, earlier }
    }))
}
