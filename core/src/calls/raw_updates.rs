//! Updates on encoded values, for code that runs other code: what such an update did is known from the log.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::calls::updates::NextRequest;
use crate::context::OrchestrationContext;
use crate::error::EventError;
use crate::ids::{EventKey, Name};
use crate::payload::Payload;
use crate::state::{RecordedAnswer, Shared};
use crate::update_answer::UpdateAnswer;

/// An update as it is stored: see [`OrchestrationContext::next_raw_update`]. Dropped without an answer while the
/// code goes on, it is answered as dropped; what is held as the code continues as new, comes again.
#[must_use = "its caller waits for an answer"]
pub struct RawUpdate {
    shared: Shared,
    /// None when it was raised as an event without a key: nobody waits for the answer.
    key: Option<EventKey>,
    data: Payload,
}

/// Waits for the next update of a name. Dropped before it has one, it leaves the update to the next wait.
#[must_use = "it takes no update until it is awaited"]
pub struct NextRawUpdate {
    next: NextRequest,
    shared: Shared,
}

#[doc(hidden)]
impl OrchestrationContext {
    /// Waits for the next update of a name, as it is stored.
    pub fn next_raw_update(&self, name: &Name) -> NextRawUpdate {
        NextRawUpdate { next: NextRequest::of(self, name), shared: self.shared().clone() }
    }

    /// Publishes a value that is encoded already: see [`publish`](Self::publish).
    pub fn publish_payload(&self, name: &Name, value: Payload) {
        self.shared().lock().publish(name.clone(), value);
    }

    /// The value that is published under a name, as it is stored.
    pub fn published_payload(&self, name: &str) -> Option<Payload> {
        self.shared().lock().published.get(name).cloned()
    }
}

impl Future for NextRawUpdate {
    type Output = Result<RawUpdate, EventError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.next).poll(cx).map(|next| {
            let (data, key) = next?;
            Ok(RawUpdate { shared: self.shared.clone(), key, data })
        })
    }
}

impl RawUpdate {
    /// What was sent.
    pub const fn data(&self) -> &Payload {
        &self.data
    }

    /// The key under which it came; `None` for an event without one.
    pub const fn key(&self) -> Option<&EventKey> {
        self.key.as_ref()
    }

    /// Answers it. The caller has the answer when it is durable. Gives the bytes of the answer, as it is recorded.
    pub fn answer(mut self, answer: UpdateAnswer) -> usize {
        let key = self.key.take();
        key.map_or(0, |key| self.shared.lock().answer_update(key, answer))
    }

    /// At replay: does again what the log says that the code did with the update, if that was only to publish
    /// values and to answer it, and all in the turn in which it was taken. Then the code that did it need not
    /// run again. Gives the bytes of the answer.
    ///
    /// # Errors
    /// The update, when the code has to run.
    pub fn repeat(mut self) -> Result<usize, Self> {
        let Some(key) = self.key.take() else { return Err(self) };
        let mut state = self.shared.lock();
        let Some(RecordedAnswer { published, answer }) = state.recorded_answer(&key) else {
            drop(state);
            self.key = Some(key);
            return Err(self);
        };
        for (name, value) in published {
            match value {
                Some(value) => state.publish(name, value),
                None => state.unpublish(name),
            }
        }
        Ok(state.answer_update(key, answer))
    }
}

impl Drop for RawUpdate {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.shared.lock().drop_update(key);
        }
    }
}

impl fmt::Debug for RawUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, data, .. } = self;
        f.debug_struct("RawUpdate").field("key", key).field("data", data).finish_non_exhaustive()
    }
}

impl fmt::Debug for NextRawUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextRawUpdate").finish_non_exhaustive()
    }
}
