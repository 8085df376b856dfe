//! A runtime on which something can happen between any two polls of its tasks.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread in paused time, which can show each single poll of a task.
pub(super) struct Stepper {
    runtime: Runtime,
    shared: Arc<Shared>,
}

/// What the root future, the sentinel and the runtime have in common.
#[derive(Default)]
struct Shared {
    root: Mutex<Option<Waker>>,
    sentinel: Mutex<Option<Waker>>,
    sentinel_ran: AtomicBool,
    /// Time may have moved on, and no task has been polled since.
    has_parked: AtomicBool,
}

impl Stepper {
    /// One that shows its polls only to who pays for it.
    pub(super) fn new(shows_polls: bool) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true);
        if shows_polls {
            let shared = shared.clone();
            // The future of `block_on` has its turn after each poll of a task.
            builder.event_interval(1).on_thread_unpark(move || {
                shared.has_parked.store(true, Ordering::SeqCst);
                wake(&shared.root);
            });
        }
        Ok(Self { runtime: builder.build()?, shared })
    }

    pub(super) const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Runs a future, and calls `after_poll` after each poll of any task but this future.
    ///
    /// Time moves on only when nothing is woken, so the root future must not wake itself then. A task that does nothing,
    /// the sentinel, goes round in the queue: when nothing was polled between two of its turns, nothing is woken.
    pub(super) fn block_on<F: Future>(&self, future: F, after_poll: impl Fn()) -> F::Output {
        let shared = &self.shared;
        let woken = Arc::new(Woken { shared: shared.clone(), is_woken: AtomicBool::new(true) });
        let waker = Waker::from(woken.clone());
        let mut future = pin!(future);
        let (mut began, mut only_sentinel) = (false, false);
        self.runtime.block_on(poll_fn(|root| {
            set(&shared.root, root.waker());
            if !began {
                began = true;
                tokio::spawn(Sentinel(shared.clone()));
            }
            let has_parked = shared.has_parked.swap(false, Ordering::SeqCst);
            let sentinel_ran = shared.sentinel_ran.swap(false, Ordering::SeqCst);
            if !has_parked && !sentinel_ran {
                after_poll();
            }
            let mut is_idle = sentinel_ran && only_sentinel;
            only_sentinel = sentinel_ran;
            if woken.is_woken.swap(false, Ordering::SeqCst) {
                (is_idle, only_sentinel) = (false, false);
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return Poll::Ready(output);
                }
            }
            if !is_idle {
                if has_parked || sentinel_ran {
                    wake(&shared.sentinel);
                }
                root.waker().wake_by_ref();
            }
            Poll::Pending
        }))
    }
}

struct Sentinel(Arc<Shared>);

impl Future for Sentinel {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        set(&self.0.sentinel, cx.waker());
        self.0.sentinel_ran.store(true, Ordering::SeqCst);
        Poll::Pending
    }
}

/// Whether the future itself was woken.
struct Woken {
    shared: Arc<Shared>,
    is_woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        wake(&self.shared.root);
    }
}

fn set(place: &Mutex<Option<Waker>>, waker: &Waker) {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    if !place.as_ref().is_some_and(|it| it.will_wake(waker)) {
        *place = Some(waker.clone());
    }
}

fn wake(place: &Mutex<Option<Waker>>) {
    if let Some(waker) = &*place.lock().unwrap_or_else(PoisonError::into_inner) {
        waker.wake_by_ref();
    }
}
