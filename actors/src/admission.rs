//! Who is let in: memory stays bounded, whatever clients do.

use std::sync::Arc;

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
}

impl Admission {
    pub(crate) fn new(message_units: u32, instances: usize, when_busy: WhenBusy) -> Self {
        Self {
            messages: Arc::new(Semaphore::new(message_units as usize)),
            instances: Arc::new(Semaphore::new(instances)),
            message_units,
            when_busy,
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

    /// Lets an instance in, if there is a place.
    pub(crate) fn try_instance(&self) -> Result<Option<OwnedSemaphorePermit>> {
        match self.instances.clone().try_acquire_owned() {
            Ok(slot) => Ok(Some(slot)),
            Err(TryAcquireError::Closed) => Err(Error::ShuttingDown),
            Err(TryAcquireError::NoPermits) if self.when_busy == WhenBusy::Refuse => {
                Err(Error::Busy { what: "instances in memory" })
            }
            Err(TryAcquireError::NoPermits) => Ok(None),
        }
    }

    /// Waits for a place for an instance.
    pub(crate) async fn instance(&self) -> Result<OwnedSemaphorePermit> {
        self.instances.clone().acquire_owned().await.map_err(|_| Error::ShuttingDown)
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
