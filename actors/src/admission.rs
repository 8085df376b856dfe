//! Admission: bounds what is in flight and in memory, whatever clients do and whatever is due.

mod places;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::error::{Error, Result};
use crate::metrics::AdmissionRecorder;
use crate::options::WhenBusy;

use places::Places;
pub(crate) use places::{Busy, InstancesOfThread, Kind, Place};

/// Bytes of message data that count as one unit; each message counts as one more.
const UNIT_BYTES: usize = 1024;

/// Bounds what is in flight: messages that are not durable yet, and instances in memory.
#[derive(Debug)]
pub(crate) struct Admission {
    messages: Arc<Semaphore>,
    instances: Places,
    message_units: u32,
    when_busy: WhenBusy,
    /// How many wait for a place for an instance.
    waiting: AtomicUsize,
    recorder: Arc<AdmissionRecorder>,
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
    pub(crate) fn new(
        message_units: u32,
        instances: usize,
        when_busy: WhenBusy,
        recorder: Arc<AdmissionRecorder>,
    ) -> Self {
        Self {
            messages: Arc::new(Semaphore::new(message_units as usize)),
            instances: Places::new(instances),
            message_units,
            when_busy,
            waiting: AtomicUsize::new(0),
            recorder,
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
                self.recorder.refusals.count();
                Err(Error::Busy { what: "messages in flight" })
            }
            Err(TryAcquireError::NoPermits) => {
                let _counted = self.recorder.message_waits();
                let waiting = self.messages.clone().acquire_many_owned(units);
                waiting.await.map_err(|_| Error::ShuttingDown)
            }
        }
    }

    /// Lets an instance in that a client starts. Where there is no place, `make_room` is to ask idle
    /// instances to go; those that become idle later go by themselves while somebody waits here.
    pub(crate) async fn instance(&self, make_room: impl FnOnce()) -> Result<Place> {
        if let Some(place) = self.instances.try_take(Kind::Start) {
            return Ok(place);
        }
        if self.is_closed() {
            return Err(Error::ShuttingDown);
        }
        if self.when_busy == WhenBusy::Refuse {
            let _waiting = Waiting::begin(&self.waiting);
            make_room();
            self.recorder.refusals.count();
            return Err(Error::Busy { what: "instances in memory" });
        }
        self.place(Kind::Start, make_room).await.ok_or(Error::ShuttingDown)
    }

    /// A place for an instance that comes into memory, if there is one.
    pub(crate) fn try_place(&self, kind: Kind) -> Option<Place> {
        self.instances.try_take(kind)
    }

    /// Waits for such a place, as [`instance`](Self::instance) does.
    pub(crate) async fn place(&self, kind: Kind, make_room: impl FnOnce()) -> Option<Place> {
        let _waiting = Waiting::begin(&self.waiting);
        let _counted = self.recorder.instance_waits();
        make_room();
        self.instances.take(kind).await
    }

    /// The thread of these instances is given up: others get their places.
    pub(crate) fn give_up(&self, tenants: &InstancesOfThread) {
        self.instances.give_up(tenants);
    }

    /// Whether all places are those of instances that have something under way, as far as they were asked.
    pub(crate) fn are_all_busy(&self) -> bool {
        self.instances.are_all_busy()
    }

    /// An instance that has a place has something under way.
    pub(crate) fn busy(&self) -> Busy {
        self.instances.busy()
    }

    /// Whether somebody waits for a place for an instance.
    pub(crate) fn wants_room(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Admits nothing more; waits end too.
    pub(crate) fn close(&self) {
        self.messages.close();
        self.instances.close();
    }

    /// Whether nothing more is admitted.
    pub(crate) fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }
}
