//! The sidecar as real clients use it: the SDKs of Durable Task for Python and JavaScript, as they are published.
//!
//! Needs `python3` with `venv`, and `node` with `npm`; the packages of the SDKs are installed into `target/clients`.
//! So it is not among the tests that `cargo test` runs: `cargo test -p reenact-sidecar --test clients` runs them.

mod hub;
mod kills;
mod packages;
mod refusals;
mod sidecar;
mod suites;
