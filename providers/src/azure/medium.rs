//! The journal of a shard on append blobs.
//!
//! A segment is an append blob, and a commit is one block of it. Each segment is leased, for ever, to
//! the owner under whom it is written; the process that claims the shard takes the lease of the last one from
//! the owner before, and from then on the service refuses everything that one sends, however late it
//! comes. So a block is accepted under the right lease and at the right position only.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reenact_core::ShardId;

use super::client::{Appended, Client, shard_name};
use super::members::Members;
use super::port::{Etag, LeaseId, Metadata, Only, PortError, PortErrorKind};
use super::random;
use crate::journal::{segment_name, segment_number};
use crate::limits::MAX_BLOCKS_PER_SEGMENT;
use crate::medium::{ClaimMark, Medium, MediumError, Segment, Standing, Stretch};

/// How often the newest segment is looked for while the owner before goes on to another.
const MAX_LOOKS: u32 = 16;

/// The segments and the checkpoint of one shard.
#[derive(Debug)]
pub struct BlobMedium {
    client: Client,
    members: Arc<Members>,
    shard: ShardId,
    /// What the names of its blobs begin with.
    prefix: String,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Under which this process writes.
    lease: Option<LeaseId>,
    /// Names the claim in the heads of its segments.
    mark: ClaimMark,
    /// The etag of the checkpoint that was read or written last.
    checkpoint: Option<Etag>,
    /// The number of the one segment that may be begun next: what is there already was fenced, or
    /// written by this process.
    next: u64,
}

impl BlobMedium {
    pub(super) fn new(client: Client, members: Arc<Members>, shard: ShardId) -> Self {
        let prefix = format!("journal/{}/", shard_name(shard));
        Self { client, members, shard, prefix, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blob(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Takes the newest segment from the process that writes it. That one may go on to another meanwhile; then
    /// that is taken. The number of the one that may be begun after it.
    async fn fence(&self, lease: &LeaseId) -> Result<u64, PortError> {
        let mut taken = None;
        for _ in 0..MAX_LOOKS {
            let Some((number, size)) = self.newest().await? else { return Ok(1) };
            let found = (number, size > 0);
            if taken == Some(found) {
                // One that was never begun is begun.
                return Ok(if size == 0 { number } else { number + 1 });
            }
            // Where it was empty and has been begun since, another process has its lease.
            self.take(&self.blob(&segment_name(number)), lease).await?;
            taken = Some(found);
        }
        Err(self.lost_race("its owner before does not stop"))
    }

    /// The number and the size of the newest segment.
    async fn newest(&self) -> Result<Option<(u64, u64)>, PortError> {
        let blobs = self.client.list(&self.prefix).await?;
        let segments = blobs.into_iter().filter_map(|blob| {
            let number = segment_number(blob.name.strip_prefix(&self.prefix)?)?;
            Some((number, blob.size))
        });
        Ok(segments.max())
    }

    /// Takes the lease of a blob, no matter which process has it.
    async fn take(&self, blob: &str, lease: &LeaseId) -> Result<(), PortError> {
        let port = self.client.port();
        for _ in 0..MAX_LOOKS {
            self.client.patiently(|| port.break_lease(blob)).await?;
            match self.client.patiently(|| port.acquire_lease(blob, lease)).await {
                Err(error) if error.is_unmet() => {}
                taken => return taken,
            }
        }
        Err(self.lost_race("its lease is taken again and again"))
    }

    fn lost_race(&self, reason: &str) -> PortError {
        let kind = PortErrorKind::Unreachable { reason: reason.to_owned() };
        PortError { operation: "claim", target: self.prefix.clone(), kind }
    }

    /// A crash may have left the blob of a segment that was never begun: it is used.
    async fn begin(
        &self,
        number: u64,
        head: &[u8],
        lease: &LeaseId,
    ) -> Result<Appended, PortError> {
        let blob = &self.blob(&segment_name(number));
        let port = self.client.port();
        match self.client.patiently(|| port.create_append_blob(blob)).await {
            Ok(()) => {}
            Err(error) if error.is_unmet() => {}
            Err(error) => return Err(error),
        }
        match self.client.patiently(|| port.acquire_lease(blob, lease)).await {
            Err(error) if error.is_unmet() => return Ok(Appended::Fenced),
            acquired => acquired?,
        }
        if let Appended::Fenced = self.client.append(blob, head, 0, lease).await? {
            return Ok(Appended::Fenced);
        }
        // Another owner may have written further ones meanwhile, and freed this one: then its name was
        // free again. The newest one is never freed. The head is there by now, so nothing else may come
        // after the segment before.
        let newest = self.newest().await.map_err(PortError::in_doubt)?.map(|(newest, _)| newest);
        Ok(if newest == Some(number) { Appended::Yes } else { Appended::Fenced })
    }
}

impl Medium for BlobMedium {
    type Segment = BlobSegment;
    type Spare = ();

    const SHARED: bool = true;

    fn claim(&self, owner: &str) -> Result<(), MediumError> {
        let lease = random::lease_id();
        let next = self.client.block_on(async {
            self.members.claim(self.shard, owner).await?;
            self.fence(&lease).await.map_err(PortError::into_medium_error)
        })?;
        let mut held = self.held();
        (held.lease, held.next, held.mark) = (Some(lease), next, random::mark());
        Ok(())
    }

    fn mark(&self) -> ClaimMark {
        self.held().mark
    }

    fn give_up(&self) -> Result<(), MediumError> {
        *self.held() = Held::default();
        self.client.block_on(self.members.give_up(self.shard))
    }

    fn standing(&self) -> Standing {
        self.members.standing(self.shard)
    }

    /// A blob without anything in it is no segment yet.
    fn list(&self) -> Result<Vec<String>, MediumError> {
        let blobs = self.client.block_on(self.client.list(&self.prefix));
        let blobs = blobs.map_err(PortError::into_medium_error)?.into_iter();
        let begun = blobs.filter(|blob| blob.size > 0);
        Ok(begun.filter_map(|blob| Some(blob.name.strip_prefix(&self.prefix)?.into())).collect())
    }

    fn open(&self, name: &str) -> Result<BlobSegment, MediumError> {
        let segment = self.open_from(name, 0)?;
        if segment.bytes.is_empty() {
            return Err(MediumError::Refused(io::ErrorKind::NotFound.into()));
        }
        Ok(segment)
    }

    fn open_from(&self, name: &str, offset: u64) -> Result<BlobSegment, MediumError> {
        let blob = self.blob(name);
        let got = self.client.block_on(self.client.get(&blob, offset, None));
        let got = got.map_err(PortError::into_medium_error)?;
        let got = got.ok_or_else(|| MediumError::Refused(io::ErrorKind::NotFound.into()))?;
        Ok(BlobSegment {
            client: self.client.clone(),
            blob,
            written: None,
            from: offset,
            bytes: got.bytes,
        })
    }

    /// The most bytes that are read of what may be large.
    fn peek(&self, name: &str, length: usize) -> Result<Vec<u8>, MediumError> {
        let blob = self.blob(name);
        let got = self.client.block_on(self.client.get(&blob, 0, Some(length as u64)));
        let got = got.map_err(PortError::into_medium_error)?.map(|got| got.bytes);
        let got = got.filter(|bytes| !bytes.is_empty());
        got.ok_or_else(|| MediumError::Refused(io::ErrorKind::NotFound.into()))
    }

    /// Blobs grow by themselves.
    fn prepare(&self, _bytes: u64) -> Result<(), MediumError> {
        Ok(())
    }

    /// Only the one after what this process has taken or written: where another was read meanwhile,
    /// its writer can still write.
    fn create(&self, name: &str, (): (), head: &[u8]) -> Result<BlobSegment, MediumError> {
        let (lease, next) = {
            let held = self.held();
            (held.lease.clone().ok_or(MediumError::Fenced)?, held.next)
        };
        if segment_number(name) != Some(next) {
            return Err(MediumError::Fenced);
        }
        match self.client.block_on(self.begin(next, head, &lease)) {
            Ok(Appended::Yes) => {}
            Ok(Appended::Fenced) => return Err(MediumError::Fenced),
            Err(error) => return Err(error.into_medium_error()),
        }
        self.held().next = next + 1;
        let written = Some(Written { lease, blocks: 1 });
        let (client, blob) = (self.client.clone(), self.blob(name));
        Ok(BlobSegment { client, blob, written, from: 0, bytes: Vec::new() })
    }

    /// What can be read of a blob is durable.
    fn harden(&self, _last: Option<Stretch<'_>>) -> Result<(), MediumError> {
        Ok(())
    }

    fn remove(&self, names: &[String]) -> Result<(), MediumError> {
        let removed = self.client.block_on(async {
            for name in names {
                self.client.delete(&self.blob(name), true).await?;
            }
            Ok(())
        });
        removed.map_err(PortError::into_medium_error)
    }

    fn load(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, MediumError> {
        let got = self.client.block_on(self.client.get(&self.blob(name), 0, None));
        let got = got.map_err(PortError::into_medium_error)?;
        self.held().checkpoint = got.as_ref().and_then(|got| got.etag.clone());
        match got {
            Some(got) if got.bytes.len() > limit => {
                Err(MediumError::Refused(io::ErrorKind::FileTooLarge.into()))
            }
            got => Ok(got.map(|got| got.bytes)),
        }
    }

    /// Only in the place of what this process has read or written last: one that lost the shard must
    /// not put an older checkpoint over a newer.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), MediumError> {
        let only = self.held().checkpoint.clone().map_or(Only::IfNew, Only::IfMatch);
        let blob = self.blob(name);
        let none = Metadata::new();
        let put = self.client.put(&blob, bytes.to_vec(), &none, &only);
        match self.client.block_on(put) {
            Ok(etag) => {
                self.held().checkpoint = Some(etag);
                Ok(())
            }
            Err(error) if error.is_unmet() => Err(MediumError::Fenced),
            Err(error) => Err(error.into_medium_error()),
        }
    }
}

/// A segment: an append blob.
#[derive(Debug)]
pub struct BlobSegment {
    client: Client,
    blob: String,
    /// What the writer knows of a segment that is being written.
    written: Option<Written>,
    /// What was read when it was opened to be read, and from where on.
    bytes: Vec<u8>,
    from: u64,
}

#[derive(Debug)]
struct Written {
    lease: LeaseId,
    blocks: u32,
}

impl Segment for BlobSegment {
    fn size(&self) -> Result<u64, MediumError> {
        Ok(self.from + self.bytes.len() as u64)
    }

    fn is_full(&self) -> bool {
        self.written.as_ref().is_some_and(|written| written.blocks >= MAX_BLOCKS_PER_SEGMENT)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, MediumError> {
        let start = offset.checked_sub(self.from).and_then(|start| usize::try_from(start).ok());
        let rest = start.and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn append(&mut self, offset: u64, bytes: &[u8]) -> Result<(), MediumError> {
        let written = self.written.as_mut().ok_or(MediumError::Fenced)?;
        let append = self.client.append(&self.blob, bytes, offset, &written.lease);
        match self.client.block_on(append) {
            Ok(Appended::Yes) => {
                written.blocks += 1;
                Ok(())
            }
            Ok(Appended::Fenced) => Err(MediumError::Fenced),
            Err(error) => Err(error.into_medium_error()),
        }
    }
}
