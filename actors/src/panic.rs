//! How polls of user code are run: panics become texts, and tokio has no say in them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use tokio::task::unconstrained;

/// A number of this thread alone; see [`reenact_core::MachineConfig::this_thread`].
pub(crate) fn this_thread() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    thread_local!(static NUMBER: u64 = THREADS.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

/// The message of a panic, as far as it is a text.
pub(crate) fn panic_message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(message) => (*message).to_owned(),
            Err(_) => "a panic without a message".to_owned(),
        },
    }
}

/// Runs a poll of user code; see [`reenact_core::CatchPanic`].
///
/// Outside of tokio's budget: an actor that has used up its budget would see `tokio::select!` pending
/// for no reason of the orchestration's, and woken after the turn.
pub(crate) fn catch_panic(poll: &mut dyn FnMut()) -> Result<(), String> {
    let polled = || unconstrained(async { poll() }).now_or_never();
    catch_unwind(AssertUnwindSafe(polled)).map(drop).map_err(panic_message)
}
