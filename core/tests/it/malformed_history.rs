//! Histories that no execution can have written: refused with the place, whatever the code is.

use std::time::Duration;

use crate::support::instance::{self, Instance, SEED, code, name, payload, seconds, turn};
use reenact_core::{
    ActivityError, CorrelationId, Event, MachineConfig, MalformedHistory, OrchestrationContext,
    OrchestrationError, RecordedOptions, RecordedRetry, RecordedTurn, ReplayError,
};

const fn id(id: u64) -> CorrelationId {
    CorrelationId(id)
}

fn started() -> Event {
    let name = name("orchestration");
    Event::ExecutionStarted { name, input: payload(()), seed: SEED, delay: None }
}

fn task(id: u64) -> Event {
    Event::TaskScheduled { id: self::id(id), name: name("a"), input: payload(()) }
}

fn completed(id: u64) -> Event {
    Event::TaskCompleted { id: self::id(id), output: payload(1) }
}

fn failed(id: u64) -> Event {
    Event::TaskFailed { id: self::id(id), error: ActivityError::fatal("no") }
}

fn timer(id: u64) -> Event {
    Event::TimerCreated { id: self::id(id), fire_at: seconds(61) }
}

fn fired(id: u64) -> Event {
    Event::TimerFired { id: self::id(id) }
}

fn wait(id: u64) -> Event {
    Event::ExternalSubscribed { id: self::id(id), name: name("Go") }
}

fn raised() -> Event {
    Event::ExternalRaised { name: name("Go"), data: payload(()), key: None }
}

fn ended() -> Event {
    Event::ExecutionCompleted { output: payload(()) }
}

fn terminated() -> Event {
    Event::ExecutionTerminated { reason: "enough".into() }
}

fn continued() -> Event {
    Event::ExecutionContinued { input: payload(()) }
}

fn configured(id: u64, attempts: Option<u32>) -> Event {
    let retry = attempts.map(|max_attempts| RecordedRetry {
        max_attempts,
        first_delay: Duration::ZERO,
        factor: 1_000,
        max_delay: Duration::ZERO,
        jitter: 0,
        deadline: None,
    });
    let (start_to_close, schedule_to_close, heartbeat) = (None, None, None);
    let options = RecordedOptions { retry, start_to_close, schedule_to_close, heartbeat };
    Event::TaskConfigured { id: self::id(id), options: Box::new(options) }
}

fn tagged(id: u64) -> Event {
    Event::TaskTagged { id: self::id(id), tag: name("gpu") }
}

fn local(id: u64) -> Event {
    Event::TaskLocal { id: self::id(id) }
}

fn attempt_failed(id: u64, attempt: u32) -> Event {
    let error = ActivityError::retryable("no");
    Event::TaskAttemptFailed { id: self::id(id), attempt, error, retry_at: seconds(1) }
}

fn heartbeat(id: u64) -> Event {
    Event::TaskHeartbeat { id: self::id(id), details: payload(()) }
}

/// As the first turn, with a policy.
fn first_turn_with_options() -> Vec<Event> {
    vec![started(), task(1), configured(1, Some(9)), timer(2), wait(3)]
}

fn carried() -> Event {
    Event::EventKeysCarried { keys: Vec::new() }
}

/// Code that takes every history as far as these tests look.
fn replay(turns: &[RecordedTurn]) -> Result<(), ReplayError> {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (one, two) = (instance::task(&ctx, "a"), ctx.timer(Duration::from_secs(60)));
        let wait = ctx.wait_external::<()>("Go");
        let (one, ()) = futures::join!(one, two);
        wait.await?;
        one?;
        Ok::<(), OrchestrationError>(())
    });
    Instance::try_replay(&code, &MachineConfig::default(), turns).map(|_| ())
}

fn malformed(turns: Vec<Vec<Event>>) -> MalformedHistory {
    let turns: Vec<_> = turns.into_iter().map(|events| turn(1, events)).collect();
    match replay(&turns) {
        Err(ReplayError::Malformed(malformed)) => malformed,
        other => panic!("not found to be malformed: {other:?}"),
    }
}

fn first_turn() -> Vec<Event> {
    vec![started(), task(1), timer(2), wait(3)]
}

#[test]
fn the_well_formed_history_that_these_are_made_from_replays() {
    let turns = [first_turn(), vec![completed(1)], vec![raised()], vec![fired(2), ended()]];
    replay(&turns.map(|events| turn(1, events))).expect("it is well formed");
}

#[test]
fn a_history_replays_with_and_without_what_was_superseded() {
    let turns = vec![
        first_turn_with_options(),
        vec![heartbeat(1)],
        vec![attempt_failed(1, 1)],
        vec![heartbeat(1)],
        vec![attempt_failed(1, 2)],
        vec![completed(1)],
    ];
    for superseded in [vec![], vec![1], vec![2], vec![1, 2]] {
        let mut turns = turns.clone();
        superseded.iter().for_each(|at: &usize| turns[*at].clear());
        let turns: Vec<_> = turns.into_iter().map(|events| turn(1, events)).collect();
        replay(&turns).expect("it is well formed");
    }
}

#[test]
fn what_cannot_have_been_written_is_refused_with_its_place() {
    type Case = (&'static str, Vec<Vec<Event>>, u64, &'static str, &'static str);
    let first = first_turn;
    #[rustfmt::skip]
    let cases: Vec<Case> = vec![
        ("no start", vec![vec![raised()]],
            0, "ExecutionStarted", "ExternalRaised `Go`"),
        ("outputs without a start", vec![vec![task(1)]],
            0, "ExecutionStarted", "TaskScheduled #1 `a`"),
        ("two starts", vec![first(), vec![started()]],
            4, "one start only", "ExecutionStarted `orchestration`"),
        ("two starts in a turn", vec![vec![started(), started()]],
            1, "one start only", "ExecutionStarted `orchestration`"),
        ("an empty first turn", vec![vec![]],
            0, "an event", "an empty turn"),
        ("an empty turn", vec![first(), vec![], vec![completed(1)]],
            4, "an event", "an empty turn"),
        ("an empty turn at the end", vec![first(), vec![heartbeat(1)], vec![]],
            5, "an event", "an empty turn"),
        ("an empty turn after what could supersede it",
            vec![first(), vec![heartbeat(1)], vec![], vec![completed(1)]],
            5, "an event", "an empty turn"),
        ("options of nothing", vec![vec![started(), configured(1, None)]],
            1, "options after their activity only", "TaskConfigured #1"),
        ("options of another", vec![vec![started(), task(1), configured(2, None)]],
            2, "options after their activity only", "TaskConfigured #2"),
        ("options twice", vec![vec![started(), task(1), configured(1, None), configured(1, None)]],
            3, "options after their activity only", "TaskConfigured #1"),
        ("options too late", vec![vec![started(), task(1), timer(2), configured(1, None)]],
            3, "options after their activity only", "TaskConfigured #1"),
        ("a tag of nothing", vec![vec![started(), tagged(1)]],
            1, "a tag after its activity only", "TaskTagged #1 for `gpu`"),
        ("a tag of another", vec![vec![started(), task(1), configured(1, None), tagged(2)]],
            3, "a tag after its activity only", "TaskTagged #2 for `gpu`"),
        ("a tag twice", vec![vec![started(), task(1), tagged(1), tagged(1)]],
            3, "a tag after its activity only", "TaskTagged #1 for `gpu`"),
        ("a tag before the options", vec![vec![started(), task(1), tagged(1), configured(1, None)]],
            3, "options after their activity only", "TaskConfigured #1"),
        ("local nothing", vec![vec![started(), local(1)]],
            1, "a mark as local directly after its activity only", "TaskLocal #1"),
        ("local twice", vec![vec![started(), task(1), configured(1, None), local(1), local(1)]],
            4, "a mark as local directly after its activity only", "TaskLocal #1"),
        ("options of what is local", vec![vec![started(), task(1), local(1), configured(1, None)]],
            3, "options after their activity only", "TaskConfigured #1"),
        ("an attempt without a policy", vec![first(), vec![attempt_failed(1, 1)]],
            4, "one attempt only",
            "TaskAttemptFailed #1, attempt 1, the next at 1970-01-01T00:00:01.000000Z: no"),
        ("an attempt twice",
            vec![first_turn_with_options(), vec![attempt_failed(1, 2)], vec![attempt_failed(1, 2)]],
            6, "an attempt after the last one",
            "TaskAttemptFailed #1, attempt 2, the next at 1970-01-01T00:00:01.000000Z: no"),
        ("an attempt before the first", vec![first_turn_with_options(), vec![attempt_failed(1, 0)]],
            5, "an attempt after the last one",
            "TaskAttemptFailed #1, attempt 0, the next at 1970-01-01T00:00:01.000000Z: no"),
        ("an attempt after the completion",
            vec![first_turn_with_options(), vec![completed(1)], vec![attempt_failed(1, 1)]],
            6, "a task #1 that is open",
            "TaskAttemptFailed #1, attempt 1, the next at 1970-01-01T00:00:01.000000Z: no"),
        ("a heartbeat of a timer", vec![first(), vec![heartbeat(2)]],
            4, "a task #2 that is open", "TaskHeartbeat #2"),
        ("an output first in a turn", vec![first(), vec![task(4)]],
            4, "an input, as the turn begins", "TaskScheduled #4 `a`"),
        ("an end first in a turn", vec![first(), vec![ended()]],
            4, "an input, as the turn begins", "ExecutionCompleted"),
        ("an input in the middle of a turn", vec![first(), vec![raised(), completed(1)]],
            5, "an output", "TaskCompleted #1"),
        ("an input in the first turn", vec![vec![started(), task(1), raised()]],
            2, "an output", "ExternalRaised `Go`"),
        ("a completion without a schedule", vec![first(), vec![completed(4)]],
            4, "a task #4 that is open", "TaskCompleted #4"),
        ("a firing without a timer", vec![first(), vec![fired(7)]],
            4, "a timer #7 that is open", "TimerFired #7"),
        ("a second completion", vec![first(), vec![completed(1)], vec![completed(1)]],
            5, "a task #1 that is open", "TaskCompleted #1"),
        ("a failure after the completion", vec![first(), vec![completed(1)], vec![failed(1)]],
            5, "a task #1 that is open", "TaskFailed #1: no"),
        ("a second firing", vec![first(), vec![fired(2)], vec![fired(2)]],
            5, "a timer #2 that is open", "TimerFired #2"),
        ("a completion of a timer", vec![first(), vec![completed(2)]],
            4, "a task #2 that is open", "TaskCompleted #2"),
        ("a firing of an activity", vec![first(), vec![fired(1)]],
            4, "a timer #1 that is open", "TimerFired #1"),
        ("a completion of a wait", vec![first(), vec![completed(3)]],
            4, "a task #3 that is open", "TaskCompleted #3"),
        ("a cancelling of another kind",
            vec![first(), vec![raised(), Event::TimerCancelled { id: id(1) }]],
            5, "a timer #1 that is open", "TimerCancelled #1"),
        ("a cancelling of nothing",
            vec![vec![started(), Event::TaskCancelRequested { id: id(1) }]],
            1, "a task #1 that is open", "TaskCancelRequested #1"),
        ("a wait that ends twice",
            vec![vec![started(), wait(1), Event::ExternalUnsubscribed { id: id(1) }, Event::ExternalUnsubscribed { id: id(1) }]],
            3, "a wait #1 that is open", "ExternalUnsubscribed #1"),
        ("an id that is left out", vec![vec![started(), task(2)]],
            1, "the correlation id #1", "TaskScheduled #2 `a`"),
        ("ids in the wrong order", vec![vec![started(), task(1), timer(3), wait(2)]],
            2, "the correlation id #2", "TimerCreated #3 for 1970-01-01T00:01:01.000000Z"),
        ("an id that is used twice", vec![vec![started(), task(1), task(1)]],
            2, "the correlation id #2", "TaskScheduled #1 `a`"),
        ("an id that a side effect has",
            vec![vec![started(), Event::SideEffectRecorded { id: id(1), value: payload(1) }, task(1)]],
            2, "the correlation id #2", "TaskScheduled #1 `a`"),
        ("an activity with the id of the start", vec![vec![started(), task(0)]],
            1, "the correlation id #1", "TaskScheduled #0 `a`"),
        ("a start timer too late", vec![vec![started(), task(1), timer(0)]],
            2, "the correlation id #2", "TimerCreated #0 for 1970-01-01T00:01:01.000000Z"),
        ("an event after the end in its turn", vec![vec![started(), ended(), task(1)]],
            2, "nothing after the end", "TaskScheduled #1 `a`"),
        ("an output after a termination", vec![first(), vec![terminated(), task(4)]],
            5, "nothing after the end", "TaskScheduled #4 `a`"),
        ("a turn after a termination", vec![first(), vec![terminated()], vec![completed(1)]],
            5, "nothing after the end", "TaskCompleted #1"),
        ("an event after a continuation", vec![vec![started(), continued(), task(1)]],
            2, "nothing after the end", "TaskScheduled #1 `a`"),
        ("carried keys that come late", vec![first(), vec![raised()], vec![carried()]],
            5, "keys that were carried over in the second turn or after a rewind only",
             "EventKeysCarried"),
        ("a second end", vec![vec![started(), ended(), ended()]],
            2, "nothing after the end", "ExecutionCompleted"),
    ];
    for (what, turns, position, expected, found) in cases {
        let malformed = malformed(turns);
        assert_eq!(malformed.position, position, "{what}: {malformed}");
        assert_eq!(malformed.expected, expected, "{what}");
        assert_eq!(malformed.found, found, "{what}");
    }
}

#[test]
fn a_completion_after_the_cancelling_is_refused() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop(instance::task(&ctx, "a"));
        ctx.timer(Duration::from_secs(60)).await;
        Ok(())
    });
    let first = [started(), task(1), Event::TaskCancelRequested { id: id(1) }, timer(2)];
    let turns = [turn(1, first), turn(1, [completed(1)])];
    match Instance::try_replay(&code, &MachineConfig::default(), &turns) {
        Err(ReplayError::Malformed(malformed)) => {
            assert_eq!(malformed.position, 4);
            assert_eq!(malformed.expected, "a task #1 that is open");
        }
        other => panic!("not found: {other:?}"),
    }
}

#[test]
fn time_that_goes_back_is_refused() {
    let turns = [turn(1, first_turn()), turn(0, [raised()])];
    let Err(ReplayError::Malformed(malformed)) = replay(&turns) else {
        panic!("not found");
    };
    assert_eq!(malformed.position, 4);
    assert_eq!(malformed.expected, "no time before 1970-01-01T00:00:01.000000Z");
    assert_eq!(malformed.found, "1970-01-01T00:00:00.000000Z");
}

#[test]
fn the_error_reads_as_a_sentence() {
    let malformed = malformed(vec![first_turn(), vec![completed(1)], vec![completed(1)]]);
    assert_eq!(
        malformed.to_string(),
        "malformed history at event 5: expected a task #1 that is open, found TaskCompleted #1"
    );
    assert_eq!(ReplayError::from(malformed.clone()).to_string(), malformed.to_string());
}

#[test]
fn a_delayed_start_without_its_timer_is_found() {
    let delayed = || Event::ExecutionStarted {
        name: name("orchestration"),
        input: payload(()),
        seed: SEED,
        delay: Some(Duration::from_secs(1)),
    };
    for events in [vec![delayed()], vec![delayed(), task(1)]] {
        match replay(&[turn(1, events)]) {
            Err(ReplayError::Nondeterministic(divergence)) => {
                assert_eq!(divergence.position, 1);
                assert_eq!(divergence.found.to_string(), "TimerCreated #0");
            }
            other => panic!("not found: {other:?}"),
        }
    }
}
