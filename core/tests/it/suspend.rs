//! While an execution is suspended, what comes is recorded and the code does not run.

use std::time::Duration;

use crate::support::instance::{
    self, Instance, cancel, code, complete, fire, live_divergence, raise, raise_once, rejection,
    seconds, start, suspend, task, terminate, turn,
};
use futures::future::join_all;
use reenact_core::limits::CARRIED_EVENT_KEYS;
use reenact_core::{
    Command, Event, EventKey, MachineConfig, OrchestrationCode, OrchestrationContext, Outcome,
    Rejected, ReplayError, Start, Step,
};

const MINUTE: Duration = Duration::from_secs(60);

/// One of each kind, awaited together.
fn awaits_all() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let task = task(&ctx, "a").into_output();
        let timer = ctx.timer(MINUTE).into_output();
        let wait = ctx.schedule_wait::<u64>("Go").into_output();
        let outputs = join_all([task, timer, wait]).await;
        let [task, _, wait] = <[_; 3]>::try_from(outputs).expect("three of them");
        Ok(task.into_task::<u64>()? + wait.into_external::<u64>()?)
    })
}

#[test]
fn what_comes_is_recorded_and_taken_when_it_is_resumed() {
    let mut instance = Instance::start(awaits_all(), ());
    assert_eq!(instance.apply(suspend("audit")).log(), ["ExecutionSuspended: audit"]);
    assert!(instance.machine.is_suspended());
    for command in [complete(1, 10), fire(2), raise("Go", 5)] {
        let answer = instance.apply(command);
        assert_eq!(answer.log().len(), 1, "no output");
        assert!(answer.actions.is_empty() && answer.outcome.is_none());
    }
    let answer = instance.apply(Command::Resume);
    assert_eq!(answer.log(), ["ExecutionResumed", "ExecutionCompleted"]);
    assert!(!instance.machine.is_suspended());
    assert_eq!(instance.output::<u64>(), 15);
    instance.assert_replays_from_every_point();
}

#[test]
fn what_did_not_wake_the_code_does_not_run_it() {
    let mut instance = Instance::start(awaits_all(), ());
    instance.apply(suspend("audit"));
    instance.raise("Other", 1);
    assert!(instance.apply(Command::Resume).outputs().is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn what_is_open_stays_open_and_keys_count() {
    let mut instance = Instance::start(awaits_all(), ());
    let open = instance.machine.open_actions();
    instance.apply(suspend("audit"));
    assert_eq!(instance.machine.open_actions(), open);
    assert!(instance.machine.wake_at().is_some());
    instance.apply(raise_once("Go", 1, "key"));
    assert!(instance.apply(raise_once("Go", 2, "key")).is_empty());
    assert!(instance.apply(complete(1, 1)).outputs().is_empty());
    assert!(instance.apply(complete(1, 1)).is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn suspending_or_resuming_twice_changes_nothing() {
    let mut instance = Instance::start(awaits_all(), ());
    assert!(instance.apply(Command::Resume).is_empty());
    instance.apply(suspend("first"));
    assert!(instance.apply(suspend("second")).is_empty());
    instance.apply(Command::Resume);
    assert!(instance.apply(Command::Resume).is_empty());
    assert_eq!(instance.apply(suspend("third")).log(), ["ExecutionSuspended: third"]);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_finished_execution_refuses_both() {
    let code = code(async |_: OrchestrationContext, ()| Ok(()));
    let mut instance = Instance::start(code, ());
    let before = instance.log();
    for command in [suspend("late"), Command::Resume] {
        assert_eq!(rejection(instance.try_apply(command)), Rejected::Finished);
    }
    assert_eq!(instance.log(), before);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_suspended_execution_can_be_terminated() {
    let mut instance = Instance::start(awaits_all(), ());
    instance.apply(suspend("audit"));
    let answer = instance.apply(terminate("fraud"));
    assert_eq!(answer.outcome, Some(Outcome::Terminated { reason: "fraud".into() }));
    assert!(!instance.machine.is_suspended());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_cancel_waits_for_the_resume() {
    let mut instance = Instance::start(awaits_all(), ());
    instance.apply(suspend("audit"));
    let answer = instance.apply(cancel("no stock"));
    assert_eq!(answer.log(), ["CancelRequested: no stock"]);
    assert_eq!(answer.actions.len(), 2, "the activity and the timer are called off");
    assert!(instance.complete(1, 1).is_empty());
    let answer = instance.apply(Command::Resume);
    assert_eq!(answer.outcome, Some(Outcome::Cancelled { reason: "no stock".into() }));
    instance.assert_replays_from_every_point();
}

fn delayed() -> Instance {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "a").await?));
    let how = Start { delay: Some(MINUTE), ..start(()) };
    Instance::start_with(code, MachineConfig::default(), how)
}

#[test]
fn a_delay_that_ends_meanwhile_begins_the_code_at_the_resume() {
    let mut instance = delayed();
    instance.apply(suspend("audit"));
    assert_eq!(instance.fire(0).log(), ["TimerFired #0"]);
    assert_eq!(instance.apply(Command::Resume).outputs(), ["TaskScheduled #1 `a`"]);
    instance.complete(1, 1);
    assert_eq!(instance.output::<u64>(), 1);
    instance.assert_replays_from_every_point();
}

#[test]
fn code_that_has_not_begun_and_is_cancelled_meanwhile_never_runs() {
    for delay_ends in [false, true] {
        let mut instance = delayed();
        instance.apply(suspend("audit"));
        if delay_ends {
            instance.fire(0);
        }
        assert_eq!(instance.apply(cancel("why")).log(), ["CancelRequested: why"]);
        let answer = instance.apply(Command::Resume);
        assert_eq!(answer.log(), ["ExecutionResumed", "ExecutionCancelled: why"]);
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn the_order_of_the_history_decides_a_race_that_nobody_watched() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let paid = ctx.timeout(MINUTE, ctx.wait_external::<u64>("Paid")).await;
        Ok(paid.is_ok())
    });
    for in_time in [true, false] {
        let mut instance = Instance::start(code.clone(), ());
        instance.apply(suspend("audit"));
        let [paid, late] = [raise("Paid", 1), fire(2)];
        let (first, second) = if in_time { (paid, late) } else { (late, paid) };
        instance.apply(first);
        instance.apply(second);
        instance.apply(Command::Resume);
        assert_eq!(instance.output::<bool>(), in_time);
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn a_foreign_wake_is_found_meanwhile() {
    let waker = std::sync::Arc::new(std::sync::Mutex::new(None::<std::task::Waker>));
    let code = code({
        let waker = waker.clone();
        move |ctx: OrchestrationContext, ()| {
            let waker = waker.clone();
            async move {
                let task = task(&ctx, "a");
                std::future::poll_fn(|cx| {
                    *waker.lock().expect("no panic") = Some(cx.waker().clone());
                    std::task::Poll::Ready(())
                })
                .await;
                Ok(task.await?)
            }
        }
    });
    let mut instance = Instance::start(code, ());
    instance.apply(suspend("audit"));
    waker.lock().expect("no panic").take().expect("it has run").wake();
    let found = live_divergence(instance.try_apply(complete(1, 1)));
    assert_eq!(*found.found, Step::ForeignWake);
}

#[test]
fn histories_that_nobody_can_have_written_are_refused() {
    let reason = || String::from("why");
    let (suspended, resumed) =
        (|| Event::ExecutionSuspended { reason: reason() }, || Event::ExecutionResumed);
    let requested = || Event::CancelRequested { reason: reason() };
    let parked = || Event::ExecutionParked { reason: reason() };
    let cases = [
        (vec![turn(2, [suspended()]), turn(3, [suspended()])], "no second suspension"),
        (vec![turn(2, [resumed()])], "a suspension"),
        (
            vec![
                turn(2, [suspended()]),
                turn(3, [requested(), Event::StatusSet { status: instance::payload(1) }]),
            ],
            "no step while it is suspended",
        ),
        (vec![turn(2, [parked()]), turn(3, [parked()])], "to be parked once"),
        (vec![turn(2, [Event::ExecutionUnparked])], "to be parked first"),
        (
            vec![
                turn(2, [parked()]),
                turn(3, [requested(), Event::StatusSet { status: instance::payload(1) }]),
            ],
            "no step while it is parked",
        ),
        (vec![turn(2, [requested()]), turn(3, [requested()])], "one cancel only"),
        (
            vec![turn(
                2,
                [
                    Event::ExternalRaised {
                        name: instance::name("Go"),
                        data: instance::payload(()),
                        key: None,
                    },
                    Event::ExecutionCancelled { reason: reason() },
                ],
            )],
            "a cancel before an end by it",
        ),
    ];
    let code = code(async |ctx: OrchestrationContext, ()| {
        Ok(ctx.shielded().wait_external::<u64>("Never").await?)
    });
    for (turns, expected) in cases {
        let mut first = Instance::start(code.clone(), ()).turns().to_vec();
        first[0].at = seconds(1);
        let history = [first, turns].concat();
        match Instance::try_replay(&code, &MachineConfig::default(), &history) {
            Err(ReplayError::Malformed(malformed)) => assert_eq!(malformed.expected, expected),
            other => panic!("not refused: {other:?}"),
        }
    }
}

fn known(key: &str) -> Command {
    Command::KnowCommand { key: EventKey::new(key).expect("a key") }
}

#[test]
fn a_command_with_a_key_is_known_when_it_comes_again() {
    let mut instance = Instance::start(awaits_all(), ());
    assert_eq!(instance.apply(known("a")).log(), ["CommandsReceived"]);
    assert!(instance.apply(known("a")).is_empty());
    instance.apply(suspend("audit"));
    assert_eq!(instance.apply(known("b")).log(), ["CommandsReceived"], "no step of the code");
    instance.apply(Command::Resume);
    for key in ["a", "b"] {
        assert!(instance.apply(known(key)).is_empty(), "{key}");
    }
    // A key of an event is another thing.
    assert!(!instance.apply(raise_once("Other", (), "a")).is_empty());
    instance.assert_replays_from_every_point();
    instance.apply(terminate("enough"));
    assert!(instance.apply(known("a")).is_empty(), "it was taken");
    assert_eq!(rejection(instance.try_apply(known("c"))), Rejected::Finished);
}

#[test]
fn the_newest_commands_are_known_to_the_next_execution() {
    let code = code(async |ctx: OrchestrationContext, n: u64| {
        ctx.wait_external::<()>("Next").await?;
        ctx.continue_as_new_untyped::<_, ()>(&(n + 1))
    });
    let mut instance = Instance::start(code.clone(), 0);
    (0..=CARRIED_EVENT_KEYS).for_each(|n| drop(instance.apply(known(&format!("k{n}")))));
    instance.raise("Next", ());
    let next = instance.machine.successor(None).expect("nothing runs").expect("it continues");
    let mut next = Instance::resumed(code, MachineConfig::default(), next.machine, instance.now);
    assert!(next.apply(known("k1")).is_empty());
    assert!(!next.apply(known("k0")).is_empty(), "that was long ago");
}
