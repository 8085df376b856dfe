//! A crash at every place where one can be, and a second one in the recovery.

use reenact_simulation::systematic::{Limit, run_all};

#[test]
fn whatever_the_point_of_a_crash_what_comes_out_is_the_same() {
    let counts = match run_all(&Limit { twice: 30, once: 60, ..Limit::ONCE }) {
        Ok(counts) => counts,
        Err(failure) => panic!("{failure}"),
    };
    println!("{counts}");
    assert!(counts.scenarios >= 10, "{counts}");
}
