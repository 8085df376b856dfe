//! Who is let in: memory stays bounded, whatever clients do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::error::{Error, Result};
use crate::options::WhenBusy;

/// Bytes of message data that count as one unit; each message counts as one more.
const UNIT_BYTES: usize = 1024;

/// Bounds what is in flight: messages that are not durable yet, and instances in memory.
#[derive(Debug)]
pub(crate) struct Admission {
    messages: Arc<Semaphore>,
    instances: Arc<Semaphore>,
    message_units: u32,
    when_busy: WhenBusy,
    /// How many wait for a place for an instance.
    waiting: AtomicUsize,
}

/// One who waits for a place.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::AcqRel);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Admission {
    pub(crate) fn new(message_units: u32, instances: usize, when_busy: WhenBusy) -> Self {
        Self {
            messages: Arc::new(Semaphore::new(message_units as usize)),
            instances: Arc::new(Semaphore::new(instances)),
            message_units,
            when_busy,
            waiting: AtomicUsize::new(0),
        }
    }

    /// Lets a message in; the permit is to be held until it is answered.
    pub(crate) async fn message(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let units = u32::try_from(1 + bytes / UNIT_BYTES).unwrap_or(u32::MAX);
        let units = units.min(self.message_units);
        match self.messages.clone().try_acquire_many_owned(units) {
            Ok(permit) => Ok(permit),
            Err(TryAcquireError::Closed) => Err(Error::ShuttingDown),
            Err(TryAcquireError::NoPermits) if self.when_busy == WhenBusy::Refuse => {
                Err(Error::Busy { what: "messages in flight" })
            }
            Err(TryAcquireError::NoPermits) => {
                let waiting = self.messages.clone().acquire_many_owned(units);
                waiting.await.map_err(|_| Error::ShuttingDown)
            }
        }
    }

    /// Lets an instance in. Where there is no place, `make_room` is to ask idle instances to go;
    /// those that become idle later go by themselves while somebody waits here.
    pub(crate) async fn instance(&self, make_room: impl FnOnce()) -> Result<OwnedSemaphorePermit> {
        match self.instances.clone().try_acquire_owned() {
            Ok(slot) => return Ok(slot),
            Err(TryAcquireError::Closed) => return Err(Error::ShuttingDown),
            Err(TryAcquireError::NoPermits) => {}
        }
        let _waiting = Waiting::begin(&self.waiting);
        make_room();
        if self.when_busy == WhenBusy::Refuse {
            return Err(Error::Busy { what: "instances in memory" });
        }
        self.instances.clone().acquire_owned().await.map_err(|_| Error::ShuttingDown)
    }

    /// Whether somebody waits for a place for an instance.
    pub(crate) fn wants_room(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// A place for an instance that comes back into memory: it does not wait, so that nothing that
    /// waits for it waits for ever.
    pub(crate) fn instance_coming_back(&self) -> Option<OwnedSemaphorePermit> {
        self.instances.clone().try_acquire_owned().ok()
    }

    /// Lets nobody in any more, those who wait included.
    pub(crate) fn close(&self) {
        self.messages.close();
        self.instances.close();
    }

    /// Whether nobody is let in any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }
}
