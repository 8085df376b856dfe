//! `RaiseEvent`: the raising of an external event, with its key.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

#[cfg(doc)]
use reenact_actors::Error;
use reenact_actors::{ExternalEvent, Result};
use reenact_core::{InstanceId, TraceContext};

use super::Client;

/// An external event on its way. Await it to raise it; nothing happens before.
///
/// Through another host's shard, `Ok` says that it survives: it is in the queue of the host that has the
/// instance, under a key of its own where none is given, and counts once. A refusal that comes later is in
/// [quarantine](Client::quarantined).
///
/// # Errors
/// - [`Error::InvalidName`], [`Error::InvalidPayload`]: the id, the name, the key or the data is invalid.
/// - [`Error::NotFound`], [`Error::Finished`], [`Error::TooManyEvents`]: the instance does not take
///   it.
/// - [`Error::Parked`]: the instance is parked, and its log cannot be read. On any other that is parked
///   the event is kept, and its code sees it once it goes on.
/// - [`Error::Busy`], [`Error::ShuttingDown`]: the host does not take it.
/// - [`Error::Interrupted`], [`Error::Store`]: whether it counted may not be known; raise it again
///   with the same key.
#[must_use = "nothing is raised until it is awaited"]
pub struct RaiseEvent {
    client: Client,
    id: Result<InstanceId>,
    event: Result<ExternalEvent>,
}

impl RaiseEvent {
    pub(crate) const fn new(
        client: Client,
        id: Result<InstanceId>,
        event: Result<ExternalEvent>,
    ) -> Self {
        Self { client, id, event }
    }

    /// An idempotency key: of the events that are raised on an instance with one key, the first
    /// counts, for as long as the execution lasts. When the instance continues as new, it still knows
    /// the keys of the newest
    /// [`CARRIED_EVENT_KEYS`](crate::limits::CARRIED_EVENT_KEYS) events, and those of the
    /// events that it has not taken.
    pub fn key(mut self, key: impl AsRef<str>) -> Self {
        self.event = self.event.and_then(|event| event.with_key(key.as_ref()));
        self
    }

    /// In the trace of this context: it goes into the log of the instance, next to the event. With the feature
    /// `otel`, it is that of the current span where none is given.
    pub fn trace_context(mut self, context: TraceContext) -> Self {
        self.event = self.event.map(|event| event.with_trace(context));
        self
    }
}

impl IntoFuture for RaiseEvent {
    type Output = Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.client.access().raise_event(&self.id?, self.event?).await })
    }
}
