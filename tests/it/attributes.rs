//! What the attributes accept, as programs write it. Clippy finds nothing in what they write, not even with all
//! of its lints. What they refuse is in `macros/refused`.

mod activities;
mod blocking;
mod determinism;
mod errors;
mod methods;
mod orchestrations;
