//! Activities that are tried again: which attempt it is, and when the next begins, follows from the
//! log; the log has the schedule, the last failure and the outcome.

use std::time::Duration;

use crate::support::instance::{
    self, Instance, code, name, payload, raise, seconds, task, terminate,
};
use futures::future::join_all;
use reenact_core::limits::{MAX_HISTORY_BYTES, MAX_PAYLOAD_BYTES};
use reenact_core::{
    Action, ActivityError, ActivityErrorKind, ActivityOptions, AttemptTerms, Command,
    CorrelationId, DurableFuture, MachineConfig, NamedActivity, OrchestrationCode,
    OrchestrationContext, Payload, RetryPolicy,
};

const ID: CorrelationId = CorrelationId(1);

/// Attempts 1 s, 2 s, 4 s and so on apart.
fn policy(attempts: u32) -> ActivityOptions {
    ActivityOptions::new().retry(RetryPolicy::new(attempts))
}

fn call(
    ctx: &OrchestrationContext,
    options: ActivityOptions,
) -> DurableFuture<Result<u64, ActivityError>> {
    ctx.schedule_activity_by_name(NamedActivity::new("a").with(options), &())
}

/// Calls one activity with these options; gives what it returned, or the kind of its failure.
fn calls(options: ActivityOptions) -> OrchestrationCode {
    code(move |ctx: OrchestrationContext, ()| async move {
        Ok(call(&ctx, options).await.map_err(|error| error.to_string()))
    })
}

fn started(options: ActivityOptions) -> Instance {
    Instance::start(calls(options), ())
}

fn busy() -> ActivityError {
    ActivityError::retryable("busy")
}

fn attempt(number: u32) -> Action {
    let (name, input) = (name("a"), payload(()));
    Action::CallActivity {
        id: ID,
        name,
        input,
        attempt: number,
        terms: None,
        tagged: None,
        local: false,
    }
}

fn timer(at: u64) -> Action {
    Action::CreateTimer { id: ID, fire_at: seconds(at) }
}

#[test]
fn an_attempt_that_fails_is_followed_by_another_when_its_delay_is_over() {
    let mut instance = started(policy(3));
    assert_eq!(instance.actions(), [attempt(1)]);
    let failed = instance.fail(1, busy());
    assert_eq!(
        failed.log(),
        ["TaskAttemptFailed #1, attempt 1, the next at 1970-01-01T00:16:42.000000Z: busy"]
    );
    assert_eq!(failed.actions, [timer(1_002)]);
    let next = instance.fire(1);
    assert!(next.recorded.events.is_empty(), "the time says so, and the log knows the time");
    assert_eq!(next.actions, [attempt(2)]);
    instance.complete(1, 7);
    assert_eq!(instance.output::<Result<u64, String>>(), Ok(7));
    instance.assert_replays_from_every_point();
}

#[test]
fn five_attempts_leave_the_schedule_the_options_the_last_failure_and_the_outcome() {
    for succeeds in [true, false] {
        let mut instance = started(policy(5));
        for number in 1..=4 {
            instance.fail(1, ActivityError::retryable(format!("no {number}")));
            instance.pass(60);
            assert_eq!(instance.fire(1).actions, [attempt(number + 1)]);
        }
        let outcome = if succeeds {
            instance.complete(1, 7);
            "TaskCompleted #1"
        } else {
            instance.fail(1, ActivityError::retryable("no 5"));
            "TaskFailed #1: no 5"
        };
        let last = &instance.log()[3];
        assert!(last.starts_with("TaskAttemptFailed #1, attempt 4,"), "{last}");
        assert!(last.ends_with(": no 4"), "{last}");
        assert_eq!(
            instance.log(),
            [
                "ExecutionStarted `orchestration`",
                "TaskScheduled #1 `a`",
                "TaskConfigured #1",
                last,
                outcome,
                "ExecutionCompleted"
            ]
        );
        let history = instance.machine.history();
        assert_eq!((history.len(), history.turns().len()), (6, 6));
        let positions: Vec<_> = history.events().map(|event| event.position).collect();
        assert_eq!(positions, [0, 1, 2, 6, 7, 8], "what was superseded has left its place");
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn an_instance_that_comes_back_in_a_delay_goes_on_with_the_right_attempt_at_the_right_time() {
    let mut instance = started(policy(5));
    instance.fail(1, busy());
    instance.pass(10);
    instance.fire(1);
    let answer = instance.fail(1, busy());
    let at = seconds(1_013) + Duration::from_secs(2);
    assert_eq!(answer.actions, [Action::CreateTimer { id: ID, fire_at: at }]);
    let mut back = instance.assert_replays();
    assert_eq!(back.open_actions(), answer.actions, "and nothing else is under way");
    assert_eq!(back.wake_at(), Some(at));
    assert!(!back.has_open_tasks(seconds(1_014)), "it need not stay in memory");
    assert!(back.has_open_tasks(at), "it must, once the attempt may run");
    let fired = back.apply(Command::FireTimer { id: ID }, at).map(instance::Answer::of);
    assert_eq!(fired.expect("a turn").actions, [attempt(3)]);
}

#[test]
fn a_timer_that_comes_too_early_is_set_again_and_one_that_comes_twice_asks_twice() {
    let mut instance = started(policy(5).schedule_to_close(Duration::from_secs(1_000)));
    instance.fail(1, busy());
    instance.pass(60);
    instance.fire(1);
    instance.fail(1, busy());
    // As of the attempt before.
    assert_eq!(instance.fire(1).actions, [timer(1_065)]);
    assert_eq!(instance.fire(1).actions, [attempt(3)]);
    // The workers know the attempt, and do not run it a second time.
    assert_eq!(instance.fire(1).actions, [attempt(3)]);
    instance.complete(1, 7);
    assert!(instance.fire(1).is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn the_completion_of_another_attempt_changes_nothing() {
    let mut instance = started(policy(3));
    instance.fail(1, busy());
    instance.fire(1);
    let before = instance.log();
    for number in [0, 1, 3, u32::MAX] {
        for result in [Ok(payload(13)), Err(busy()), Err(ActivityError::fatal("no"))] {
            let stale = Command::CompleteTask { id: ID, attempt: number, result };
            assert!(instance.apply(stale).is_empty());
        }
        let stale = Command::RecordHeartbeat { id: ID, attempt: number, details: payload(1) };
        assert!(instance.apply(stale).is_empty());
    }
    assert_eq!(instance.log(), before);
    instance.complete(1, 7);
    assert!(instance.complete(1, 8).is_empty(), "nor does a second completion of the same");
    assert_eq!(instance.output::<Result<u64, String>>(), Ok(7));
    instance.assert_replays_from_every_point();
}

#[test]
fn what_cannot_pass_is_not_retried() {
    let kinds = [
        ActivityErrorKind::Fatal,
        ActivityErrorKind::InvalidInput,
        ActivityErrorKind::InvalidOutput,
    ];
    for kind in kinds {
        let mut instance = started(policy(3));
        let failed = instance.fail(1, ActivityError::of_kind(kind, "no"));
        assert!(failed.log()[0].starts_with("TaskFailed #1"), "{kind:?}");
        instance.assert_replays_from_every_point();
    }
    for kind in [ActivityErrorKind::Panicked, ActivityErrorKind::TimedOut] {
        let mut instance = started(policy(3));
        let failed = instance.fail(1, ActivityError::of_kind(kind, "no"));
        assert!(failed.log()[0].starts_with("TaskAttemptFailed #1"), "{kind:?}");
    }
}

#[test]
fn the_code_says_which_errors_are_retried() {
    let policy = RetryPolicy::new(3).retry_if(|error| error.details() == Some(503_u32));
    let with = |details: u32| busy().with_details(&details);
    for details in [503, 404] {
        let mut instance = started(ActivityOptions::new().retry(policy));
        let failed = instance.fail(1, with(details));
        let retried = failed.log()[0].starts_with("TaskAttemptFailed");
        assert_eq!(retried, details == 503);
        if retried {
            // A replay asks the same code.
            let mut back = instance.assert_replays();
            let result = Err(with(404));
            let last = Command::CompleteTask { id: ID, attempt: 2, result };
            let last = instance::Answer::of(back.apply(last, instance.now).expect("a turn"));
            assert_eq!(last.log()[0], "TaskFailed #1: busy");
        }
    }
    let always = RetryPolicy::new(3).retry_if(|_| true);
    let mut instance = started(ActivityOptions::new().retry(always));
    let failed = instance.fail(1, ActivityError::fatal("no"));
    assert_eq!(failed.log()[0], "TaskFailed #1: no", "what is final is final");
}

#[test]
fn a_condition_that_panics_retries_nothing() {
    let config = MachineConfig {
        catch_panic: |poll| {
            let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll));
            polled.map_err(|_| "oh".into())
        },
        ..MachineConfig::default()
    };
    let policy = RetryPolicy::new(3).retry_if(|_| panic!("oh"));
    let code = calls(ActivityOptions::new().retry(policy));
    let mut instance = Instance::start_with(code, config, instance::start(()));
    assert_eq!(instance.fail(1, busy()).log()[0], "TaskFailed #1: busy");
}

#[test]
fn a_retry_that_would_begin_after_the_deadline_does_not() {
    let policy = RetryPolicy::new(9).deadline(Duration::from_secs(5));
    let mut instance = started(ActivityOptions::new().retry(policy));
    assert_eq!(instance.actions()[0], timer(1_005));
    instance.fail(1, busy());
    instance.fire(1);
    // At 1003: the next one would begin at 1005.
    let failed = instance.fail(1, busy());
    assert_eq!(failed.log()[0], "TaskFailed #1: busy");
    let called_off = Action::CancelTimer { id: ID, fire_at: seconds(1_005) };
    assert!(failed.actions.contains(&called_off), "{:?}", failed.actions);
    instance.assert_replays_from_every_point();
}

#[test]
fn jitter_is_the_same_at_every_replay_and_draws_none_of_the_codes_numbers() {
    let options = |jitter| {
        let policy = RetryPolicy::new(9).first_delay(Duration::from_secs(100)).factor(1.0);
        ActivityOptions::new().retry(policy.jitter(jitter))
    };
    let code = move |jitter| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let calls = (0..3).map(|_| call(&ctx, options(jitter)));
            join_all(calls).await;
            Ok(ctx.random())
        })
    };
    let run = |jitter| {
        let mut instance = Instance::start(code(jitter), ());
        let mut delays = Vec::new();
        for _ in 0..3 {
            for id in 1..=3 {
                instance.fail(id, busy());
                let now = instance.now;
                let open = instance.machine.open_activities(9);
                let retry_at = open[id as usize - 1].retry_at.expect("it is retried");
                delays.push(retry_at.since(now));
            }
        }
        (1..=3).for_each(|id| drop(instance.complete(id, id)));
        instance.assert_replays_from_every_point();
        (delays, instance.output::<u64>())
    };
    let (delays, number) = run(0.5);
    assert_eq!(run(0.5), (delays.clone(), number));
    assert_eq!(run(0.0).1, number);
    let bounds = Duration::from_secs(50)..=Duration::from_secs(100);
    assert!(delays.iter().all(|delay| bounds.contains(delay)), "{delays:?}");
    let mut different = delays.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), delays.len(), "of each activity and attempt its own");
}

#[test]
fn the_recorded_options_count_whatever_the_code_gives_now() {
    let strict = MachineConfig { strict: true, ..MachineConfig::default() };
    let none = ActivityOptions::new();
    for (then, now) in [(policy(3), policy(9)), (policy(3), none), (none, policy(9))] {
        let mut old = started(then);
        let next = old.fail(1, busy());
        let code = calls(now);
        let machine = Instance::try_replay(&code, &strict, old.turns()).expect("no difference");
        assert_eq!(machine.open_activities(1), old.machine.open_activities(1));
        if next.outcome.is_some() {
            continue;
        }
        let mut back = Instance::resumed(code, strict.clone(), machine, old.now);
        back.fail(1, busy());
        assert_eq!(back.fail(1, busy()).log()[0], "TaskFailed #1: busy", "three attempts");
    }
}

#[test]
fn an_activity_after_one_whose_options_went_away_keeps_its_own() {
    let two = |first: ActivityOptions| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let calls = [call(&ctx, first), call(&ctx, policy(2))];
            Ok(join_all(calls).await.into_iter().filter_map(Result::ok).sum::<u64>())
        })
    };
    let old = Instance::start(two(policy(9)), ());
    let code = two(ActivityOptions::new());
    let machine = Instance::try_replay(&code, &old.config, old.turns()).expect("no difference");
    let mut back = Instance::resumed(code, old.config.clone(), machine, old.now);
    back.fail(2, busy());
    assert_eq!(back.fail(2, busy()).log(), ["TaskFailed #2: busy"]);
    back.fail(1, busy());
    back.complete(1, 3);
    assert_eq!(back.output::<u64>(), 3);
}

#[test]
fn options_that_cannot_be_are_refused_with_nothing_recorded() {
    let bad = [
        policy(0),
        ActivityOptions::new().retry(RetryPolicy::new(2).factor(-1.0)),
        ActivityOptions::new().retry(RetryPolicy::new(2).factor(f64::NAN)),
        ActivityOptions::new().retry(RetryPolicy::new(2).jitter(1.5)),
        ActivityOptions::new().retry(RetryPolicy::new(2).first_delay(Duration::MAX)),
        ActivityOptions::new().start_to_close(Duration::ZERO),
        ActivityOptions::new().schedule_to_close(Duration::MAX),
        ActivityOptions::new().heartbeat(Duration::ZERO),
    ];
    for options in bad {
        let code = code(move |ctx: OrchestrationContext, ()| async move {
            let refused = call(&ctx, options).await.expect_err("it cannot be");
            Ok(refused.kind() == ActivityErrorKind::InvalidOptions && !refused.is_retryable())
        });
        let instance = Instance::start(code, ());
        assert!(instance.output::<bool>(), "{options:?}");
        assert_eq!(instance.log(), ["ExecutionStarted `orchestration`", "ExecutionCompleted"]);
    }
}

#[test]
fn whatever_ends_it_in_a_delay_calls_off_its_timers() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let options = policy(9).schedule_to_close(Duration::from_secs(500));
        let call = call(&ctx, options);
        match ctx.wait_external::<u64>("Go").await? {
            0 => drop(call),
            1 => return Ok(0),
            2 => return ctx.continue_as_new_untyped(&()),
            _ => {}
        }
        task(&ctx, "b").await.map_err(Into::into)
    });
    let ways = [raise("Go", 0), raise("Go", 1), raise("Go", 2), terminate("enough")];
    for way in ways {
        let mut instance = Instance::start(code.clone(), ());
        instance.fail(1, busy());
        let actions = instance.apply(way.clone()).actions;
        for called_off in [
            Action::CancelActivity { id: ID },
            Action::CancelTimer { id: ID, fire_at: seconds(1_002) },
            Action::CancelTimer { id: ID, fire_at: seconds(1_500) },
        ] {
            assert!(actions.contains(&called_off), "{way:?}: {actions:?}");
        }
        instance.pass(600);
        assert!(instance.fire(1).is_empty(), "nothing runs later");
        assert!(instance.complete(1, 1).is_empty());
        let open: Vec<_> = instance.machine.open_activities(9);
        assert!(open.iter().all(|open| open.id != ID), "{open:?}");
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn thousands_that_are_tried_again_at_once_end_one_by_one() {
    const WIDE: u64 = 3_000;
    let code = code(|ctx: OrchestrationContext, ()| async move {
        let calls = (0..WIDE).map(|_| call(&ctx, policy(3)));
        Ok(join_all(calls).await.into_iter().filter_map(Result::ok).sum::<u64>())
    });
    let mut instance = Instance::start(code, ());
    (1..=WIDE).for_each(|id| drop(instance.fail(id, busy())));
    assert!(!instance.machine.has_open_tasks(seconds(1_001)));
    assert_eq!(instance.machine.wake_at(), Some(seconds(1_002)), "of the first one");
    assert_eq!(instance.machine.open_activities(7).len(), 7);
    (1..=WIDE).for_each(|id| drop(instance.complete(id, 1)));
    assert_eq!(instance.output::<u64>(), WIDE);
    instance.assert_replays();
}

#[test]
fn heartbeats_supersede_each_other_and_go_to_the_host_that_runs_it_next() {
    let mut instance = started(policy(3));
    instance.heartbeat(1, 1);
    instance.heartbeat(1, 2);
    let given = |details: u64| {
        let details = Some(payload(details));
        Some(Box::new(AttemptTerms { details, ..AttemptTerms::default() }))
    };
    let open = instance.assert_replays().open_actions();
    assert!(matches!(&open[..], [Action::CallActivity { terms, .. }] if *terms == given(2)));
    instance.fail(1, busy());
    let next = instance.fire(1).actions;
    assert!(matches!(&next[..], [Action::CallActivity { terms, .. }] if *terms == given(2)));
    instance.heartbeat(1, 3);
    let beats = |instance: &Instance| {
        instance.log().iter().filter(|event| *event == "TaskHeartbeat #1").count()
    };
    assert_eq!((beats(&instance), instance.machine.history().len()), (1, 5));
    instance.complete(1, 7);
    assert!(instance.heartbeat(1, 4).is_empty(), "it is over");
    instance.assert_replays_from_every_point();
}

#[test]
fn an_activity_without_options_has_heartbeats_too() {
    let mut instance = started(ActivityOptions::new());
    instance.heartbeat(1, "half");
    let open = instance.machine.open_activities(1);
    assert_eq!(open[0].heartbeat, Some(payload("half")));
    instance.fail(1, busy());
    assert_eq!(instance.output::<Result<u64, String>>(), Err("busy".into()));
    instance.assert_replays_from_every_point();
}

#[test]
fn what_was_superseded_counts_for_no_limit() {
    let megabyte = Payload::from_bytes(vec![b'1'; MAX_PAYLOAD_BYTES]).expect("at the limit");
    let mut instance = started(policy(u32::MAX));
    for beat in 0..MAX_HISTORY_BYTES / MAX_PAYLOAD_BYTES as u64 + 1 {
        let details = megabyte.clone();
        let beaten = Command::RecordHeartbeat { id: ID, attempt: 1, details };
        assert!(instance.apply(beaten).outcome.is_none(), "heartbeat {beat}");
    }
    for attempt in 0..9 {
        let large = busy().with_details(&"x".repeat(MAX_PAYLOAD_BYTES - 2));
        assert!(instance.fail(1, large).outcome.is_none(), "attempt {attempt}");
    }
    assert_eq!(instance.machine.history().len(), 5);
    instance.complete(1, 7);
    assert_eq!(instance.output::<Result<u64, String>>(), Ok(7));
    instance.assert_replays();
}

#[test]
fn a_difference_is_named_by_its_place_whether_something_was_superseded_or_not() {
    let code = |second: &'static str| {
        code(move |ctx: OrchestrationContext, ()| async move {
            call(&ctx, policy(9)).await?;
            Ok(task(&ctx, second).await?)
        })
    };
    let mut old = Instance::start(code("b"), ());
    (1..=4).for_each(|_| drop(old.fail(1, busy())));
    old.complete(1, 7);
    let full: Vec<_> = old.answers().map(|answer| answer.recorded.clone()).collect();
    let place = |turns: &[_]| {
        let replayed = Instance::try_replay(&code("c"), &old.config, turns);
        instance::divergence(replayed).position
    };
    assert_ne!(full, old.turns());
    assert_eq!((place(&full), place(old.turns())), (8, 8));
}
