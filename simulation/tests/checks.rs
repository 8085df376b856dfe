//! The checks beside the simulation find nothing, the command of the zoo refuses what it does not know, and the page on planted
//! bugs says of each where it is planted, and what finds it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use reenact::core::zoo::Bug;
use reenact_simulation::checks::Check;
use reenact_simulation::zoo::{Arguments, FOUND_BY, Which};

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
fn instances_that_nobody_asks_for_go_on_when_their_logs_can_be_read_again() {
    finds_nothing(Check::Outage, 30);
}

#[test]
fn a_message_that_cannot_be_read_ends_in_quarantine_under_faults() {
    finds_nothing(Check::Poison, 30);
}

#[test]
fn a_check_that_does_not_exist_does_not_pass() {
    let program = env!("CARGO_BIN_EXE_reenact-simulation");
    let ended = Command::new(program).args(["--zoo", "none", "--check", "typo"]).output();
    let ended = ended.expect("the program is built");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.starts_with("there is no check `typo`; there are conformance, "), "{said}");
}

fn parse(line: &str) -> Result<Arguments, String> {
    let given: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Arguments::parse(&given)
}

#[test]
fn what_the_command_of_the_zoo_does_not_know_is_refused_with_what_there_is() {
    for (line, wrong) in [
        ("float-lost --check typo", "there is no check `typo`; there are conformance, "),
        ("--check simulation,typo", "there is no check `typo`"),
        ("--check", "--check needs a value"),
        ("typo", "there is no bug `typo`; there are none, no-deduplication, "),
        ("--typo", "`--typo` is no option"),
        ("float-lost timer-early", "one bug at a time: `timer-early` is one more"),
        ("--seeds", "--seeds needs a value"),
        ("--seeds many", "`many` is no number of seeds"),
        ("--seeds 0", "`0` is no number of seeds"),
    ] {
        let answer = parse(line).expect_err(line);
        assert!(answer.starts_with(wrong), "{line}: {answer}");
    }
}

#[test]
fn each_bug_of_all_is_hunted_with_the_checks_and_seeds_that_were_asked_for() {
    let all = parse("--seeds 1_000 --check values,simulation").expect("it is right");
    assert_eq!(all.checks, [Check::Values, Check::Simulation]);
    let one = Arguments::parse(&all.of_one(Bug::FloatLost)).expect("it is right");
    assert_eq!(one, Arguments { which: Which::One(Bug::FloatLost), ..all });
    assert_eq!(parse("").expect("it is right").checks, Check::ALL);
}

/// A table of the page, by the name in its first column: the cells after it.
fn rows(page: &str, after: &str) -> BTreeMap<String, Vec<String>> {
    let rows = page.lines().skip_while(|line| !line.starts_with(after)).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()));
    let mut table = BTreeMap::new();
    for mut cells in cells {
        let name = cells.next().expect("a row has a cell").trim_matches('`').to_owned();
        assert!(table.insert(name.clone(), cells.collect()).is_none(), "two rows for `{name}`");
    }
    table
}

#[test]
fn the_page_and_the_table_have_each_bug_once_and_say_the_same_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/zoo.md")).expect("the page is there");
    let mut rows = rows(&page, "| bug |");
    for (bug, name) in Bug::ALL {
        let measured: Vec<_> = FOUND_BY.iter().filter(|(other, ..)| other == bug).collect();
        let [(_, check, seeds)] = measured[..] else {
            panic!("FOUND_BY has `{name}` {} times", measured.len());
        };
        let row =
            rows.remove(*name).unwrap_or_else(|| panic!("docs/zoo.md has no row for `{name}`"));
        let [_, _, file, found_by, after] = &row[..] else {
            panic!("a row has six cells: {row:?}")
        };
        let says = (found_by.as_str(), after.as_str());
        assert_eq!(says, (check.name(), seeds.to_string().as_str()), "`{name}` in docs/zoo.md");
        let file = file.trim_matches('`');
        let code = std::fs::read_to_string(root.join(file)).expect("the file is there");
        assert!(code.contains(&format!("Bug::{bug:?})")), "`{name}` is not in {file}");
    }
    assert!(rows.is_empty(), "docs/zoo.md has rows for bugs that do not exist: {:?}", rows.keys());
    assert!(page.contains(&format!(" {} bugs ", Bug::ALL.len())), "docs/zoo.md says how many");
}

#[test]
fn the_page_says_of_each_check_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/zoo.md")).expect("the page is there");
    let named: Vec<_> = rows(&page, "| check |").into_keys().collect();
    let mut known: Vec<_> = Check::ALL.iter().map(|check| check.name().to_owned()).collect();
    known.sort_unstable();
    assert_eq!(named, known);
}
