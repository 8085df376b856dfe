//! A store in which nobody writes, and which is only read.

use std::sync::Arc;

use super::ids::Ids;
use super::reader::Reader;
use super::{Inner, Journaled, Threads, shards};
use crate::archive::Archive;
use crate::in_step;
use crate::journal::{JournalId, Options};
use crate::medium::Medium;
use crate::{OpenError, Place, TimerScheduler};

impl<M: Medium, A: Archive> Journaled<M, A> {
    /// Opens a store to read it, in which nobody writes as long as this is open: all that is in its journals
    /// and its archive. Nothing is written; each change is refused with `ReadOnly`, which names `place`. On a
    /// [shared](Medium::SHARED) medium [`open`](Self::open) writes nothing either.
    ///
    /// What is read may not be durable yet: the process that wrote it may have died before it knew. Show
    /// it, and act on it only where losing it again does no harm.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_read_only(
        journal: JournalId,
        media: impl IntoIterator<Item = M>,
        archive: A,
        clock: Arc<dyn TimerScheduler>,
        place: Place,
    ) -> Result<Self, OpenError> {
        let (archive, ids) = (Arc::new(archive), Arc::new(Ids::default()));
        let shards = shards(journal, media, &archive, &ids, Options::default());
        for shard in &shards {
            shard.show(shard.read_journal()?);
        }
        let reader = Some(Reader::start(&archive)?);
        let (threads, archiving) = (Box::default(), Arc::default());
        let (only_read, asked_on) = (Some(place), Threads::Own);
        let in_step = in_step::Queue::default();
        let inner = Inner {
            threads,
            reader,
            ids,
            shards,
            archive,
            archiving,
            clock,
            asked_on,
            in_step,
            only_read,
        };
        Ok(Self::of(inner))
    }

    /// The archive.
    #[cfg(feature = "local")]
    pub(crate) fn archive(&self) -> &A {
        &self.inner().archive
    }
}
