//! The waker of an execution: a wake from outside a turn shows that the code awaits something that is not durable.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Called at a wake from outside a turn.
pub type ForeignWakeHook = Arc<dyn Fn() + Send + Sync>;

/// The waker of an execution's future.
pub(crate) struct TurnWaker {
    in_turn: AtomicBool,
    /// Where the turn is under way.
    thread: AtomicU64,
    woken: AtomicBool,
    foreign: AtomicBool,
    this_thread: Option<fn() -> u64>,
    hook: Option<ForeignWakeHook>,
}

impl TurnWaker {
    pub(crate) fn new(this_thread: Option<fn() -> u64>, hook: Option<ForeignWakeHook>) -> Self {
        Self {
            in_turn: AtomicBool::new(false),
            thread: AtomicU64::new(0),
            woken: AtomicBool::new(false),
            foreign: AtomicBool::new(false),
            this_thread,
            hook,
        }
    }

    pub(crate) fn begin_turn(&self) {
        if let Some(this_thread) = self.this_thread {
            self.thread.store(this_thread(), Ordering::Relaxed);
        }
        self.in_turn.store(true, Ordering::Release);
    }

    pub(crate) fn end_turn(&self) {
        self.in_turn.store(false, Ordering::Release);
        self.woken.store(false, Ordering::Relaxed);
    }

    /// Whether something was woken since the last call.
    pub(crate) fn take_woken(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    fn is_of_the_turn(&self) -> bool {
        let here = |this_thread: fn() -> u64| this_thread() == self.thread.load(Ordering::Relaxed);
        self.in_turn.load(Ordering::Acquire) && self.this_thread.is_none_or(here)
    }

    /// Whether there was a wake from outside a turn, ever.
    pub(crate) fn was_foreign(&self) -> bool {
        self.foreign.load(Ordering::Acquire)
    }
}

impl Wake for TurnWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_of_the_turn() {
            self.woken.store(true, Ordering::Release);
        } else if !self.foreign.swap(true, Ordering::AcqRel)
            && let Some(hook) = &self.hook
        {
            hook();
        }
    }
}
