//! Blobs as files: a directory for each shard.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use reenact_core::ShardId;

use super::Blobs;
use crate::medium::{Disk, DiskFile};
use crate::{Place, ProviderError};

/// The ending of the name of a file that is not finished.
const NEW: &str = ".new";

/// Opens the directory of a shard, or makes it. `None` when there is none, and it is not to be made.
type OpenDisk<D> = dyn Fn(ShardId, bool) -> io::Result<Option<D>> + Send + Sync;

/// Blobs as files. A file has its name once it is durable. The directory of a shard is made when it is needed.
pub struct DirectoryBlobs<D> {
    files: Arc<Files<D>>,
}

struct Files<D> {
    open: Box<OpenDisk<D>>,
    disks: Mutex<HashMap<ShardId, Arc<D>>>,
}

impl<D: Disk> DirectoryBlobs<D> {
    /// Files in the directories that a function opens. It is given a shard, and whether the directory is to be made if
    /// it is not there.
    pub fn new(
        open: impl Fn(ShardId, bool) -> io::Result<Option<D>> + Send + Sync + 'static,
    ) -> Self {
        Self { files: Arc::new(Files { open: Box::new(open), disks: Mutex::default() }) }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files<D>) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let files = Arc::clone(&self.files);
        let done = tokio::task::spawn_blocking(move || work(&files)).await;
        done.unwrap_or_else(|error| Err(unavailable("the work on it was broken off", error)))
    }
}

impl<D: Disk> Files<D> {
    fn disk(&self, shard: ShardId, make: bool) -> Result<Option<Arc<D>>, ProviderError> {
        let mut disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(disk) = disks.get(&shard) {
            return Ok(Some(Arc::clone(disk)));
        }
        let opened = (self.open)(shard, make);
        let opened =
            opened.map_err(|error| unavailable("its directory cannot be opened", error))?;
        let Some(disk) = opened.map(Arc::new) else { return Ok(None) };
        disks.insert(shard, Arc::clone(&disk));
        Ok(Some(disk))
    }

    /// The directory of a shard that may be changed.
    fn disk_to_write(&self, shard: ShardId, make: bool) -> Result<Option<Arc<D>>, ProviderError> {
        let Some(disk) = self.disk(shard, make)? else { return Ok(None) };
        let moved = disk.moved_from();
        match moved.map_err(|error| unavailable("its directory cannot be looked at", error))? {
            None => Ok(Some(disk)),
            Some(place) => Err(ProviderError::Moved { place: Place(place) }),
        }
    }

    fn put(&self, shard: ShardId, name: &str, parts: [&[u8]; 2]) -> Result<(), ProviderError> {
        let failed = |error| unavailable(&format!("the blob {name} cannot be written"), error);
        let disk = self.disk_to_write(shard, true)?;
        let disk = disk.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let new = format!("{name}{NEW}");
        write_new(&*disk, &new, parts).map_err(|error| {
            // Gives back the room that it took. If even this fails, the next owner of the shard finds it.
            let _ = disk.remove(&new);
            failed(error)
        })?;
        let named = disk.rename(&new, name).and_then(|()| disk.sync_names());
        named.map_err(|error| {
            let _ = disk.remove(&new);
            failed(error)
        })
    }

    fn get(
        &self,
        shard: ShardId,
        name: &str,
        limit: Option<usize>,
    ) -> Result<Option<Vec<u8>>, ProviderError> {
        let failed = |error| unavailable(&format!("the blob {name} cannot be read"), error);
        let Some(disk) = self.disk(shard, false)? else { return Ok(None) };
        let file = match disk.open(name, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        let size = usize::try_from(file.size().map_err(failed)?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size.min(limit.unwrap_or(super::MAX_BLOB_BYTES))];
        let read = file.read_at(0, &mut bytes).map_err(failed)?;
        bytes.truncate(read);
        Ok(Some(bytes))
    }

    fn delete(&self, shard: ShardId, names: &[String]) -> Result<(), ProviderError> {
        let Some(disk) = self.disk_to_write(shard, false)? else { return Ok(()) };
        for name in names {
            match disk.remove(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(unavailable(&format!("the blob {name} cannot be removed"), error));
                }
                _ => {}
            }
        }
        disk.sync_names().map_err(|error| unavailable("its directory cannot be synced", error))
    }

    fn list(&self, shard: ShardId) -> Result<Vec<String>, ProviderError> {
        let Some(disk) = self.disk(shard, false)? else { return Ok(Vec::new()) };
        disk.list().map_err(|error| unavailable("its directory cannot be listed", error))
    }
}

fn write_new<D: Disk>(disk: &D, name: &str, parts: [&[u8]; 2]) -> io::Result<()> {
    let file = disk.create(name)?;
    let mut offset = 0;
    for part in parts {
        file.write_at(offset, part)?;
        offset += part.len() as u64;
    }
    file.sync()
}

fn unavailable(
    what: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> ProviderError {
    ProviderError::Unavailable {
        reason: format!("the place for large turns: {what}"),
        source: Some(Box::new(source)),
    }
}

#[async_trait]
impl<D: Disk> Blobs for DirectoryBlobs<D> {
    async fn put(
        &self,
        shard: ShardId,
        name: &str,
        head: Vec<u8>,
        body: Arc<[u8]>,
    ) -> Result<(), ProviderError> {
        let name = name.to_owned();
        self.run(move |files| files.put(shard, &name, [&head, &body])).await
    }

    async fn get(
        &self,
        shard: ShardId,
        name: &str,
        limit: Option<usize>,
    ) -> Result<Option<Vec<u8>>, ProviderError> {
        let name = name.to_owned();
        self.run(move |files| files.get(shard, &name, limit)).await
    }

    async fn delete(&self, shard: ShardId, names: Vec<String>) -> Result<(), ProviderError> {
        self.run(move |files| files.delete(shard, &names)).await
    }

    async fn list(&self, shard: ShardId) -> Result<Vec<String>, ProviderError> {
        self.run(move |files| files.list(shard)).await
    }
}

impl<D> fmt::Debug for DirectoryBlobs<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectoryBlobs").finish_non_exhaustive()
    }
}
