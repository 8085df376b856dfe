//! The test kit for users, as users use it: the crate's feature `testing`.
#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

mod determinism;
mod doubles;
mod exported;
mod golden_texts;
mod misuse;
// The modules of the example, where they find each other.
#[allow(dead_code)]
#[path = "../../examples/shop/orders.rs"]
mod orders;
mod shop;
mod time;
#[allow(dead_code)]
#[path = "../../examples/shop/world.rs"]
mod world;

use reenact::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a panic said.
fn panic_of<T>(code: impl FnOnce() -> T) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(code));
    let panic = panic.err().expect("it panics");
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| panic.downcast_ref::<&str>().expect("a text").to_string())
}
