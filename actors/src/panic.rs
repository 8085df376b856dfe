//! How code of the user's is run: its panics become texts, wherever they happen, and tokio has no say
//! in its polls.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::task::unconstrained;

/// A number of this thread alone; see [`reenact_core::MachineConfig::this_thread`].
pub(crate) fn this_thread() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = THREADS.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

/// How often a panic's payload may panic in its own destructor before it is left where it is.
const MAX_PANICS_OF_PAYLOADS: u32 = 8;

/// Runs code of the user's.
///
/// # Errors
/// The message of its panic.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(code)).map_err(message_of)
}

/// The message of a panic, as far as it is a text. A payload may be a value of the user's, whose
/// destructor panics in turn.
fn message_of(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(message) => (*message).to_owned(),
            Err(panic) => {
                discard(panic);
                "a panic without a message".to_owned()
            }
        },
    }
}

/// Drops a panic's payload, and the payloads of the panics that this brings about. Leaks what goes on
/// panicking.
fn discard(mut panic: Box<dyn Any + Send>) {
    for _ in 0..MAX_PANICS_OF_PAYLOADS {
        match catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            Ok(()) => return,
            Err(next) => panic = next,
        }
    }
    std::mem::forget(panic);
}

/// A future of the user's. Panics in it are caught, those of its destructors included.
pub struct Caught<F> {
    /// None once it has ended.
    future: Option<F>,
}

impl<F> Caught<F> {
    /// Takes over the future.
    pub fn new(future: F) -> Self {
        Self { future: Some(future) }
    }

    /// It is dropped as soon as it has ended: it must not hold anything when its end is reported.
    fn end(&mut self) {
        let future = self.future.take();
        if let Err(panic) = catch(|| drop(future)) {
            tracing::warn!(target: "reenact::instance", parent: None, panic, "user code panicked in a destructor");
        }
    }
}

impl<F: Future + Unpin> Future for Caught<F> {
    /// An error is the message of its panic.
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else { return Poll::Pending };
        match catch(|| Pin::new(future).poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                self.end();
                Poll::Ready(Ok(output))
            }
            Err(panic) => {
                self.end();
                Poll::Ready(Err(panic))
            }
        }
    }
}

impl<F> Drop for Caught<F> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs a poll of user code; see [`reenact_core::CatchPanic`].
///
/// Outside of tokio's budget: an actor that has used up its budget would see `tokio::select!` pending
/// for no reason of the orchestration's, and woken after the turn.
pub(crate) fn catch_panic(poll: &mut dyn FnMut()) -> Result<(), String> {
    let polled = || unconstrained(async { poll() }).now_or_never();
    catch(polled).map(drop)
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// Panics in its destructor, this number of times in a row.
    struct Stubborn(u32);

    impl Drop for Stubborn {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Stubborn(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_payload_that_panics_when_it_is_dropped_is_a_panic_like_every_other() {
        for times in [0, 1, 3, MAX_PANICS_OF_PAYLOADS, u32::MAX] {
            let caught = catch(|| panic_any(Stubborn(times)));
            assert_eq!(caught, Err::<(), _>("a panic without a message".to_owned()));
        }
    }

    #[test]
    fn what_panics_when_it_is_dropped_is_caught_with_its_future() {
        let stubborn = Stubborn(1);
        let mut future = Caught::new(Box::pin(async move {
            let _kept = stubborn;
            std::future::pending::<()>().await;
        }));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut future).poll(&mut context).is_pending());
        drop(future);
    }
}
