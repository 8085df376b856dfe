//! A process that is killed at random moments, again and again, loses nothing that it has
//! acknowledged.
//!
//! The process that is killed is this program itself, started again as a worker; what it has
//! acknowledged it says on its standard output, which its killer reads. The killer kills, remembers,
//! and compares at the end. It never opens the store.
#![cfg(all(unix, feature = "local"))]

mod checker;
mod ledger;
mod worker;

use std::path::Path;

use checker::Checker;

/// How often the process is killed.
const KILLS: u32 = 60;

#[test]
fn a_process_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice() {
    if let Some(order) = worker::Order::of_this_process() {
        worker::run(&order);
        return;
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kills");
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a directory for the test can be made");
    let mut checker = Checker::new(&path);
    for kill in 0..KILLS {
        checker.run_and_kill(kill);
    }
    checker.run_to_the_end();
    checker.check();
    let _ = std::fs::remove_dir_all(&path);
}
