//! Panics of user code, as text.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
pub(crate) fn catch_panic(poll: &mut dyn FnMut()) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(poll)).map_err(panic_message)
}
