//! A port that fails as a test says.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reenact_core::Timestamp;
use reenact_providers::azure::port::{
    BlobPage, Etag, Got, LeaseId, Metadata, Only, PortError, PortErrorKind, QueueMessage,
    StoragePort,
};
use tokio::sync::Notify;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is not carried out, and this is said of it.
    Refused(PortErrorKind),
    /// It is carried out; nobody learns of that.
    Lost,
    /// It is carried out after the next request, and its outcome is unknown.
    Late,
    /// It is on its way until [`FaultyPort::let_go`]; nobody learns what becomes of it.
    Held,
    /// The caller stands still until [`FaultyPort::go_on`]; then it is carried out.
    Waits,
    /// It is carried out; the answer comes after [`FaultyPort::go_on`].
    AnsweredLate,
}

impl Wrong {
    /// Refused in a way that no other try helps against.
    pub(crate) fn denied() -> Self {
        Self::Refused(PortErrorKind::Denied { code: "AuthorizationFailure".to_owned() })
    }

    /// Nothing of it has arrived.
    pub(crate) fn unreachable() -> Self {
        Self::Refused(PortErrorKind::Unreachable { reason: "no connection".to_owned() })
    }
}

/// A request that is about to be made.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// Which one it is, counted from 0.
    pub(crate) number: u64,
    pub(crate) operation: &'static str,
    /// The blob or the queue.
    pub(crate) target: &'a str,
}

type Plan = Box<dyn FnMut(&Seen<'_>) -> Option<Wrong> + Send>;
type Request = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A port that passes on what its plan lets pass. Clones are the same.
#[derive(Clone)]
pub(crate) struct FaultyPort {
    port: Arc<dyn StoragePort>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    next: u64,
    plan: Option<Plan>,
    late: Vec<Request>,
    held: Vec<Request>,
    /// Counts who stands still.
    waiting: usize,
    go_on: Arc<Notify>,
}

impl FaultyPort {
    pub(crate) fn new(port: Arc<dyn StoragePort>) -> Self {
        Self { port, state: Arc::default() }
    }

    pub(crate) fn plan(&self, plan: impl FnMut(&Seen<'_>) -> Option<Wrong> + Send + 'static) {
        self.state().plan = Some(Box::new(plan));
    }

    pub(crate) fn heal(&self) {
        self.state().plan = None;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state().next
    }

    /// How many requests are held.
    pub(crate) fn held(&self) -> usize {
        self.state().held.len()
    }

    /// How many requests stand still.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting
    }

    /// Lets those go on that stand still.
    pub(crate) fn go_on(&self) {
        self.state().go_on.notify_waiters();
    }

    /// Returns when it is let go on.
    async fn stand_still(&self) {
        let go_on = Arc::clone(&self.state().go_on);
        let going_on = go_on.notified();
        self.state().waiting += 1;
        going_on.await;
        self.state().waiting -= 1;
    }

    /// Lets all that is held arrive.
    pub(crate) async fn let_go(&self) {
        let held = std::mem::take(&mut self.state().held);
        for request in held {
            request.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrong(&self, operation: &'static str, target: &str) -> (Option<Wrong>, Vec<Request>) {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let seen = Seen { number, operation, target };
        let wrong = state.plan.as_mut().and_then(|plan| plan(&seen));
        (wrong, std::mem::take(&mut state.late))
    }

    async fn request<T: Send + 'static>(
        &self,
        operation: &'static str,
        target: &str,
        request: impl Future<Output = Result<T, PortError>> + Send + 'static,
    ) -> Result<T, PortError> {
        let (wrong, late) = self.wrong(operation, target);
        let failed = |kind| PortError { operation, target: target.to_owned(), kind };
        let lost = || failed(PortErrorKind::Unknown { reason: "the answer was lost".to_owned() });
        let answer = match wrong {
            None => request.await,
            Some(Wrong::Waits) => {
                self.stand_still().await;
                request.await
            }
            Some(Wrong::AnsweredLate) => {
                let answer = request.await;
                self.stand_still().await;
                answer
            }
            Some(Wrong::Refused(kind)) => Err(failed(kind)),
            Some(Wrong::Lost) => {
                let _ = request.await;
                Err(lost())
            }
            Some(wrong @ (Wrong::Late | Wrong::Held)) => {
                let request = Box::pin(async move {
                    // Whether it succeeds is nobody's business any more.
                    let _ = request.await;
                });
                let mut state = self.state();
                if wrong == Wrong::Late { &mut state.late } else { &mut state.held }.push(request);
                Err(lost())
            }
        };
        for request in late {
            request.await;
        }
        answer
    }
}

#[async_trait]
impl StoragePort for FaultyPort {
    async fn create_container(&self) -> Result<(), PortError> {
        let port = Arc::clone(&self.port);
        let request = async move { port.create_container().await };
        self.request("make a container", "", request).await
    }

    async fn list(&self, prefix: &str, marker: Option<&str>) -> Result<BlobPage, PortError> {
        let (port, of) = (Arc::clone(&self.port), prefix.to_owned());
        let marker = marker.map(str::to_owned);
        let request = async move { port.list(&of, marker.as_deref()).await };
        self.request("list", prefix, request).await
    }

    async fn get(&self, blob: &str, from: u64, length: Option<u64>) -> Result<Got, PortError> {
        let (port, name) = (Arc::clone(&self.port), blob.to_owned());
        self.request("get", blob, async move { port.get(&name, from, length).await }).await
    }

    async fn put(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        metadata: &Metadata,
        only: &Only,
    ) -> Result<Etag, PortError> {
        let (port, name) = (Arc::clone(&self.port), blob.to_owned());
        let (metadata, only) = (metadata.clone(), only.clone());
        let request = async move { port.put(&name, bytes, &metadata, &only).await };
        self.request("put", blob, request).await
    }

    async fn delete(&self, blob: &str) -> Result<(), PortError> {
        let (port, name) = (Arc::clone(&self.port), blob.to_owned());
        self.request("delete", blob, async move { port.delete(&name).await }).await
    }

    async fn create_append_blob(&self, blob: &str) -> Result<(), PortError> {
        let (port, name) = (Arc::clone(&self.port), blob.to_owned());
        let request = async move { port.create_append_blob(&name).await };
        self.request("make an append blob", blob, request).await
    }

    async fn append(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        position: u64,
        lease: &LeaseId,
    ) -> Result<(), PortError> {
        let (port, name, lease) = (Arc::clone(&self.port), blob.to_owned(), lease.clone());
        let request = async move { port.append(&name, bytes, position, &lease).await };
        self.request("append", blob, request).await
    }

    async fn acquire_lease(&self, blob: &str, id: &LeaseId) -> Result<(), PortError> {
        let (port, name, id) = (Arc::clone(&self.port), blob.to_owned(), id.clone());
        let request = async move { port.acquire_lease(&name, &id).await };
        self.request("lease", blob, request).await
    }

    async fn break_lease(&self, blob: &str) -> Result<(), PortError> {
        let (port, name) = (Arc::clone(&self.port), blob.to_owned());
        let request = async move { port.break_lease(&name).await };
        self.request("break a lease", blob, request).await
    }

    async fn create_queue(&self, queue: &str) -> Result<(), PortError> {
        let (port, name) = (Arc::clone(&self.port), queue.to_owned());
        let request = async move { port.create_queue(&name).await };
        self.request("make a queue", queue, request).await
    }

    async fn send(&self, queue: &str, text: &str) -> Result<(), PortError> {
        let (port, name, text) = (Arc::clone(&self.port), queue.to_owned(), text.to_owned());
        self.request("send", queue, async move { port.send(&name, &text).await }).await
    }

    async fn queue_length(&self, queue: &str) -> Result<u64, PortError> {
        let (port, name) = (Arc::clone(&self.port), queue.to_owned());
        self.request("count", queue, async move { port.queue_length(&name).await }).await
    }

    async fn oldest_message(&self, queue: &str) -> Result<Option<Timestamp>, PortError> {
        let (port, name) = (Arc::clone(&self.port), queue.to_owned());
        self.request("look", queue, async move { port.oldest_message(&name).await }).await
    }

    async fn receive(
        &self,
        queue: &str,
        limit: u32,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        let (port, name) = (Arc::clone(&self.port), queue.to_owned());
        let request = async move { port.receive(&name, limit, visibility).await };
        self.request("receive", queue, request).await
    }

    async fn extend(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        visibility: Duration,
    ) -> Result<String, PortError> {
        let (port, name) = (Arc::clone(&self.port), queue.to_owned());
        let (id, receipt) = (id.to_owned(), receipt.to_owned());
        let request = async move { port.extend(&name, &id, &receipt, visibility).await };
        self.request("extend", queue, request).await
    }

    async fn remove(&self, queue: &str, id: &str, receipt: &str) -> Result<(), PortError> {
        let (port, name) = (Arc::clone(&self.port), queue.to_owned());
        let (id, receipt) = (id.to_owned(), receipt.to_owned());
        let request = async move { port.remove(&name, &id, &receipt).await };
        self.request("remove", queue, request).await
    }
}

impl fmt::Debug for FaultyPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.port.fmt(f)
    }
}
