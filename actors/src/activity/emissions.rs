//! What an attempt of an activity emits, until it is durable.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reenact_core::limits::{
    MAX_EMITTED_BYTES_UNDER_WAY, MAX_EMITTED_UNDER_WAY, MAX_STREAM_ITEM_BYTES, STREAM_ITEM_BYTES,
};
use reenact_core::{ActivityError, InvalidName, Name, Payload, PayloadError};
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result as HostResult};

/// Why an activity cannot emit an item.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// No stream can have the name.
    #[error("activity `{activity}` cannot emit to a stream: {source}")]
    InvalidName {
        /// The activity.
        activity: Name,
        /// What is wrong with the name.
        source: InvalidName,
    },
    /// The item does not encode.
    #[error("an item that activity `{activity}` emits to stream `{stream}` is not valid: {source}")]
    Invalid {
        /// The activity.
        activity: Name,
        /// The stream.
        stream: Name,
        /// Why.
        source: PayloadError,
    },
    /// The item is over [`MAX_STREAM_ITEM_BYTES`](reenact_core::limits::MAX_STREAM_ITEM_BYTES).
    #[error(
        "an item that activity `{activity}` emits to stream `{stream}` has {bytes} bytes; \
         at most {MAX_STREAM_ITEM_BYTES} are allowed"
    )]
    TooLarge {
        /// The activity.
        activity: Name,
        /// The stream.
        stream: Name,
        /// Its size in bytes.
        bytes: usize,
    },
    /// The activity is local, or runs for a tag, on a host that need not be that of the instance: such a one
    /// returns what it has, and the orchestration emits it.
    #[error(
        "activity `{activity}` is local or has a tag, and cannot emit; return the items, and emit them in the \
         orchestration"
    )]
    NotHere {
        /// The activity.
        activity: Name,
    },
    /// The instance took none of the items that were under way. Earlier ones count.
    #[error("activity `{activity}` cannot emit: {source}")]
    Refused {
        /// The activity.
        activity: Name,
        /// Why: the attempt is over, the instance is parked, or a limit is passed.
        source: Box<Error>,
    },
    /// The host has ended.
    #[error("activity `{activity}` cannot emit, because its host has ended")]
    HostEnded {
        /// The activity.
        activity: Name,
    },
}

/// Another attempt may emit where the instance or the host could not go on; otherwise it would fail in the same
/// way.
impl From<EmitError> for ActivityError {
    fn from(error: EmitError) -> Self {
        match &error {
            EmitError::HostEnded { .. } => Self::retryable(error),
            EmitError::Refused { source, .. } if source.kind() == ErrorKind::Parked => {
                Self::retryable(error)
            }
            _ => Self::fatal(error),
        }
    }
}

/// Items of an attempt that go to one stream together.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) stream: Name,
    /// The number of the first one among those that the attempt has emitted to the stream.
    pub(crate) number: u64,
    pub(crate) items: Vec<Payload>,
}

/// What an attempt emits. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Emissions(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Notified when a batch is durable, refused or lost.
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    /// In the order in which they were emitted; one entry for items of one stream that follow each other.
    waiting: VecDeque<(Name, Vec<Payload>)>,
    /// The batch that was sent last, until it is durable: one at a time, so that their order is kept.
    sent: Option<Batch>,
    /// Whether it was lost on its way.
    is_lost: bool,
    /// How many items of each stream are durable or sent.
    numbers: HashMap<Name, u64>,
    /// All that is not durable.
    items: usize,
    bytes: usize,
    refused: Option<Box<Error>>,
    /// Keeps all items, for a call in a unit test.
    record: Option<Vec<(Name, Payload)>>,
}

impl Emissions {
    /// Those of a call in a unit test.
    pub(super) fn of_test() -> Self {
        let emissions = Self::default();
        emissions.queue().record = Some(Vec::new());
        emissions
    }

    /// What was emitted to a stream in a unit test.
    pub(super) fn recorded(&self, stream: &str) -> Vec<Payload> {
        let queue = self.queue();
        let all = queue.record.iter().flatten().filter(|(of, _)| of.as_str() == stream);
        all.map(|(_, item)| item.clone()).collect()
    }

    /// Notified when a batch is durable, refused or lost.
    pub(super) fn changed(&self) -> &Notify {
        &self.0.changed
    }

    /// Whether there is room for an item; or why nothing is taken any more.
    pub(super) fn has_room(&self) -> Result<bool, Box<Error>> {
        let queue = self.queue();
        queue.check()?;
        Ok(queue.items < MAX_EMITTED_UNDER_WAY && queue.bytes < MAX_EMITTED_BYTES_UNDER_WAY)
    }

    /// Whether all is durable; or why it will not be.
    pub(super) fn is_flushed(&self) -> Result<bool, Box<Error>> {
        let queue = self.queue();
        queue.check()?;
        Ok(queue.items == 0)
    }

    pub(super) fn add(&self, stream: Name, item: Payload) {
        let mut queue = self.queue();
        if let Some(record) = &mut queue.record {
            return record.push((stream, item));
        }
        queue.items += 1;
        queue.bytes += STREAM_ITEM_BYTES + item.len();
        match queue.waiting.back_mut() {
            Some((last, items)) if *last == stream => items.push(item),
            _ => queue.waiting.push_back((stream, vec![item])),
        }
    }

    /// The batch that is to be sent now, if there is one.
    pub(super) fn next(&self) -> Option<Batch> {
        self.queue().next()
    }

    /// Whether the batch that was sent last was lost, and is to be sent again.
    pub(super) fn is_lost(&self) -> bool {
        self.queue().is_lost
    }

    /// The batch that was sent last was lost on its way.
    pub(super) fn lose(&self) {
        self.queue().is_lost = true;
        self.0.changed.notify_waiters();
    }

    /// The batch that was sent last has its answer.
    pub(super) fn answered(&self, answer: HostResult<()>) {
        let mut queue = self.queue();
        match answer {
            Ok(()) => queue.is_durable(),
            Err(error) if comes_to_nothing(&error) => queue.is_lost = true,
            Err(error) => queue.refused = Some(Box::new(error)),
        }
        drop(queue);
        self.0.changed.notify_waiters();
    }

    /// Every change under the lock is complete, so a panic while it is held leaves it usable.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn check(&self) -> Result<(), Box<Error>> {
        self.refused.clone().map_or(Ok(()), Err)
    }

    /// The batch that is to be sent now.
    fn next(&mut self) -> Option<Batch> {
        if mem::take(&mut self.is_lost) {
            // As it was: what was recorded of it counts once.
            return self.sent.clone();
        }
        if self.sent.is_some() || self.refused.is_some() {
            return None;
        }
        let (stream, items) = self.waiting.pop_front()?;
        let sent = self.numbers.entry(stream.clone()).or_default();
        let number = *sent;
        *sent += items.len() as u64;
        self.sent = Some(Batch { stream, number, items });
        self.sent.clone()
    }

    fn is_durable(&mut self) {
        let Some(sent) = self.sent.take() else { return };
        self.items -= sent.items.len();
        let bytes = sent.items.iter().map(|item| STREAM_ITEM_BYTES + item.len());
        self.bytes -= bytes.sum::<usize>();
    }
}

/// Whether the batch may be sent again: the store or the shard was away, and what was recorded counts once.
fn comes_to_nothing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Store | ErrorKind::ShuttingDown | ErrorKind::Uncertain)
}
