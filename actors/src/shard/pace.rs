//! How many instances of a shard come into memory at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ractor::ActorRef;

use crate::admission::Kind;
use crate::message::ShardMessage;

/// Most instances of a shard that come into memory at a time for what somebody has sent them, and as many
/// that are due: each reads its log and replays it, and others want the thread too. Those that clients start
/// are not counted: they have nothing to read.
const AT_A_TIME: usize = 256;

/// Counts the instances of a shard that are coming into memory, and have not handled yet what they come for.
pub(crate) struct Pace {
    supervisor: ActorRef<ShardMessage>,
    asked: AtomicUsize,
    due: AtomicUsize,
    /// Some wait until others have come: the supervisor wants to be told.
    held_up: AtomicBool,
    /// There are some that are due and wait. What has come because it was due goes once it is idle.
    is_due_waiting: AtomicBool,
}

/// An instance that is coming into memory.
pub(crate) struct Coming {
    pace: Arc<Pace>,
    kind: Kind,
}

impl Pace {
    pub(super) fn new(supervisor: ActorRef<ShardMessage>) -> Arc<Self> {
        Arc::new(Self {
            supervisor,
            asked: AtomicUsize::new(0),
            due: AtomicUsize::new(0),
            held_up: AtomicBool::new(false),
            is_due_waiting: AtomicBool::new(false),
        })
    }

    /// Whether another may come now. Otherwise the supervisor is told when it may.
    pub(super) fn has_room(&self, kind: Kind) -> bool {
        if self.count(kind).load(Ordering::Acquire) < AT_A_TIME {
            return true;
        }
        self.held_up.store(true, Ordering::SeqCst);
        // One may have come since the look, and found nobody to tell.
        self.count(kind).load(Ordering::SeqCst) < AT_A_TIME
    }

    /// One is coming.
    pub(super) fn begin(self: &Arc<Self>, kind: Kind) -> Coming {
        self.count(kind).fetch_add(1, Ordering::AcqRel);
        Coming { pace: self.clone(), kind }
    }

    pub(super) fn set_due_waiting(&self, is_waiting: bool) {
        self.is_due_waiting.store(is_waiting, Ordering::Relaxed);
    }

    pub(crate) fn is_due_waiting(&self) -> bool {
        self.is_due_waiting.load(Ordering::Relaxed)
    }

    fn count(&self, kind: Kind) -> &AtomicUsize {
        if kind == Kind::Due { &self.due } else { &self.asked }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.pace.count(self.kind).fetch_sub(1, Ordering::SeqCst);
        if self.pace.held_up.load(Ordering::SeqCst)
            && self.pace.held_up.swap(false, Ordering::SeqCst)
        {
            // A supervisor that has gone lets nobody in.
            let _ = self.pace.supervisor.cast(ShardMessage::Admit);
        }
    }
}
