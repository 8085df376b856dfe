//! Turns that are too large for a journal, as files beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reenact_core::ShardId;

use crate::HistoryStore;
use crate::identity::StoreIdentity;
use crate::large_turns::{DirectoryBlobs, Index, LargeTurns};
use crate::medium::{RealDisk, StoreLock};

/// How the directories begin.
const LARGE: &str = "large-";

/// The files of a store. Clones are the same.
#[derive(Clone)]
pub(super) struct LargeTurnFiles {
    blobs: Arc<DirectoryBlobs<RealDisk>>,
    index: Arc<Index>,
    takes_large: bool,
}

impl LargeTurnFiles {
    /// The histories with the turns that are in files.
    pub(super) fn beside(&self, histories: Arc<dyn HistoryStore>) -> LargeTurns {
        let (blobs, index) = (Arc::clone(&self.blobs), Arc::clone(&self.index));
        LargeTurns::with_index(histories, blobs, index, self.takes_large)
    }

    /// Those of the store in a directory; `None` when there are none, and none may come. Without a lock they are only
    /// read.
    pub(super) fn within(
        root: &Path,
        identity: StoreIdentity,
        lock: Option<&Arc<StoreLock>>,
        takes_large: bool,
    ) -> Option<Self> {
        let has_some =
            || (0..identity.shards).any(|shard| directory(root, ShardId(shard)).exists());
        if !takes_large && !has_some() {
            return None;
        }
        let (root, lock) = (root.to_owned(), lock.cloned());
        let open = move |shard, make: bool| {
            let path = directory(&root, shard);
            let disk = match &lock {
                Some(_) if make => RealDisk::make(&path),
                _ => RealDisk::open(&path),
            };
            match disk {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                disk => disk.map(|disk| match &lock {
                    Some(lock) => Some(disk.under(lock)),
                    None => Some(disk),
                }),
            }
        };
        let blobs = Arc::new(DirectoryBlobs::new(open));
        Some(Self { blobs, index: Arc::default(), takes_large })
    }
}

fn directory(root: &Path, shard: ShardId) -> PathBuf {
    root.join(format!("{LARGE}{:04}", shard.0))
}
