//! One shard: its journal, and the part of it that is not in the archive yet.

mod answers;
mod appending;
mod follow;
mod follower;
mod load;
mod look_up;
mod read;
mod reading;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashSet;
use reenact_core::{InstanceId, Receipt};
use tokio::sync::watch;

pub(super) use self::answers::{Answers, Ordered};
use self::appending::Appending;
pub(super) use self::follow::Look;
use self::follower::Follower;
pub(super) use self::load::{Loading, question};
pub(super) use self::read::{ReadResult, Wanted};
use super::Threads;
use super::error::ReadError;
use super::ids::Ids;
use super::table::Table;
use super::tips::{Tips, given};
use crate::archive::{Archive, Change, Part};
use crate::journal::{
    Checkpoint, Checkpointer, Entry, Identity, Journal, JournalError, Location, Options, Position,
    Recovered, Recovery,
};
use crate::medium::Medium;
use crate::ownership::Ownership;
use crate::{Batch, Epoch, Place, ProviderError};

/// How often a journal is read before it counts as unreadable or damaged.
const READS: u32 = 3;

/// What of a shard its readers and its writer share.
#[derive(Debug)]
pub(super) struct Shard<M, A> {
    pub(super) identity: Identity,
    pub(super) archive: Arc<A>,
    /// The ids that the archive has, of all shards.
    pub(super) ids: Arc<Ids>,
    medium: Arc<M>,
    options: Options,
    state: Mutex<State>,
    /// How far a shard that others write was read. Locked before `state`.
    follower: Mutex<Option<Follower<M>>>,
    /// Counts how often what was in memory was thrown away: who has read meanwhile reads again.
    stepped_down: AtomicU64,
    /// What the medium has not answered for.
    appending: watch::Sender<Appending>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) ownership: Ownership,
    layers: Layers,
    /// The ends of instances in the archive, while this process writes the journal.
    tips: Tips,
    /// Whether this process writes the journal, so that the layers are what it says.
    is_writing: bool,
}

/// What the archive does not have yet.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// What the newest commits have changed.
    live: Table,
    /// What was changed before, and is on its way into the archive.
    frozen: Option<Arc<Frozen>>,
    /// Which instances of each of the two have gone from memory since their last change.
    live_at_rest: HashSet<InstanceId>,
    frozen_at_rest: HashSet<InstanceId>,
}

#[derive(Debug)]
struct Frozen {
    table: Table,
    /// The place in the journal at which it ends.
    end: Position,
    /// The archive may have it already, although it said that it has failed.
    in_doubt: AtomicBool,
}

/// A shard that was read and not changed.
#[derive(Debug)]
pub(super) struct ReadShard<M> {
    recovered: Recovered<M>,
    table: Table,
}

/// A shard that is open for writing.
#[derive(Debug)]
pub(super) struct Opened<M: Medium, A> {
    pub(super) writer: Writer<M, A>,
    pub(super) flusher: Flusher<M, A>,
}

/// Appends to the journal of a shard.
#[derive(Debug)]
pub(super) struct Writer<M: Medium, A> {
    shard: Arc<Shard<M, A>>,
    journal: Journal<M>,
    receipts: u64,
}

/// Moves what the journal has to the archive, beside the writer.
#[derive(Debug)]
pub(super) struct Flusher<M, A> {
    shard: Arc<Shard<M, A>>,
    checkpointer: Checkpointer<M>,
}

impl<M: Medium, A: Archive> Shard<M, A> {
    /// A shard of which nothing is known yet.
    pub(super) fn new(
        identity: Identity,
        medium: Arc<M>,
        archive: Arc<A>,
        ids: Arc<Ids>,
        options: Options,
    ) -> Arc<Self> {
        let ownership = Ownership::new(identity.shard);
        let (layers, tips) = (Layers::default(), Tips::default());
        let state = Mutex::new(State { ownership, layers, tips, is_writing: false });
        let follower = Mutex::new(None);
        let stepped_down = AtomicU64::new(0);
        let appending = watch::Sender::default();
        Arc::new(Self {
            identity,
            archive,
            ids,
            medium,
            options,
            state,
            follower,
            stepped_down,
            appending,
        })
    }

    /// Whether its journal is still where it was opened.
    pub(super) fn check_place(&self) -> Result<(), ProviderError> {
        let failed = |error| JournalError::of_medium(error, self.identity.shard, "appended to");
        Ok(self.medium.check_place().map_err(failed)?)
    }

    /// Its place among the shards of the store.
    pub(super) fn index(&self) -> usize {
        self.identity.shard.0 as usize
    }

    /// A thread that panicked under the lock had checked before it changed anything, so what it guards
    /// is whole.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the archive does not have. Changes nothing. Of what one process has for itself, what
    /// cannot be read or does not decode is read again: one read that goes wrong is no damage.
    pub(super) fn read_journal(&self) -> Result<ReadShard<M>, ReadError> {
        let mut read = self.read_journal_once();
        for _ in 1..READS {
            match &read {
                Err(error) if !M::SHARED && error.may_pass() => {
                    let shard = self.identity.shard;
                    tracing::warn!(target: "reenact::store", parent: None, %shard, %error, "a journal could not be read; reading it again");
                    read = self.read_journal_once();
                }
                _ => break,
            }
        }
        read
    }

    fn read_journal_once(&self) -> Result<ReadShard<M>, ReadError> {
        let archived = self.archive.position(self.identity.shard)?;
        let recovery = Recovery::open(Arc::clone(&self.medium), self.identity)?;
        self.check_checkpoint(recovery.checkpoint(), archived)?;
        let mut table = Table::default();
        let recovered = recovery.replay(|commit| {
            let at = commit.position;
            // The same place can also be the beginning of the next segment.
            let is_there = at == archived || at.segment < archived.segment;
            if at.sequence == archived.sequence && !is_there {
                return Err(self.out_of_place(at, "the archive ends with another commit").into());
            }
            if at.sequence > archived.sequence {
                for entry in commit.entries {
                    table.replay(entry).map_err(|reason| self.out_of_place(at, &reason))?;
                }
            }
            Ok::<_, ReadError>(())
        })?;
        if recovered.end().sequence < archived.sequence {
            let reason = format!(
                "the journal ends with commit {}, and the archive has all up to commit {}: \
                 segments are missing, or the archive is of a later time",
                recovered.end().sequence,
                archived.sequence
            );
            return Err(self.out_of_place(recovered.end(), &reason).into());
        }
        Ok(ReadShard { recovered, table })
    }

    fn check_checkpoint(
        &self,
        checkpoint: Option<&Checkpoint>,
        archived: Position,
    ) -> Result<(), ProviderError> {
        let checkpointed = checkpoint.map_or(0, |checkpoint| checkpoint.position.sequence);
        if checkpointed <= archived.sequence {
            return Ok(());
        }
        let place = Location::Checkpoint { shard: self.identity.shard };
        let reason = format!(
            "the archive has all up to commit {}, and should have all up to commit {checkpointed}: \
             it is of an earlier time; put the archive back that belongs to this journal",
            archived.sequence
        );
        Err(ProviderError::Corrupt { place: Place(place.to_string()), reason })
    }

    fn out_of_place(&self, at: Position, reason: &str) -> ProviderError {
        let Identity { shard, .. } = self.identity;
        let place = Location::Segment { shard, segment: at.segment, offset: at.offset };
        ProviderError::Corrupt { place: Place(place.to_string()), reason: reason.to_owned() }
    }

    /// Shows what was read, of a journal that nobody writes.
    pub(super) fn show(&self, read: ReadShard<M>) {
        self.state().layers = Layers { live: read.table, ..Layers::default() };
    }

    /// Goes on writing after what was read, under an ownership that nobody has had. From now on
    /// what was read can be seen: it is durable.
    pub(super) fn begin(
        self: &Arc<Self>,
        read: ReadShard<M>,
    ) -> Result<Opened<M, A>, ProviderError> {
        let mut state = self.state();
        let newest = state.ownership.newest().max(read.recovered.epoch());
        state.ownership.skip_to(newest);
        drop(state);
        let (journal, checkpointer) = read.recovered.begin(Epoch(newest.0 + 1), self.options)?;
        let mut state = self.state();
        if let Some(frozen) = &state.layers.frozen {
            // The archive may have it although it reported a failure; then it was not read again.
            self.ids.add(frozen.table.iter().map(|(instance, _)| instance));
        }
        state.layers = Layers { live: read.table, ..Layers::default() };
        state.tips.forget_all();
        state.is_writing = true;
        drop(state);
        self.knows_what_was_appended();
        let writer = Writer { shard: Arc::clone(self), journal, receipts: 0 };
        Ok(Opened { writer, flusher: Flusher { shard: Arc::clone(self), checkpointer } })
    }
}

impl<M: Medium, A: Archive> Writer<M, A> {
    /// Appends a batch. See [`HistoryStore::append`](crate::HistoryStore::append).
    pub(super) fn append(&mut self, batch: &Arc<Batch>) -> Result<Ordered<Receipt>, ProviderError> {
        self.shard.state().ownership.check(batch.epoch)?;
        if batch.turns.is_empty() {
            // The medium is not asked, so what rests on this must be known otherwise.
            self.shard.check_standing()?;
        }
        let unknown = self.shard.check(&batch.turns)?;
        if !unknown.is_empty() {
            return Ok(Ordered::AskFirst(unknown));
        }
        self.shard.begins_to_append(batch);
        let appended = self.journal.append_turns(&batch.turns).map_err(ProviderError::from);
        if appended.is_ok() {
            let mut state = self.shard.state();
            batch.turns.iter().for_each(|turn| state.layers.append(turn));
        }
        self.shard.has_appended(&appended);
        appended?;
        self.receipts += 1;
        Ok(Ordered::Done(Receipt::issue(batch.shard, self.receipts)))
    }

    /// Removes instances. See [`HistoryStore::purge`](crate::HistoryStore::purge).
    pub(super) fn purge(
        &mut self,
        instances: &[InstanceId],
        archived: &Answers,
        epoch: Epoch,
    ) -> Result<Ordered<usize>, ProviderError> {
        self.shard.state().ownership.check(epoch)?;
        let found = match self.shard.that_are_over(instances, archived)? {
            Ordered::Done(found) => found,
            Ordered::AskFirst(unknown) => return Ok(Ordered::AskFirst(unknown)),
        };
        if found.is_empty() {
            // As with an append of nothing.
            self.shard.check_standing()?;
        }
        let entries: Vec<Entry> = found.iter().cloned().map(Entry::Purged).collect();
        self.journal.append(&entries)?;
        let mut state = self.shard.state();
        found.iter().for_each(|instance| state.layers.live.purge(instance));
        Ok(Ordered::Done(found.len()))
    }

    /// Whether somebody has had the ownership under which it writes.
    pub(super) fn was_leased(&self) -> bool {
        self.shard.state().ownership.newest() == self.journal.epoch()
    }

    /// About how many bytes the archive does not have and is not getting.
    pub(super) fn unarchived_bytes(&self) -> usize {
        self.shard.state().layers.live.bytes()
    }

    /// The newest segment.
    pub(super) const fn segment(&self) -> u64 {
        self.journal.end().segment
    }

    /// From now on, what was committed is on its way into the archive. Not while something is.
    pub(super) fn freeze(&mut self) {
        let end = self.journal.end();
        let layers = &mut self.shard.state().layers;
        if layers.frozen.is_none() {
            let table = std::mem::take(&mut layers.live);
            let in_doubt = AtomicBool::new(false);
            layers.frozen = Some(Arc::new(Frozen { table, end, in_doubt }));
            layers.frozen_at_rest = std::mem::take(&mut layers.live_at_rest);
        }
    }

    /// Prepares the next segment, if it is time for that.
    pub(super) fn prepare(&mut self, threads: Threads) {
        if self.journal.wants_spare() {
            match threads {
                Threads::Own => self.journal.prepare_in_background(),
                Threads::Callers => self.journal.prepare(),
            }
        }
    }
}

impl<M: Medium, A: Archive> Flusher<M, A> {
    /// Moves what is frozen into the archive, and frees the journal of it. Can be done again after any error.
    /// What can wait is not done once there is no time for it any more.
    pub(super) fn flush(
        &mut self,
        archiving: &ArchivingLock,
        has_time: &dyn Fn() -> bool,
    ) -> Result<(), ProviderError> {
        let shard = self.shard.identity.shard;
        let moved = self.archive_frozen(archiving)?;
        if !M::SHARED {
            self.shard.ids.tend(&self.shard.archive);
        }
        let archived = match moved {
            Some(end) => end,
            // What an earlier flush could not free is freed.
            None => self.shard.archive.position(shard)?,
        };
        let checkpointed = self.checkpointer.position();
        if (archived.sequence, archived.segment) > (checkpointed.sequence, checkpointed.segment) {
            self.checkpointer.checkpoint(archived)?;
        }
        self.checkpointer.trim()?;
        // Last: it may take long, and nothing depends on it.
        self.shard.archive.tidy(shard, has_time);
        Ok(())
    }

    /// Moves what is frozen into the archive, and returns where that ends; `None` when there was nothing.
    fn archive_frozen(
        &mut self,
        archiving: &ArchivingLock,
    ) -> Result<Option<Position>, ProviderError> {
        let Some(frozen) = self.shard.state().layers.frozen.clone() else { return Ok(None) };
        let shard = self.shard.identity.shard;
        let part = Part { shard, end: frozen.end, changes: frozen.table.sorted() };
        let _exclusive = archiving.write().unwrap_or_else(PoisonError::into_inner);
        frozen.in_doubt.store(true, Ordering::Relaxed);
        self.shard.archive.absorb(&part)?;
        // Until the layer has gone, nobody asks for what is in it.
        let (purged, grown): (Vec<_>, Vec<_>) =
            part.changes.iter().partition(|(_, change)| change.is_purge());
        self.shard.ids.add(grown.into_iter().map(|(instance, _)| instance));
        self.shard.ids.are_purged(purged.len() as u64);
        self.shard.state().tips.is_changed();
        for some in given(&frozen.table) {
            self.shard.state().remember(some);
        }
        let mut state = self.shard.state();
        state.layers.frozen = None;
        let at_rest = std::mem::take(&mut state.layers.frozen_at_rest);
        drop(state);
        drop(at_rest);
        Ok(Some(frozen.end))
    }

    /// The segment at which recovery begins.
    pub(super) const fn first_segment(&self) -> u64 {
        self.checkpointer.position().segment
    }
}

/// Held by a thread that must see each change in one place: in memory or in the archive.
pub(super) type ArchivingLock = std::sync::RwLock<()>;

impl Layers {
    /// About how many bytes the archive does not have.
    pub(super) fn bytes(&self) -> usize {
        let frozen = self.frozen.as_ref().map_or(0, |frozen| frozen.table.bytes());
        self.live.bytes() + frozen
    }

    /// The newest change of an instance.
    pub(super) fn newest(&self, instance: &InstanceId) -> Option<&Change> {
        let frozen = || self.frozen.as_ref().and_then(|frozen| frozen.table.get(instance));
        self.live.get(instance).or_else(frozen)
    }

    fn oldest_first(&self, instance: &InstanceId) -> impl Iterator<Item = &Change> {
        let frozen = self.frozen.as_ref().and_then(|frozen| frozen.table.get(instance));
        frozen.into_iter().chain(self.live.get(instance))
    }

    /// Whether something is on its way into the archive.
    #[cfg(test)]
    pub(super) const fn is_archiving(&self) -> bool {
        self.frozen.is_some()
    }

    /// The newest change of each instance, in any order.
    pub(super) fn all_newest(&self) -> impl Iterator<Item = (&InstanceId, &Change)> {
        let frozen = self.frozen.iter().flat_map(|frozen| frozen.table.iter());
        let frozen = frozen.filter(|(instance, _)| self.live.get(instance).is_none());
        self.live.iter().chain(frozen)
    }

    /// Whether the archive may have something under the id of an instance that was changed.
    fn may_be_archived(&self, instance: &InstanceId) -> bool {
        let is_in_doubt = |frozen: &Arc<Frozen>| {
            frozen.in_doubt.load(Ordering::Relaxed) && frozen.table.get(instance).is_some()
        };
        let oldest = self.oldest_first(instance).next();
        self.frozen.as_ref().is_some_and(is_in_doubt)
            || !matches!(oldest, Some(Change::Grown(growth)) if growth.is_whole())
    }
}

impl State {
    /// Whether the shard belongs to a host of this process.
    pub(super) const fn is_writing(&self) -> bool {
        self.is_writing
    }

    pub(super) const fn layers(&self) -> &Layers {
        &self.layers
    }

    /// Whether the archive may have something under the id of an instance that was changed. Of a shard
    /// that others write it may have everything by now.
    pub(super) fn may_be_archived(&self, instance: &InstanceId) -> bool {
        !self.is_writing || self.layers.may_be_archived(instance)
    }
}
