//! Bugs that are planted are found: five at a time, another five with each change. Only in a build that has them.
#![cfg(reenact_zoo)]

use std::time::{SystemTime, UNIX_EPOCH};

use reenact_simulation::checks::Check;
use reenact_simulation::zoo::{FOUND_BY, hunt};

/// How many are tried in one run.
const AT_A_TIME: usize = 5;

/// The bugs that take no more seeds than this are those that are tried here.
const QUICK: u64 = 60;

/// A bug that was found after so many seeds may take so many more: what the seeds do changes with the code.
const MORE: u64 = 240;

/// Seeds that find nothing where nothing is planted.
const CONTROL: u64 = 10;

/// Which five: the number in this variable says it, in hexadecimal digits, or the day does.
const VARIABLE: &str = "REENACT_ZOO";

/// One test, because a bug is planted in the whole process.
#[test]
fn five_bugs_in_turn_are_found_and_without_one_nothing_is() {
    let quick: Vec<_> = FOUND_BY.iter().filter(|(_, _, seeds)| *seeds <= QUICK).collect();
    let first = turn() as usize * AT_A_TIME;
    for place in first..first + AT_A_TIME {
        let (bug, check, seeds) = quick[place % quick.len()];
        let found = hunt(Some(*bug), &[*check], seeds + MORE);
        let found = found.unwrap_or_else(|| panic!("`{}` is not found any more", bug.name()));
        println!("{}: {} finds it after {} seeds", bug.name(), check.name(), found.seeds);
    }
    assert_eq!(hunt(None, Check::ALL, CONTROL), None);
}

fn turn() -> u64 {
    let given = std::env::var(VARIABLE).ok();
    let digits: Option<String> = given.map(|text| text.chars().take(8).collect());
    let number = digits.and_then(|digits| u64::from_str_radix(&digits, 16).ok());
    number.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        since.as_secs() / (24 * 60 * 60)
    })
}
