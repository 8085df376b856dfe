//! The console as people use it: in a real Chromium, driven by its WebDriver.
//!
//! Needs `chromium` and `chromedriver` (on Debian: `apt-get install chromium chromium-driver`), and so is not among
//! the tests that `cargo test` runs: `cargo test --all-features --test browser` runs them.

mod attacks;
mod chromium;
mod entities;
mod looking;
mod mending;
mod quarantine;
mod scene;
mod starting;
mod stopping;
