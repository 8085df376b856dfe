//! A crash at every place where one can be, and a second one in the recovery.

use reenact_simulation::systematic::{Limit, answers, run_all};

/// What comes out of each scenario.
const EXPECTED: &str = r#"
one-activity: one: 10
sequence: one: 60
fan-out: one: 100
activity-tried-again: one: 3
activity-that-fails: one: instance `one` failed: activity `refuse` #2 failed: no
local-activity: one: 100
timer: timers: "due due due "
activity-too-late: impatient: "too late"
event-or-timer: event-wins: "event 7"; timer-wins: "timer"
event-before-its-wait: taker: [1, 2, 3]
event-after-its-wait: taker: [1, 2, 3]
continue-as-new-with-events: taker: [1, 2, 3]
child: parent: 50
child-that-fails: parent: 30
child-tried-again: parent: 5
detached-start-and-send: sender: "sent"; receiver: [1, 2, 3]
child-that-continues-as-new: parent: 31
children-that-are-left: parent: 2; kept: 20; dropped: instance `dropped` was cancelled: its parent has ended
updates-answered: 4; Refused("nothing to add"); 9; 10; total: 10
start-with-update: 4; 10; total: 10; 4
entity-calls: 7; Refused("too little"); 10; ada has Some(10)
lock-of-two-entities: one: "moved"; other: "moved"; ada has Some(120); bob has Some(80)
cancel-during-an-activity: cancelled: instance `cancelled` was cancelled: enough
cancel-with-a-child: parent: instance `parent` was cancelled: enough; child: instance `child` was cancelled: its parent was cancelled: enough
terminate: ended: instance `ended` was terminated: enough
suspend-and-resume: paused: "first, event, last"
rewind: broken: instance `broken` failed: activity `fragile_work` #2 failed: broken; broken: "first, mended"
fork: broken: instance `broken` failed: activity `fragile_work` #2 failed: broken; copy: "first, mended"
purge-and-start-again: twice: "first, mended"; twice: "first, mended"
replace-what-has-ended: again: "first, one, last"; again: "first, two, last"
publish: shows: 2; Some(2)
stream: speaks: 2; ["before", "after"]; {"one", "three", "two"}
attributes: found: 2; total=12
chance: draws: true
large-payload: carries: 40000
completed-from-outside: order: true
delayed-start: later: "now"
time-limit: limited: instance `limited` failed: the time limit of an execution (30s) has passed
start-with-event: begun: "at once"
new-version: eternal: ["1", "next", "2", "next"]
"#;

/// As many as fit in half a minute of two cores: the program runs all of them.
const LIMIT: Limit = Limit { once: 15, twice: 8, ..Limit::ONCE };

#[test]
fn whatever_the_point_of_a_crash_what_comes_out_is_the_same() {
    let counts = match run_all(&LIMIT) {
        Ok(counts) => counts,
        Err(failure) => panic!("{failure}"),
    };
    println!("{counts}");
    assert!(counts.scenarios >= 30 && counts.variants > counts.scenarios, "{counts}");
    assert!(counts.polls >= 5_000 && counts.calls >= 1_000, "{counts}");
    assert!(counts.once >= 15 * counts.variants && counts.twice >= 5 * counts.variants, "{counts}");
}

/// Each call of the store has three points, and after a crash at one of them so has each call that follows.
#[test]
fn each_pair_of_crashes_in_calls_of_the_store_is_gone_through() {
    let scenario = Some("event-after-its-wait".to_owned());
    let limit = Limit { scenario, twice: usize::MAX, in_calls: true, ..Limit::ONCE };
    let counts = match run_all(&limit) {
        Ok(counts) => counts,
        Err(failure) => panic!("{failure}"),
    };
    println!("{counts}");
    assert!(counts.calls > 0 && counts.calls_after > counts.calls, "{counts}");
    assert_eq!(counts.once, 3 * counts.calls, "{counts}");
    assert_eq!(counts.twice, 3 * counts.calls_after, "{counts}");
}

#[test]
fn without_a_crash_each_scenario_gives_what_it_should() {
    let answers = answers().expect("it holds without a crash");
    let lines = answers.iter().map(|(name, answers)| format!("{name}: {}\n", answers.join("; ")));
    assert_eq!(lines.collect::<String>().trim(), EXPECTED.trim());
}
