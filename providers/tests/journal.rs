//! The journal keeps its promises on a disk that loses, tears, refuses and rots.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "journal/crash.rs"]
mod crash;
#[path = "journal/cut.rs"]
mod cut;
#[path = "journal/faults.rs"]
mod faults;
#[path = "journal/files.rs"]
mod files;
#[path = "journal/fixture.rs"]
mod fixture;
#[path = "journal/flip.rs"]
mod flip;
#[path = "journal/kit.rs"]
mod kit;
#[path = "journal/misplaced.rs"]
mod misplaced;
#[path = "journal/mutated.rs"]
mod mutated;
#[path = "journal/scenario.rs"]
mod scenario;
#[path = "journal/writing.rs"]
mod writing;
