//! Where histories are once the journal need not keep them.

#[cfg_attr(
    not(feature = "local"),
    allow(dead_code, reason = "a shared archive has filters itself")
)]
pub(crate) mod bloom;
#[cfg(any(feature = "blobs", feature = "local"))]
pub(crate) mod chunk;
pub(crate) mod hash;

use std::fmt::Debug;
use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, ShardId};

use crate::journal::Position;
use crate::{
    FirstByTime, InstanceCounts, InstanceFilter, InstanceSummary, ProviderError, StoredTurn,
    TimeOrder,
};

/// Ids that are shown at a time, about.
pub(crate) const IDS_AT_ONCE: usize = 4_096;

/// Keeps what the journals of a store have given to it, and answers for it. A commit writes nothing to
/// it, and asks it for one thing only: where an instance ends of which memory does not know that, so
/// that nothing is appended to what is not there, and no id is used twice. Calls block; they come from
/// threads that may, several at a time; for one shard, one [`absorb`](Self::absorb) at a time.
///
/// Errors are `Unavailable` where the same may succeed later, and `Corrupt` where what is stored
/// is not what was written.
pub trait Archive: Debug + Send + Sync + 'static {
    /// Up to where the journal of a shard is in it; [`Position::START`] when nothing of it is.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn position(&self, shard: ShardId) -> Result<Position, ProviderError>;

    /// Takes over the part of a shard's journal that follows on what it has: all of it or nothing.
    /// Durable when it returns; [`position`](Self::position) is the part's end from then on. A part
    /// that ends there already is in it, and only made durable: a try that has failed may have come
    /// so far.
    ///
    /// # Errors
    /// `Unavailable`: it may or may not be taken over. Try again. `Corrupt`.
    fn absorb(&self, part: &Part<'_>) -> Result<(), ProviderError>;

    /// Called now and then after [`absorb`](Self::absorb), by the same thread: time to put things in
    /// order on which no answer depends. Readers do not wait for it, and commits only once memory has
    /// no room for them. What fails, or is broken off, is tried again after the next part.
    ///
    /// `has_time` is to be asked now and then: somebody waits for the end of this once it says no.
    fn tidy(&self, _shard: ShardId, _has_time: &dyn Fn() -> bool) {}

    /// What it knows of an instance.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn look_up(&self, instance: &InstanceId) -> Result<Option<Archived>, ProviderError>;

    /// The executions of an instance that it has, in their order; the newest one is last. All of the same instant.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn executions(&self, instance: &InstanceId) -> Result<Vec<Archived>, ProviderError>;

    /// Turns of an instance's newest execution, or of one that is kept, from the turn numbered `from` on, in order, at
    /// most `limit` of them, and at least one when there is one. `None` when nothing of the execution is in it.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<Option<Stretch>, ProviderError>;

    /// Answers questions about several instances, each in its place. All that is said about one of them
    /// is of the same instant.
    ///
    /// # Errors
    /// For each question by itself: `Unavailable`, `Corrupt`.
    fn ask(&self, questions: &[Question]) -> Vec<Result<Option<Found>, ProviderError>> {
        questions.iter().map(|question| ask_in_steps(self, question)).collect()
    }

    /// Shows all ids, some at a time, until `visit` says that it wants no more; false in that case. Those
    /// of instances that are taken over or removed meanwhile may be among them or not.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn visit_ids(
        &self,
        visit: &mut dyn FnMut(&[InstanceId]) -> bool,
    ) -> Result<bool, ProviderError> {
        let mut after = None;
        loop {
            let page = self.list(&InstanceFilter::default(), after.as_ref(), IDS_AT_ONCE)?;
            let is_last = page.len() < IDS_AT_ONCE;
            let ids: Vec<_> = page.into_iter().map(|summary| summary.instance).collect();
            if !visit(&ids) {
                return Ok(false);
            }
            if is_last {
                return Ok(true);
            }
            after = ids.last().cloned();
        }
    }

    /// The first `limit` instances after `after` that pass the filter, ordered by id.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn list(
        &self,
        filter: &InstanceFilter,
        after: Option<&InstanceId>,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError>;

    /// How many instances pass the filter.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError>;

    /// The first `limit` instances that pass the filter and are not to be skipped, in an order by the time of their
    /// last event. The default goes through the whole list, some at a time.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
        skip: &dyn Fn(&InstanceId) -> bool,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        let mut first = FirstByTime::new(order, limit);
        go_through(self, filter, |summary| {
            if first.takes(summary.updated_at) && !skip(&summary.instance) {
                first.offer(summary);
            }
        })?;
        Ok(first.into_list())
    }

    /// How many instances pass the filter, by orchestration and state. The default goes through the whole list, some
    /// at a time.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        let mut counts = InstanceCounts::default();
        go_through(self, filter, |summary| counts.add_one(summary))?;
        Ok(counts)
    }

    /// The instances of a shard that have a `wake_at`, in any order.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    fn to_wake(&self, shard: ShardId) -> Result<Vec<InstanceSummary>, ProviderError>;
}

/// Shows all that pass the filter.
fn go_through<A: Archive + ?Sized>(
    archive: &A,
    filter: &InstanceFilter,
    mut show: impl FnMut(&InstanceSummary),
) -> Result<(), ProviderError> {
    let mut after = None;
    loop {
        let page = archive.list(filter, after.as_ref(), IDS_AT_ONCE)?;
        page.iter().for_each(&mut show);
        if page.len() < IDS_AT_ONCE {
            return Ok(());
        }
        after = page.into_iter().last().map(|last| last.instance);
    }
}

/// Asks about one instance until the answers are of the same instant.
fn ask_in_steps<A: Archive + ?Sized>(
    archive: &A,
    question: &Question,
) -> Result<Option<Found>, ProviderError> {
    let Question { instance, turns } = question;
    loop {
        let Some(archived) = archive.look_up(instance)? else { return Ok(None) };
        let newest = archived.summary.execution;
        let Some(Span { execution, from, limit }) = *turns else {
            return Ok(Some(Found { archived, stretch: None }));
        };
        let execution = execution.unwrap_or(newest);
        let stretch = archive.read(instance, execution, from, limit)?;
        if execution != newest
            || stretch.as_ref().is_some_and(|stretch| stretch.length == archived.length)
        {
            return Ok(Some(Found { archived, stretch }));
        }
    }
}

/// A question about one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The instance.
    pub instance: InstanceId,
    /// Which of its turns are to be read as well.
    pub turns: Option<Span>,
}

impl Question {
    /// What the archive knows of an instance.
    pub const fn look_up(instance: InstanceId) -> Self {
        Self { instance, turns: None }
    }
}

/// Some turns of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The execution; the newest when `None`.
    pub execution: Option<ExecutionId>,
    /// The number of the first one.
    pub from: u64,
    /// The most turns to give; 0 counts as 1.
    pub limit: usize,
}

/// What the archive has of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it knows of it.
    pub archived: Archived,
    /// The turns, if they were asked for. As [`Archive::read`] gives them.
    pub stretch: Option<Stretch>,
}

/// A part of a shard's journal on its way into the archive.
#[derive(Debug)]
pub struct Part<'a> {
    /// The shard.
    pub shard: ShardId,
    /// The place in the journal at which the part ends.
    pub end: Position,
    /// What happened to which instance, ordered by id.
    pub changes: Vec<(&'a InstanceId, &'a Change)>,
}

/// What happened to one instance in a part of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was purged: nothing of it is to be left.
    Purged,
    /// It got further turns.
    Grown(Growth),
}

/// The further turns of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// What is known of it once they count.
    pub summary: InstanceSummary,
    /// Whatever the archive has under its id is of an earlier instance, which was purged.
    pub starts_anew: bool,
    /// Of the newest execution. They follow on what the archive has of that; or they are its first,
    /// and all that the archive has of earlier executions is to go that are not [kept](Self::earlier).
    pub run: TurnRun,
    /// What is kept of the executions before the newest one.
    pub earlier: Earlier,
}

impl Growth {
    /// What the archive has of executions before this one is to go.
    pub fn oldest(&self) -> ExecutionId {
        self.earlier.oldest_before(&self.run)
    }
}

/// What is kept of executions before the newest one. By default nothing, where that has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The first execution that is kept, whether it has got further turns or not. `None`: when the newest one begins,
    /// all before it are to go; else, whatever is there stays.
    pub oldest: Option<ExecutionId>,
    /// The further turns of those that have got some, in the order of the executions; all are kept.
    pub runs: Vec<EarlierRun>,
}

impl Earlier {
    /// What the archive has of executions before this one is to go, when the newest one gets these turns.
    pub(crate) fn oldest_before(&self, run: &TurnRun) -> ExecutionId {
        let begins = run.first == 0;
        self.oldest.unwrap_or(if begins { run.execution } else { ExecutionId(0) })
    }
}

/// The further turns of an execution before the newest one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierRun {
    /// What was known of the instance when the next execution began.
    pub summary: InstanceSummary,
    /// The turns. They follow on what the archive has of the execution.
    pub run: TurnRun,
}

/// Turns of one execution, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRun {
    /// The execution.
    pub execution: ExecutionId,
    /// The number of the first of the turns.
    pub first: u64,
    /// The encoded events of each.
    pub turns: Vec<Arc<[u8]>>,
}

impl TurnRun {
    /// The number of the turn after them.
    pub fn end(&self) -> u64 {
        self.first + self.turns.len() as u64
    }
}

/// An instance in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// What is known of it.
    pub summary: InstanceSummary,
    /// How many turns of its newest execution there are.
    pub length: u64,
}

/// Turns out of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The turns that were asked for.
    pub turns: Vec<StoredTurn>,
    /// How many turns of the execution are in the archive.
    pub length: u64,
}
