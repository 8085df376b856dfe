//! The next segment, prepared before it is needed.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::medium::{Medium, MediumError};

/// Has room for one prepared segment.
#[derive(Debug)]
pub(super) struct SpareSlot<M: Medium> {
    coming: Option<Coming<M>>,
}

#[derive(Debug)]
struct Coming<M: Medium> {
    size: u64,
    spare: Spare<M>,
}

#[derive(Debug)]
enum Spare<M: Medium> {
    /// A thread prepares it.
    Thread(JoinHandle<Result<M::Spare, MediumError>>),
    Prepared(Result<M::Spare, MediumError>),
}

impl<M: Medium> Default for SpareSlot<M> {
    fn default() -> Self {
        Self { coming: None }
    }
}

impl<M: Medium> SpareSlot<M> {
    pub(super) const fn is_empty(&self) -> bool {
        self.coming.is_none()
    }

    /// Begins to prepare a segment of `size` bytes, unless one is coming.
    pub(super) fn fill_in_background(&mut self, medium: &Arc<M>, size: u64) {
        if self.is_empty() {
            let medium = Arc::clone(medium);
            let thread = thread::Builder::new().name("reenact-spare".to_owned());
            let thread = thread.spawn(move || medium.prepare(size));
            self.coming = match thread {
                Ok(thread) => Some(Coming { size, spare: Spare::Thread(thread) }),
                Err(error) => {
                    tracing::warn!(target: "reenact::store", parent: None, %error, "there is no thread that prepares the next segment; the writer prepares it when it needs it");
                    None
                }
            };
        }
    }

    /// Prepares a segment of `size` bytes, unless one is coming.
    pub(super) fn fill(&mut self, medium: &M, size: u64) {
        if self.is_empty() {
            self.coming = Some(Coming { size, spare: Spare::Prepared(medium.prepare(size)) });
        }
    }

    /// The prepared segment and its size, if it has room for `needed` bytes. Waits for one that is
    /// coming: to begin another would take longer. One that failed is left out; the writer
    /// prepares another then and gets the error.
    pub(super) fn take(&mut self, needed: u64) -> Option<(M::Spare, u64)> {
        let Coming { size, spare } = self.coming.take()?;
        let prepared = match spare {
            // The panic was printed.
            Spare::Thread(thread) => thread.join().ok()?,
            Spare::Prepared(prepared) => prepared,
        };
        match prepared {
            Ok(spare) => (size >= needed).then_some((spare, size)),
            Err(error) => {
                tracing::warn!(target: "reenact::store", parent: None, %error, "the next segment could not be prepared; the writer prepares it when it needs it");
                None
            }
        }
    }
}

/// Nothing of this one goes on when the journal is opened again.
impl<M: Medium> Drop for SpareSlot<M> {
    fn drop(&mut self) {
        if let Some(Coming { spare: Spare::Thread(thread), .. }) = self.coming.take() {
            let _ = thread.join();
        }
    }
}
