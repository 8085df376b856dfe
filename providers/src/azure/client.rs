//! The port with patience: what may be repeated is, and what may have happened is looked at.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use reenact_core::ShardId;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};

use super::port::{
    BlobEntry, Etag, Got, LeaseId, Metadata, Only, PortError, PortErrorKind, StoragePort,
};
use super::random::Random;
use crate::in_step;
use crate::medium::MediumError;
use crate::{Backoff, Place, ProviderError};

/// How often an operation is tried.
const MAX_TRIES: u32 = 6;

/// The time between the first two tries, where nothing else is said.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The longest time between two tries, beside what the service asks for. Where it asks for more than
/// this, there is no other try.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The code of a blob that is not there, in a container that is.
const NO_BLOB: &str = "BlobNotFound";

/// The code of a queue that is not there.
const NO_QUEUE: &str = "QueueNotFound";

/// Operations on the hub's container and queues. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Client {
    port: Arc<dyn StoragePort>,
    io: Handle,
    /// Between the first two tries; each further one is twice as long, up to [`LONGEST_PAUSE`].
    first_pause: Duration,
    /// How long one request may take; as long as the port lets it, where nothing is said.
    request_limit: Option<Duration>,
    random: Random,
}

/// What was appended under a lease at a position.
#[derive(Debug)]
pub(super) enum Appended {
    /// It is there, once.
    Yes,
    /// It is not, and never will be: the lease or the end of the blob is another's.
    Fenced,
}

impl Client {
    pub(super) fn new(
        port: Arc<dyn StoragePort>,
        io: Handle,
        first_pause: Duration,
        random: Random,
    ) -> Self {
        Self { port, io, first_pause, request_limit: None, random }
    }

    /// What it draws.
    pub(super) const fn random(&self) -> &Random {
        &self.random
    }

    /// The same, with requests that must not take long.
    pub(super) fn hurried(&self, request_limit: Duration) -> Self {
        Self { request_limit: Some(request_limit), ..self.clone() }
    }

    /// The operations as they are.
    pub(super) fn port(&self) -> &dyn StoragePort {
        &*self.port
    }

    /// The runtime that carries out requests.
    pub(super) fn io(&self) -> &Handle {
        &self.io
    }

    /// Waits on a thread that may block.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        if in_step::is_in_step() { in_step::block_on(future) } else { self.io.block_on(future) }
    }

    /// Carries out on the storage's own threads what a task of any runtime waits for. When it is
    /// cancelled, what was begun goes on.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
    ) -> Result<T, ProviderError> {
        self.io.spawn(future).await.unwrap_or_else(broken_off)
    }

    /// As [`run`](Self::run); when it is cancelled, nothing goes on.
    pub(super) async fn run_while_awaited<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let mut running = EndsWithMe(self.io.spawn(future));
        (&mut running.0).await.unwrap_or_else(broken_off)
    }

    /// Reads a blob; `None` when it is not there.
    pub(super) async fn get(
        &self,
        blob: &str,
        from: u64,
        length: Option<u64>,
    ) -> Result<Option<Got>, PortError> {
        let got = self.patiently(|| self.port.get(blob, from, length)).await;
        got.map(Some).or_else(none_if_missing).map_err(PortError::of_reading)
    }

    /// All blobs with a prefix.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<BlobEntry>, PortError> {
        let (mut blobs, mut marker) = (Vec::new(), None::<String>);
        loop {
            let page = self.patiently(|| self.port.list(prefix, marker.as_deref())).await;
            let page = page.map_err(PortError::of_reading)?;
            blobs.extend(page.blobs);
            marker = page.next;
            if marker.is_none() {
                return Ok(blobs);
            }
        }
    }

    /// Writes a block blob as a whole. What is written must differ from what anybody else would
    /// write, so that it is known again when the answer was lost.
    pub(super) async fn put(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        metadata: &Metadata,
        only: &Only,
    ) -> Result<Etag, PortError> {
        let mut patience = self.patience();
        let mut doubt = None;
        loop {
            let put = self.port.put(blob, bytes.clone(), metadata, only);
            let error = match self.in_time(put).await {
                Ok(etag) => return Ok(etag),
                Err(error) => error,
            };
            if error.may_have_happened() {
                doubt.get_or_insert_with(|| error.clone());
            }
            if doubt.is_some() {
                let written = self.written(blob, &bytes, metadata).await;
                if let Some(etag) = written.map_err(|error| doubtful(&doubt, error))? {
                    return Ok(etag);
                }
            }
            // Where the condition does not hold, an earlier try that is still on its way fails too.
            if error.is_unmet() {
                return Err(error);
            }
            patience.wait_after(error).await.map_err(|error| doubtful(&doubt, error))?;
        }
    }

    /// The etag of a blob that is as it was to be written.
    async fn written(
        &self,
        blob: &str,
        bytes: &[u8],
        metadata: &Metadata,
    ) -> Result<Option<Etag>, PortError> {
        // Pages may be empty that others follow.
        let found = self.list(blob).await?.into_iter().find(|found| found.name == blob);
        let is_alike =
            |found: &BlobEntry| found.size == bytes.len() as u64 && found.metadata == *metadata;
        let Some(found) = found.filter(is_alike) else { return Ok(None) };
        if bytes.is_empty() {
            return Ok(Some(found.etag));
        }
        let got = self.get(blob, 0, None).await?;
        let is_same =
            got.is_some_and(|got| got.bytes == bytes && got.etag.as_ref() == Some(&found.etag));
        Ok(is_same.then_some(found.etag))
    }

    /// Removes a blob; one that is not there is no error. A lease on it is broken.
    pub(super) async fn delete(&self, blob: &str, is_leased: bool) -> Result<(), PortError> {
        if is_leased {
            let broken = self.patiently(|| self.port.break_lease(blob)).await;
            broken.map(Some).or_else(none_if_missing)?;
        }
        let deleted = self.patiently(|| self.port.delete(blob)).await;
        deleted.map(Some).or_else(none_if_missing).map(drop)
    }

    /// Appends at a position under a lease: once, whatever becomes of requests and answers.
    ///
    /// An error says `Unknown` when it may be there or come yet. To take the lease under another id
    /// ends that.
    pub(super) async fn append(
        &self,
        blob: &str,
        bytes: &[u8],
        position: u64,
        lease: &LeaseId,
    ) -> Result<Appended, PortError> {
        let mut patience = self.patience();
        let mut doubt = None;
        loop {
            let error = match self.port.append(blob, bytes.to_vec(), position, lease).await {
                Ok(()) => return Ok(Appended::Yes),
                Err(error) => error,
            };
            let is_unmet = matches!(error.kind, PortErrorKind::Unmet { .. });
            if error.may_have_happened() {
                doubt.get_or_insert_with(|| error.clone());
            }
            // An earlier try may be why the position is another.
            if (is_unmet || doubt.is_some())
                && self.ends_with(blob, bytes, position).await.map_err(|e| doubtful(&doubt, e))?
            {
                return Ok(Appended::Yes);
            }
            if is_unmet {
                return Ok(Appended::Fenced);
            }
            patience.wait_after(error).await.map_err(|error| doubtful(&doubt, error))?;
        }
    }

    /// Whether these bytes are what is in a blob at a position.
    async fn ends_with(&self, blob: &str, bytes: &[u8], position: u64) -> Result<bool, PortError> {
        let got = self.get(blob, position, Some(bytes.len() as u64)).await?;
        Ok(got.is_some_and(|got| got.bytes == bytes))
    }

    /// Puts a message into a queue, after an answer that was lost twice: both have the same key.
    pub(super) async fn send<F: Future<Output = Result<(), PortError>>>(
        &self,
        send: impl Fn() -> F,
    ) -> Result<(), PortError> {
        self.patiently_until(send, PortError::is_missing_queue).await
    }

    /// Repeats what does no harm when it is done twice.
    pub(super) async fn patiently<T, F: Future<Output = Result<T, PortError>>>(
        &self,
        operation: impl Fn() -> F,
    ) -> Result<T, PortError> {
        // These say how it is now, whatever became of earlier tries.
        self.patiently_until(operation, |error| error.is_unmet() || error.is_missing()).await
    }

    /// As [`patiently`](Self::patiently), for an operation of which some errors say that an earlier
    /// try has not succeeded, or that it does not matter.
    async fn patiently_until<T, F: Future<Output = Result<T, PortError>>>(
        &self,
        operation: impl Fn() -> F,
        settles: impl Fn(&PortError) -> bool,
    ) -> Result<T, PortError> {
        let mut patience = self.patience();
        let mut doubt = None;
        loop {
            let error = match self.in_time(operation()).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if error.may_have_happened() {
                doubt.get_or_insert_with(|| error.clone());
            }
            if settles(&error) {
                return Err(error);
            }
            patience.wait_after(error).await.map_err(|error| doubtful(&doubt, error))?;
        }
    }

    /// One request. What becomes of one that takes too long is not known.
    async fn in_time<T>(
        &self,
        request: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        let Some(limit) = self.request_limit else { return request.await };
        let (operation, target) = ("wait for", "an answer".to_owned());
        let kind = PortErrorKind::Unknown { reason: format!("there was none in {limit:?}") };
        let late = |_| Err(PortError { operation, target, kind });
        tokio::time::timeout(limit, request).await.unwrap_or_else(late)
    }

    fn patience(&self) -> Patience {
        let (backoff, random) =
            (Backoff::new(self.first_pause, LONGEST_PAUSE), self.random.clone());
        Patience { backoff, tries: 0, random }
    }
}

/// A task that nobody needs once nobody awaits it.
struct EndsWithMe<T>(JoinHandle<T>);

impl<T> Drop for EndsWithMe<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn broken_off<T>(error: JoinError) -> Result<T, ProviderError> {
    let reason = "a request was broken off".to_owned();
    Err(ProviderError::Unknown { reason, source: Some(Box::new(error)) })
}

/// What is left of it for one operation.
struct Patience {
    backoff: Backoff,
    tries: u32,
    random: Random,
}

impl Patience {
    /// Returns when it is time for another try; gives the error back where that cannot help.
    async fn wait_after(&mut self, error: PortError) -> Result<(), PortError> {
        let asked = match &error.kind {
            // The caller knows better what to do with a long time.
            PortErrorKind::Throttled { after: Some(after) } if *after > LONGEST_PAUSE => {
                return Err(error);
            }
            PortErrorKind::Throttled { after } => after.unwrap_or_default(),
            PortErrorKind::Unreachable { .. } | PortErrorKind::Unknown { .. } => Duration::ZERO,
            PortErrorKind::NotFound { .. }
            | PortErrorKind::Exists { .. }
            | PortErrorKind::Unmet { .. }
            | PortErrorKind::TooLarge { .. }
            | PortErrorKind::Denied { .. }
            | PortErrorKind::Refused { .. } => return Err(error),
        };
        self.tries += 1;
        if self.tries == MAX_TRIES {
            return Err(error);
        }
        // It comes after what the service asked for as well: others were asked for the same.
        let jittered = self.random.jittered(self.backoff.after(self.tries - 1));
        let pause = asked + jittered.min(LONGEST_PAUSE);
        tracing::debug!(target: "reenact::store", parent: None, %error, tries = self.tries, ?pause, "trying a request again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// The later error must not hide that an earlier request may have been carried out.
fn doubtful(doubt: &Option<PortError>, error: PortError) -> PortError {
    doubt.clone().unwrap_or(error)
}

fn none_if_missing<T>(error: PortError) -> Result<Option<T>, PortError> {
    if error.is_missing_blob() { Ok(None) } else { Err(error) }
}

impl PortError {
    /// Whether the blob is not there, in a container that is.
    pub(super) fn is_missing_blob(&self) -> bool {
        matches!(&self.kind, PortErrorKind::NotFound { code } if code == NO_BLOB)
    }

    /// Whether there is no such queue.
    pub(super) fn is_missing_queue(&self) -> bool {
        matches!(&self.kind, PortErrorKind::NotFound { code } if code == NO_QUEUE)
    }

    /// Whether a condition does not hold.
    pub(super) const fn is_unmet(&self) -> bool {
        matches!(self.kind, PortErrorKind::Unmet { .. } | PortErrorKind::Exists { .. })
    }

    const fn is_missing(&self) -> bool {
        matches!(self.kind, PortErrorKind::NotFound { .. })
    }

    /// Whatever becomes of it, reading changes nothing.
    pub(super) fn of_reading(self) -> Self {
        let kind = match self.kind {
            PortErrorKind::Unknown { reason } => PortErrorKind::Unreachable { reason },
            kind => kind,
        };
        Self { kind, ..self }
    }

    /// Something has happened all the same.
    pub(super) fn in_doubt(self) -> Self {
        let kind = PortErrorKind::Unknown { reason: self.kind.to_string() };
        Self { kind, ..self }
    }

    /// Whether it may have been carried out.
    pub(super) const fn may_have_happened(&self) -> bool {
        matches!(self.kind, PortErrorKind::Unknown { .. })
    }

    /// The error that says what the caller can do about it.
    pub(super) fn into_provider_error(self) -> ProviderError {
        match &self.kind {
            PortErrorKind::Throttled { after } => {
                ProviderError::Throttled { retry_after: after.unwrap_or(LONGEST_PAUSE) }
            }
            PortErrorKind::Unknown { .. } => {
                ProviderError::Unknown { reason: self.to_string(), source: None }
            }
            PortErrorKind::Unmet { .. } | PortErrorKind::Exists { .. } => {
                ProviderError::Conflict { reason: self.to_string() }
            }
            PortErrorKind::NotFound { .. }
            | PortErrorKind::TooLarge { .. }
            | PortErrorKind::Denied { .. }
            | PortErrorKind::Unreachable { .. }
            | PortErrorKind::Refused { .. } => ProviderError::Unavailable {
                reason: self.to_string(),
                source: Some(Box::new(self)),
            },
        }
    }

    /// Makes it an error of a journal's medium. `Unmet` must have been looked at before.
    pub(super) fn into_medium_error(self) -> MediumError {
        if self.may_have_happened() {
            return MediumError::Unknown(std::io::Error::other(self));
        }
        let kind = match self.is_missing_blob() {
            true => std::io::ErrorKind::NotFound,
            false => std::io::ErrorKind::Other,
        };
        MediumError::Refused(std::io::Error::new(kind, self))
    }
}

/// Something that is stored and does not decode.
pub(super) fn corrupt(blob: &str, reason: impl Into<String>) -> ProviderError {
    ProviderError::Corrupt { place: Place(blob.to_owned()), reason: reason.into() }
}

/// A shard as it stands in the names of blobs and queues.
pub(super) fn shard_name(shard: ShardId) -> String {
    format!("{:04}", shard.0)
}
