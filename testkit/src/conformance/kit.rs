//! Owners, turns and assertions that the cases share.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use reenact_core::{ExecutionId, InstanceId, Name, Receipt, ShardId, Timestamp};
use reenact_providers::{
    Batch, HistoryStore, InstanceState, InstanceSummary, Lease, Provider, ProviderError,
    ShardLease, StoredTurn, TurnRecord,
};

use super::{Hub, Stage};

/// The shard of the cases that need only one.
pub(super) const SHARD: ShardId = ShardId(0);

/// What holds for a batch that is refused or fenced.
pub(super) const LEAVES_NO_TRACE: &str = "a refused batch leaves no trace of its good turns either";

/// An owner of one shard, which appends to it.
pub(super) struct Owner {
    pub(super) histories: Arc<dyn HistoryStore>,
    pub(super) leases: Arc<dyn ShardLease>,
    pub(super) lease: Lease,
    shards: u32,
}

impl Owner {
    /// Takes a free shard.
    pub(super) async fn of(shard: ShardId, provider: &impl Provider) -> Self {
        let leases = provider.leases();
        let lease = leases.acquire(shard, "owner").await.expect("a free shard can be taken");
        Self { histories: provider.histories(), leases, lease, shards: provider.shards() }
    }

    /// An id of this owner's shard.
    pub(super) fn id(&self, label: &str) -> InstanceId {
        id_on(self.lease.shard, self.shards, label)
    }

    pub(super) async fn append(&self, turns: Vec<TurnRecord>) -> Result<Receipt, ProviderError> {
        let Lease { shard, epoch, .. } = self.lease;
        self.histories.append(Batch { shard, epoch, turns }.into()).await
    }

    /// Appends what must be accepted.
    pub(super) async fn store(&self, turns: Vec<TurnRecord>) {
        let _ = self.receipt(turns).await;
    }

    /// Appends what must be accepted, for the receipt's sake.
    pub(super) async fn receipt(&self, turns: Vec<TurnRecord>) -> Receipt {
        self.append(turns).await.expect("turns in their place, under the newest lease, are taken")
    }

    /// Asserts that a batch with `bad` in the middle is a conflict, and that nothing of it is there
    /// afterwards.
    pub(super) async fn refuses(&self, bad: TurnRecord, contract: &str) {
        let (before, after) = (self.id("before"), self.id("after"));
        let instance = bad.summary.instance.clone();
        let stored = self.histories.summary(&instance).await.expect("a summary can be read");
        let batch = vec![turn(&before, 0), bad, turn(&after, 0)];

        assert_conflict(self.append(batch).await, contract);

        self.knows_nothing_of(&[&before, &after], LEAVES_NO_TRACE).await;
        let now = self.histories.summary(&instance).await.expect("a summary can be read");
        assert_eq!(now, stored, "a refused batch changes nothing; {contract}");
        if let Some(stored) = stored {
            let turns = history(&*self.histories, &instance, stored.execution).await;
            let next = turns.len() as u64;
            // What was refused left the place free.
            self.store(vec![turn_of(&instance, stored.execution, next)]).await;
        }
    }

    pub(super) async fn knows_nothing_of(&self, instances: &[&InstanceId], contract: &str) {
        for instance in instances {
            let summary = self.histories.summary(instance).await.expect("a summary can be read");
            assert_eq!(summary, None, "{contract}");
            let read = self.histories.read(instance, ExecutionId::FIRST, 0, 1).await;
            assert_not_found(read, contract);
        }
    }
}

/// An id that belongs to `shard` and begins with `label`.
pub(super) fn id_on(shard: ShardId, shards: u32, label: &str) -> InstanceId {
    let ids = (0_u32..).map(|number| id(&format!("{label}-{number}")));
    ids.into_iter().find(|id| ShardId::of(id, shards) == shard).expect("each shard has ids")
}

pub(super) fn id(text: &str) -> InstanceId {
    InstanceId::new(text).expect("a plain short text is an id")
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("a plain short text is a name")
}

/// A turn of an instance's first execution.
pub(super) fn turn(instance: &InstanceId, number: u64) -> TurnRecord {
    turn_of(instance, ExecutionId::FIRST, number)
}

/// A turn whose bytes and summary no other turn has.
pub(super) fn turn_of(instance: &InstanceId, execution: ExecutionId, number: u64) -> TurnRecord {
    TurnRecord {
        number,
        bytes: bytes_of(instance, execution, number),
        summary: InstanceSummary {
            instance: instance.clone(),
            execution,
            name: name("orchestration"),
            state: InstanceState::Running,
            created_at: Timestamp::from_micros(1_000_000),
            updated_at: Timestamp::from_micros(1_000_001 + number),
            turns: number + 1,
            events: 3 * (number + 1),
            wake_at: None,
            attributes: reenact_core::Attributes::default(),
        },
        has_drawn_id: false,
        keep: 0,
    }
}

/// The last turn of an instance's first execution.
pub(super) fn last_turn(instance: &InstanceId, number: u64) -> TurnRecord {
    let mut turn = turn(instance, number);
    turn.summary.state = InstanceState::Completed;
    turn
}

fn bytes_of(instance: &InstanceId, execution: ExecutionId, number: u64) -> Arc<[u8]> {
    Arc::from(format!("{instance}/{execution}/{number}").into_bytes())
}

/// All that is stored of an execution, read in pages of the store's choice.
pub(super) async fn history(
    histories: &dyn HistoryStore,
    instance: &InstanceId,
    execution: ExecutionId,
) -> Vec<StoredTurn> {
    let mut turns = Vec::new();
    let mut from = Some(0);
    while let Some(at) = from {
        let page = histories.read(instance, execution, at, 1000).await;
        let page = page.expect("what is stored can be read");
        assert!(page.next.is_none_or(|next| next > at), "each page goes on after the one before");
        turns.extend(page.turns);
        from = page.next;
    }
    turns
}

/// What the history of an execution is once the first `count` turns are appended.
pub(super) fn expected(
    instance: &InstanceId,
    execution: ExecutionId,
    count: u64,
) -> Vec<StoredTurn> {
    let stored = |number| StoredTurn { number, bytes: bytes_of(instance, execution, number) };
    (0..count).map(stored).collect()
}

/// Has another owner take the shard of `lease`, in the way in which this provider's leases end.
pub(super) async fn supersede<H: Hub>(
    stage: &Stage<H>,
    leases: &dyn ShardLease,
    lease: &Lease,
) -> Lease {
    match lease.expires {
        Some(_) => stage.outwait().await,
        None => leases.release(lease).await.expect("a lease can be released"),
    }
    let successor = leases.acquire(lease.shard, "successor").await;
    successor.expect("a shard whose lease has ended can be taken")
}

#[track_caller]
pub(super) fn assert_conflict<T: Debug>(result: Result<T, ProviderError>, contract: &str) {
    assert!(matches!(result, Err(ProviderError::Conflict { .. })), "{contract}: {result:?}");
}

#[track_caller]
pub(super) fn assert_fenced<T: Debug>(
    result: Result<T, ProviderError>,
    lost: ShardId,
    contract: &str,
) {
    assert!(
        matches!(result, Err(ProviderError::Fenced { shard }) if shard == lost),
        "{contract}: {result:?}"
    );
}

#[track_caller]
pub(super) fn assert_not_found<T: Debug>(result: Result<T, ProviderError>, contract: &str) {
    assert!(matches!(result, Err(ProviderError::NotFound { .. })), "{contract}: {result:?}");
}

#[track_caller]
pub(super) fn assert_too_large<T: Debug>(result: Result<T, ProviderError>, contract: &str) {
    assert!(matches!(result, Err(ProviderError::TooLarge { .. })), "{contract}: {result:?}");
}

/// Turns a wait that would never end into a failure.
pub(super) async fn within<T>(future: impl Future<Output = T>, contract: &str) -> T {
    /// Far more than any medium needs.
    const PATIENCE: Duration = Duration::from_secs(60);
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{contract}; it did not happen within {PATIENCE:?}"),
    }
}

/// Polls once, and tells what came of it.
pub(super) async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
