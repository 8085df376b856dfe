//! Turns that are too large for a journal: each goes into a blob of the store, and the journal has a reference to it.
//!
//! A blob is durable before the turn that refers to it, and is never changed. It is removed when nothing durable can
//! refer to it any more: when its instance was purged, when the next execution has taken the place of its own, and
//! when the turn for which it was written was never appended.

mod blobs;
mod check;
mod directory;
mod form;
mod index;
mod name;
mod sweep;

use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::{ExecutionId, InstanceId, Receipt, ShardId};

pub use self::blobs::Blobs;
pub use self::directory::DirectoryBlobs;
use self::form::{Head, MAX_HEAD_BYTES, REFERENCE, Reference};
pub(crate) use self::index::Index;
use self::index::Known;
use crate::limits::{
    LARGE_TURNS_PAGE_BYTES, MAX_INLINE_TURN_BYTES, MAX_LARGE_BATCH_BYTES, check_batch,
};
use crate::tip::oldest_kept;
use crate::{
    Batch, Finding, HistoryStore, InstanceCounts, InstanceFilter, InstancePage, InstanceSummary,
    Lease, LoadedInstance, PageRequest, Place, ProviderError, StoredTurn, TimeOrder, TurnPage,
    TurnRecord,
};

/// Most bytes of a blob, whatever a medium says.
const MAX_BLOB_BYTES: usize = MAX_HEAD_BYTES + MAX_LARGE_BATCH_BYTES;

/// Histories whose large turns are in blobs.
///
/// Turns of more than [`MAX_INLINE_TURN_BYTES`] are written into blobs, if large payloads are taken; what is in blobs is
/// read in any case. A turn whose blob is missing or damaged is an error that names the instance and the blob.
pub struct LargeTurns {
    histories: Arc<dyn HistoryStore>,
    blobs: Arc<dyn Blobs>,
    index: Arc<Index>,
    takes_large: bool,
    inline_bytes: usize,
}

/// What becomes of a batch.
struct Put {
    batch: Batch,
    /// The blobs that were written for it.
    written: Vec<(InstanceId, Known)>,
}

/// Why a turn cannot be had out of its blob.
enum NotRead {
    /// It is not there. Perhaps the turn is not there any more either.
    Missing {
        name: String,
    },
    Failed(ProviderError),
}

impl LargeTurns {
    /// Keeps the large turns of a store in blobs. To one store of histories there must be one such value at a time in
    /// a process.
    pub fn new(histories: Arc<dyn HistoryStore>, blobs: Arc<dyn Blobs>, takes_large: bool) -> Self {
        Self::with_index(histories, blobs, Arc::default(), takes_large)
    }

    /// The same, with an index that outlives this value.
    pub(crate) fn with_index(
        histories: Arc<dyn HistoryStore>,
        blobs: Arc<dyn Blobs>,
        index: Arc<Index>,
        takes_large: bool,
    ) -> Self {
        Self { histories, blobs, index, takes_large, inline_bytes: MAX_INLINE_TURN_BYTES }
    }

    /// The same, where smaller turns go into blobs as well: those of more than so many bytes.
    #[must_use]
    pub fn inline_bytes(self, bytes: usize) -> Self {
        Self { inline_bytes: bytes.min(MAX_INLINE_TURN_BYTES), ..self }
    }

    /// What begins as a reference does must not be taken for one.
    fn is_for_blob(&self, turn: &TurnRecord) -> bool {
        let is_ambiguous = turn.bytes.first() == Some(&REFERENCE);
        is_ambiguous || (self.takes_large && turn.bytes.len() > self.inline_bytes)
    }

    /// Writes the large turns of a batch into blobs; the batch that refers to them.
    async fn put(&self, batch: &Batch) -> Result<Put, ProviderError> {
        let turns = Vec::with_capacity(batch.turns.len());
        let mut put = Put { batch: Batch { turns, ..*batch }, written: Vec::new() };
        for turn in &batch.turns {
            if !self.is_for_blob(turn) {
                put.batch.turns.push(turn.clone());
                continue;
            }
            match self.put_turn(batch, turn, &mut put.written).await {
                Ok(reference) => put.batch.turns.push(reference),
                Err(error) => {
                    self.remove_written(put.written).await;
                    return Err(not_appended(turn, error));
                }
            }
        }
        Ok(put)
    }

    async fn put_turn(
        &self,
        batch: &Batch,
        turn: &TurnRecord,
        written: &mut Vec<(InstanceId, Known)>,
    ) -> Result<TurnRecord, ProviderError> {
        let InstanceSummary { instance, execution, .. } = &turn.summary;
        let name = name::new_name(instance, *execution, turn.number, batch.epoch);
        let (length, checksum) = (turn.bytes.len() as u64, crc32c::crc32c(&turn.bytes));
        let head = Head {
            instance: instance.clone(),
            execution: *execution,
            turn: turn.number,
            length,
            checksum,
        };
        let shard = batch.shard;
        let blob = Known { shard, execution: *execution, turn: turn.number, name: name.clone() };
        // Known before it is there: a part of it may be.
        self.index.add(instance, blob.clone());
        written.push((instance.clone(), blob));
        self.blobs.put(shard, &name, head.encode(), Arc::clone(&turn.bytes)).await?;
        let bytes = Reference { shard, length, checksum, name }.encode().into();
        Ok(TurnRecord { bytes, ..turn.clone() })
    }

    /// Removes blobs that no turn refers to, as the append for which they were written has failed for good.
    async fn remove_written(&self, written: Vec<(InstanceId, Known)>) {
        for (instance, blob) in written {
            let blobs = self.index.take_named(&instance, &[blob.name]);
            self.remove(blobs).await;
        }
    }

    /// Removes what the turns of a batch have made superfluous that is durable now.
    async fn remove_superseded(&self, batch: &Batch, written: &[(InstanceId, Known)]) {
        for turn in &batch.turns {
            let InstanceSummary { instance, execution, .. } = &turn.summary;
            let at = (*execution, turn.number);
            // What became of those before it is known of the first turn of an execution only.
            let oldest = (turn.number == 0).then(|| oldest_kept(turn));
            let holds = written
                .iter()
                .find(|(of, blob)| of == instance && (blob.execution, blob.turn) == at);
            let holds = holds.map(|(_, blob)| blob.name.as_str());
            let superseded = self.index.take_superseded(instance, at, holds, oldest);
            self.remove(superseded).await;
        }
    }

    /// Removes blobs. Those that cannot be removed now are found again when their shard is recovered.
    async fn remove(&self, blobs: Vec<Known>) {
        let Some(shard) = blobs.first().map(|blob| blob.shard) else { return };
        let names = blobs.into_iter().map(|blob| blob.name).collect();
        if let Err(error) = self.blobs.delete(shard, names).await {
            tracing::debug!(target: "reenact::store", parent: None, %error, %shard, "blobs that nothing refers to are left for now");
        }
    }

    /// The turns of a page with what is in blobs, as many as a page may have.
    async fn resolve(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        page: TurnPage,
    ) -> Result<TurnPage, (NotRead, StoredTurn)> {
        let is_reference = |turn: &StoredTurn| turn.bytes.first() == Some(&REFERENCE);
        if !page.turns.iter().any(is_reference) {
            return Ok(page);
        }
        let (mut turns, mut bytes) = (Vec::with_capacity(page.turns.len()), 0);
        for turn in page.turns {
            if !is_reference(&turn) {
                turns.push(turn);
                continue;
            }
            if bytes >= LARGE_TURNS_PAGE_BYTES {
                return Ok(TurnPage { turns, next: Some(turn.number) });
            }
            let read = self.get_turn(instance, execution, &turn).await;
            let read = read.map_err(|error| (error, turn))?;
            bytes += read.bytes.len();
            turns.push(read);
        }
        Ok(TurnPage { turns, next: page.next })
    }

    async fn get_turn(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        turn: &StoredTurn,
    ) -> Result<StoredTurn, NotRead> {
        let number = turn.number;
        let corrupt = |blob: Option<&str>, reason: String| {
            NotRead::Failed(ProviderError::Corrupt {
                place: place(instance, execution, number, blob),
                reason,
            })
        };
        let reference = Reference::decode(&turn.bytes).map_err(|why| corrupt(None, why))?;
        let Reference { shard, length, checksum, name } = reference;
        let got = self.blobs.get(shard, &name, None).await.map_err(NotRead::Failed)?;
        let Some(blob) = got else { return Err(NotRead::Missing { name }) };
        let expected =
            Head { instance: instance.clone(), execution, turn: number, length, checksum };
        let is_whole = |(head, body): &(Head, &[u8])| {
            *head == expected && body.len() as u64 == length && crc32c::crc32c(body) == checksum
        };
        match Head::decode(&blob).filter(is_whole) {
            Some((_, body)) => Ok(StoredTurn { number, bytes: Arc::from(body) }),
            None => Err(corrupt(Some(&name), "it is not what was written".to_owned())),
        }
    }

    /// The error for a turn that could not be read; `None` when it is not there any more, so that the caller looks
    /// again.
    async fn error_of(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        (error, turn): (NotRead, StoredTurn),
    ) -> Option<ProviderError> {
        let name = match error {
            NotRead::Failed(error) => return Some(error),
            NotRead::Missing { name } => name,
        };
        // The next execution may have taken its place, or it was purged, since the reference was read.
        let again = self.histories.read(instance, execution, turn.number, 1).await;
        let is_there = again.is_ok_and(|page| page.turns.first() == Some(&turn));
        is_there.then(|| ProviderError::Corrupt {
            place: place(instance, execution, turn.number, Some(&name)),
            reason: "it is missing".to_owned(),
        })
    }
}

fn place(instance: &InstanceId, execution: ExecutionId, turn: u64, blob: Option<&str>) -> Place {
    let turn = format!("turn {turn} of execution {} of instance {instance}", execution.0);
    Place(match blob {
        Some(blob) => format!("the blob {blob} of {turn}"),
        None => turn,
    })
}

/// Whatever became of a blob, the turn was not appended.
fn not_appended(turn: &TurnRecord, error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Unknown { .. } | ProviderError::Conflict { .. } => {
            let instance = &turn.summary.instance;
            ProviderError::Unavailable {
                reason: format!(
                    "turn {} of instance {instance} could not be put into a blob",
                    turn.number
                ),
                source: Some(Box::new(error)),
            }
        }
        error => error,
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl HistoryStore for LargeTurns {
    async fn append(&self, batch: Arc<Batch>) -> Result<Receipt, ProviderError> {
        if !batch.turns.iter().any(|turn| self.is_for_blob(turn)) {
            let receipt = self.histories.append(Arc::clone(&batch)).await?;
            self.remove_superseded(&batch, &[]).await;
            return Ok(receipt);
        }
        check_batch(&batch, self.takes_large)?;
        let Put { batch, written } = self.put(&batch).await?;
        let batch = Arc::new(batch);
        match self.histories.append(Arc::clone(&batch)).await {
            Ok(receipt) => {
                self.remove_superseded(&batch, &written).await;
                Ok(receipt)
            }
            // It may be durable. If it is not, the next turn of this number or the next owner finds that out.
            Err(error @ ProviderError::Unknown { .. }) => Err(error),
            Err(error) => {
                self.remove_written(written).await;
                Err(error)
            }
        }
    }

    async fn read(
        &self,
        instance: &InstanceId,
        execution: ExecutionId,
        from: u64,
        limit: usize,
    ) -> Result<TurnPage, ProviderError> {
        loop {
            let page = self.histories.read(instance, execution, from, limit).await?;
            match self.resolve(instance, execution, page).await {
                Ok(page) => return Ok(page),
                Err(failed) => {
                    if let Some(error) = self.error_of(instance, execution, failed).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn summary(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceSummary>, ProviderError> {
        self.histories.summary(instance).await
    }

    async fn executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.histories.executions(instance).await
    }

    async fn load(
        &self,
        instance: &InstanceId,
        limit: usize,
    ) -> Result<Option<LoadedInstance>, ProviderError> {
        loop {
            let Some(loaded) = self.histories.load(instance, limit).await? else { return Ok(None) };
            let LoadedInstance { summary, turns } = loaded;
            match self.resolve(instance, summary.execution, turns).await {
                Ok(turns) => return Ok(Some(LoadedInstance { summary, turns })),
                Err(failed) => {
                    if let Some(error) = self.error_of(instance, summary.execution, failed).await {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn unload(&self, instance: &InstanceId) {
        self.histories.unload(instance);
    }

    fn unarchived_bytes(&self) -> Option<u64> {
        self.histories.unarchived_bytes()
    }

    fn shows_attributes(&self) -> bool {
        self.histories.shows_attributes()
    }

    fn takes_large_payloads(&self) -> bool {
        self.takes_large
    }

    async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<InstancePage, ProviderError> {
        self.histories.list(filter, page).await
    }

    async fn count(&self, filter: &InstanceFilter) -> Result<u64, ProviderError> {
        self.histories.count(filter).await
    }

    async fn list_by_time(
        &self,
        filter: &InstanceFilter,
        order: TimeOrder,
        limit: usize,
    ) -> Result<Vec<InstanceSummary>, ProviderError> {
        self.histories.list_by_time(filter, order, limit).await
    }

    async fn counts(&self, filter: &InstanceFilter) -> Result<InstanceCounts, ProviderError> {
        self.histories.counts(filter).await
    }

    async fn purge(&self, instances: &[InstanceId], lease: &Lease) -> Result<usize, ProviderError> {
        let purged = self.histories.purge(instances, lease).await?;
        self.remove(self.index.take_all(instances)).await;
        Ok(purged)
    }

    async fn check(&self, shard: ShardId) -> Result<Vec<Finding>, ProviderError> {
        let mut findings = self.histories.check(shard).await?;
        findings.extend(self.check_shard(shard).await?);
        Ok(findings)
    }

    /// Finds out which blobs there are, and removes those that no turn refers to.
    async fn recover(&self, lease: &Lease) -> Result<Vec<InstanceSummary>, ProviderError> {
        let to_wake = self.histories.recover(lease).await?;
        self.look_for_blobs(lease).await;
        Ok(to_wake)
    }
}
