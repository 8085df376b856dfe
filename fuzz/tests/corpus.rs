//! Each target takes all kept inputs, and a fixed number of changed ones.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use reenact_fuzz::{TARGETS, Target, kept, run};

/// Changed inputs of a target that needs a host for each.
const FEW: u64 = 200;

/// Changed inputs of any other one.
const MANY: u64 = 20_000;

#[track_caller]
fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("there is such a target")
}

/// Runs a target, and names the input at which it panics.
#[track_caller]
fn assert_takes_all(name: &str, inputs: u64) {
    let target = target(name);
    assert!(!kept(target).is_empty(), "`cargo run -p reenact-fuzz -- seeds` keeps some");
    let last = RefCell::new(Vec::new());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        run(target, inputs, 1, |input| last.replace(input.to_vec()).clear());
    }));
    assert!(ran.is_ok(), "{name} panics at {:?}", String::from_utf8_lossy(&last.borrow()));
}

#[test]
fn turns() {
    assert_takes_all("turns", MANY);
}

#[test]
fn messages() {
    assert_takes_all("messages", MANY);
}

#[test]
fn segment() {
    assert_takes_all("segment", MANY / 10);
}

#[test]
fn export() {
    assert_takes_all("export", MANY / 10);
}

#[test]
fn queries() {
    assert_takes_all("queries", FEW);
}

#[test]
fn bodies() {
    assert_takes_all("bodies", FEW);
}

#[test]
fn calls() {
    assert_takes_all("calls", FEW);
}

#[test]
fn answers() {
    assert_takes_all("answers", FEW);
}
