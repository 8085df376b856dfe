//! The checks beside the simulation find nothing, and the page on planted bugs says of each where it is planted.

use std::path::Path;

use reenact::core::zoo::Bug;
use reenact_simulation::checks::Check;

fn finds_nothing(check: Check, seeds: u64) {
    for seed in 0..seeds {
        assert_eq!(check.run(seed), Ok(()), "the check {}, seed {seed}", check.name());
    }
}

#[test]
fn a_journal_keeps_what_it_has_acknowledged_and_reports_rot() {
    finds_nothing(Check::Journal, 2_000);
}

#[test]
fn what_code_computes_and_in_which_order_things_come_to_it_is_right_under_faults() {
    finds_nothing(Check::Values, 30);
}

#[test]
fn a_message_that_cannot_be_read_ends_in_quarantine_under_faults() {
    finds_nothing(Check::Poison, 30);
}

#[test]
fn the_page_has_each_bug_with_the_file_in_which_it_is_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/zoo.md")).expect("the page is there");
    for (bug, name) in Bug::ALL {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/zoo.md has no row for `{name}`"));
        let file = row.split('`').find(|code| code.ends_with(".rs")).expect("a row names a file");
        let code = std::fs::read_to_string(root.join(file)).expect("the file is there");
        assert!(code.contains(&format!("Bug::{bug:?})")), "`{name}` is not in {file}");
    }
}
