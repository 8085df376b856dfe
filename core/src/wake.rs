//! Wakes inside a turn count; wakes from outside betray something that is not durable.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, Ordering};

/// Told of a wake from outside a turn.
pub type ForeignWakeHook = Arc<dyn Fn() + Send + Sync>;

/// The waker of an execution's future.
pub(crate) struct TurnWaker {
    in_turn: AtomicBool,
    woken: AtomicBool,
    foreign: AtomicBool,
    hook: Option<ForeignWakeHook>,
}

impl TurnWaker {
    pub(crate) fn new(hook: Option<ForeignWakeHook>) -> Self {
        Self {
            in_turn: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            foreign: AtomicBool::new(false),
            hook,
        }
    }

    pub(crate) fn begin_turn(&self) {
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
        if self.in_turn.load(Ordering::Acquire) {
            self.woken.store(true, Ordering::Release);
        } else if !self.foreign.swap(true, Ordering::AcqRel)
            && let Some(hook) = &self.hook
        {
            hook();
        }
    }
}
