//! A cancel reaches what is open and not shielded, and every call after it; the code decides how it
//! ends.

use std::time::Duration;

use crate::support::instance::{
    self, Answer, Instance, cancel, code, complete, divergence, fire, instance_id, raise,
    rejection, seconds, start, task,
};
use futures::future::{Either, join, select};
use reenact_core::limits::{MAX_CANCELLED_CALLS, MAX_MESSAGE_BYTES};
use reenact_core::{
    Action, ActivityError, ActivityErrorKind, Cancelled, Command, CorrelationId, DurableOutput,
    EventError, ExecutionId, Machine, MachineConfig, OrchestrationCode, OrchestrationContext,
    OrchestrationError, OrchestrationErrorKind, Outcome, Rejected, Start, Successor,
};

const MINUTE: Duration = Duration::from_secs(60);

fn cancelled(reason: &str) -> Outcome {
    Outcome::Cancelled { reason: reason.into() }
}

/// The error of an activity that a cancel ended.
fn no_result(reason: &str) -> ActivityError {
    ActivityError::of_kind(ActivityErrorKind::Cancelled, reason)
}

#[test]
fn an_activity_ends_with_an_error_that_ends_the_code_as_cancelled() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "a").await?));
    let mut instance = Instance::start(code, ());
    let answer = instance.apply(cancel("no stock"));
    assert_eq!(answer.log(), ["CancelRequested: no stock", "ExecutionCancelled: no stock"]);
    assert_eq!(answer.outcome, Some(cancelled("no stock")));
    assert_eq!(
        answer.actions,
        [
            Action::CancelActivity { id: CorrelationId(1) },
            Action::Reply { outcome: cancelled("no stock") },
        ]
    );
    assert_eq!(instance.machine.history().outcome(), Some(cancelled("no stock")));
    assert!(instance.complete(1, 1).is_empty(), "its result no longer counts");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_wait_ends_with_an_error() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let cancelled = ctx.wait_external::<u64>("Go").await;
        let reason = "enough".to_owned();
        assert_eq!(ctx.check_cancelled(), Err(Cancelled { reason: reason.clone() }));
        assert_eq!(cancelled, Err(EventError::Cancelled(Cancelled { reason })));
        ctx.check_cancelled()?;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.apply(cancel("enough")).outcome, Some(cancelled("enough")));
    instance.assert_replays_from_every_point();
}

#[test]
fn what_was_complete_before_stays_complete() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (a, b) = (task(&ctx, "a"), task(&ctx, "b"));
        let (one, two) = (ctx.schedule_wait::<u64>("N"), ctx.schedule_wait::<u64>("N"));
        ctx.shielded().wait_external::<()>("Look").await?;
        assert_eq!(b.await.unwrap_err(), no_result("why"));
        assert!(two.await.is_err());
        Ok(a.await? + one.await?)
    });
    let mut instance = Instance::start(code, ());
    instance.complete(1, 10);
    instance.raise("N", 5);
    assert!(instance.apply(cancel("why")).outputs().is_empty());
    instance.raise("Look", ());
    assert_eq!(instance.output::<u64>(), 15, "the code has decided to complete");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_cancelled_wait_leaves_its_event_to_the_next_that_is_shielded() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = ctx.schedule_wait::<u64>("Go");
        let shielded = ctx.shielded().schedule_wait::<u64>("Go");
        assert!(first.await.is_err());
        Ok(shielded.await?)
    });
    let mut instance = Instance::start(code, ());
    instance.apply(cancel("why"));
    instance.raise("Go", 7);
    assert_eq!(instance.output::<u64>(), 7);
    instance.assert_replays_from_every_point();
}

#[test]
fn calls_after_the_cancel_end_at_once_without_a_trace() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        assert!(ctx.until_cancelled(ctx.timer(MINUTE)).await.is_err());
        let late = task(&ctx, "late");
        assert_eq!(late.id(), None);
        assert_eq!(late.await.unwrap_err(), no_result("why"));
        let never = ctx.timer(MINUTE);
        assert_eq!(never.id(), None);
        assert!(ctx.until_cancelled(never).await.is_err());
        assert!(ctx.events::<u64>("Go").next().await.is_err());
        ctx.set_status("cleaning up");
        let computed = ctx.side_effect(|| 7).await;
        Ok(task(&ctx.shielded(), "undo").await? + computed)
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(
        instance.apply(cancel("why")).outputs(),
        ["StatusSet", "SideEffectRecorded #2", "TaskScheduled #3 `undo`"]
    );
    instance.complete(3, 3);
    assert_eq!(instance.output::<u64>(), 10);
    instance.assert_replays_from_every_point();
}

#[test]
fn what_is_shielded_is_not_touched_before_or_after() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let shielded = ctx.shielded();
        let before = (task(&shielded, "a"), shielded.timer(MINUTE));
        assert!(task(&ctx, "b").await.is_err());
        assert!(shielded.is_cancelled() && ctx.is_cancelled());
        let after = task(&shielded, "c");
        let (first, ()) = join(before.0, before.1).await;
        Ok(first? + after.await?)
    });
    let mut instance = Instance::start(code, ());
    let answer = instance.apply(cancel("why"));
    assert_eq!(answer.outputs(), ["TaskScheduled #4 `c`"]);
    assert_eq!(answer.actions[0], Action::CancelActivity { id: CorrelationId(3) });
    instance.fire(2);
    instance.complete(4, 1);
    instance.complete(1, 1);
    assert_eq!(instance.output::<u64>(), 2);
    instance.assert_replays_from_every_point();
}

/// Waits for a cancel beside something that is shielded.
fn looks() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let work = task(&ctx.shielded(), "work");
        match select(ctx.cancelled(), work).await {
            Either::Left(((), work)) => {
                ctx.cancelled().await;
                Ok(work.await? + 100)
            }
            Either::Right((done, _)) => Ok(done?),
        }
    })
}

#[test]
fn a_cancel_can_be_awaited_and_is_no_step() {
    let mut instance = Instance::start(looks(), ());
    assert_eq!(instance.machine.open_actions().len(), 1, "the activity");
    assert!(instance.apply(cancel("why")).outputs().is_empty());
    instance.complete(1, 1);
    assert_eq!(instance.output::<u64>(), 101);
    instance.assert_replays_from_every_point();

    let mut undisturbed = Instance::start(looks(), ());
    assert_eq!(undisturbed.complete(1, 1).outputs(), ["ExecutionCompleted"]);
    undisturbed.assert_replays_from_every_point();
}

#[test]
fn code_may_wait_for_nothing_but_a_cancel() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let first = ctx.when_any([ctx.cancelled().into_output()]).await;
        assert_eq!(first.output, DurableOutput::Cancelled);
        Ok(ctx.check_cancelled()?)
    });
    let mut instance = Instance::start(code, ());
    assert!(instance.machine.open_actions().is_empty());
    assert_eq!(instance.machine.wake_at(), None);
    instance.apply(cancel("why"));
    assert_eq!(instance.machine.outcome(), Some(&cancelled("why")));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_time_limit_goes_on_for_the_clean_up_in_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let saga = async {
            let paid = ctx.wait_external::<u64>("Paid").await;
            let undone = task(&ctx.shielded(), "undo").await?;
            paid?;
            Ok::<_, OrchestrationError>(undone)
        };
        ctx.timeout(MINUTE, saga).await?
    });
    let mut in_time = Instance::start(code.clone(), ());
    assert_eq!(in_time.apply(cancel("why")).outputs(), ["TaskScheduled #3 `undo`"]);
    in_time.complete(3, 3);
    assert_eq!(in_time.machine.outcome(), Some(&cancelled("why")));
    in_time.assert_replays_from_every_point();

    let mut late = Instance::start(code, ());
    late.apply(cancel("why"));
    late.fire(1);
    assert_eq!(late.failure().message(), "timed out after 60s");
    late.assert_replays_from_every_point();
}

#[test]
fn the_code_decides_how_a_cancelled_instance_ends() {
    let code = code(async |ctx: OrchestrationContext, how: String| {
        let why = ctx.wait_external::<()>("Go").await.unwrap_err();
        match &*how {
            "completes" => Ok(()),
            "fails" => Err("of its own".into()),
            _ => Err(why.into()),
        }
    });
    let ended = |how: &str| {
        let mut instance = Instance::start(code.clone(), how);
        instance.apply(cancel("why"));
        instance.assert_replays_from_every_point();
        instance.machine.outcome().cloned()
    };
    assert!(matches!(ended("completes"), Some(Outcome::Completed(_))));
    assert_eq!(ended("fails"), Some(Outcome::Failed("of its own".into())));
    assert_eq!(ended("hands it on"), Some(cancelled("why")));
}

#[test]
fn an_error_of_that_kind_without_a_cancel_is_a_failure() {
    let code = code(async |_: OrchestrationContext, ()| {
        Err::<(), OrchestrationError>(Cancelled { reason: "my own".into() }.into())
    });
    let instance = Instance::start(code, ());
    assert_eq!(instance.failure().kind(), OrchestrationErrorKind::Cancelled);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_second_cancel_changes_nothing_and_a_late_one_is_refused() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let shielded = ctx.shielded();
        Ok(task(&shielded, "a").await? + task(&shielded, "b").await?)
    });
    let mut instance = Instance::start(code, ());
    instance.apply(cancel("first"));
    assert!(instance.apply(cancel("second")).is_empty());
    instance.complete(1, 1);
    assert!(instance.apply(cancel("third")).is_empty());
    assert_eq!(instance.machine.cancel_requested().as_deref(), Some("first"));
    instance.complete(2, 2);
    let before = instance.log();
    assert_eq!(rejection(instance.try_apply(cancel("late"))), Rejected::Finished);
    assert_eq!(instance.log(), before);
    instance.assert_replays_from_every_point();
}

#[test]
fn an_overlong_reason_is_cut() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "a").await?));
    let mut instance = Instance::start(code, ());
    instance.apply(cancel(&"x".repeat(MAX_MESSAGE_BYTES + 1)));
    let reason = instance.machine.cancel_requested().expect("a reason");
    assert!(reason.len() <= MAX_MESSAGE_BYTES && reason.ends_with("(cut)"));
}

#[test]
fn code_that_does_not_heed_a_cancel_is_ended() {
    let code = code(async |ctx: OrchestrationContext, how: u8| {
        loop {
            match how {
                0 => drop(task(&ctx, "a").await),
                1 => ctx.timer(MINUTE).await,
                2 => drop(ctx.wait_external::<u64>("Go").await),
                _ => ctx.cancelled().await,
            }
            if false {
                return Ok(());
            }
        }
    });
    for how in 0..=3 {
        let mut instance = Instance::start(code.clone(), how);
        instance.apply(cancel("why"));
        assert_eq!(instance.machine.outcome(), Some(&cancelled("why")), "{how}");
        instance.assert_replays_from_every_point();
    }
}

/// Makes this many calls that a cancel ends, in each of two turns.
fn calls(many: u32) -> Instance {
    let code = code(async |ctx: OrchestrationContext, many: u32| {
        for _ in 0..2 {
            ctx.shielded().wait_external::<()>("Next").await?;
            for _ in 0..many {
                let _ = task(&ctx, "a").await;
            }
        }
        Ok(())
    });
    let mut instance = Instance::start(code, many);
    for command in [cancel("why"), raise("Next", ()), raise("Next", ())] {
        // The last one may come too late.
        let _ = instance.try_apply(command);
    }
    instance.assert_replays_from_every_point();
    instance
}

#[test]
fn the_calls_that_a_cancel_ends_are_counted_by_turn() {
    calls(MAX_CANCELLED_CALLS).output::<()>();
    let one_too_many = calls(MAX_CANCELLED_CALLS + 1);
    assert_eq!(one_too_many.machine.outcome(), Some(&cancelled("why")));
    assert_eq!(one_too_many.turns().len(), 3, "it ended in the first of the turns");
}

/// Says that it has run.
fn runs() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        ctx.set_status("it runs");
        let undone = task(&ctx.shielded(), "undo").await?;
        ctx.check_cancelled()?;
        Ok(undone)
    })
}

fn delayed() -> Instance {
    let how = Start { delay: Some(MINUTE), ..start(()) };
    Instance::start_with(runs(), MachineConfig::default(), how)
}

#[test]
fn code_that_has_not_begun_never_runs() {
    let mut instance = delayed();
    let answer = instance.apply(cancel("changed my mind"));
    assert_eq!(answer.outputs(), ["ExecutionCancelled: changed my mind"]);
    let id = CorrelationId::START;
    assert_eq!(answer.actions[0], Action::CancelTimer { id, fire_at: seconds(1_060) });
    assert!(instance.fire(0).is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_cancel_that_comes_with_the_end_of_the_delay_is_before_or_after_it() {
    let mut after = delayed();
    after.fire(0);
    after.apply(cancel("why"));
    after.complete(1, 1);
    assert_eq!(after.machine.outcome(), Some(&cancelled("why")));
    after.assert_replays_from_every_point();

    let mut before = delayed();
    before.apply(cancel("why"));
    assert!(before.fire(0).is_empty());
    assert_eq!(before.machine.outcome(), Some(&cancelled("why")));
}

/// Continues as new at the first event; the next execution tells what it finds.
fn continues() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, again: bool| {
        if again {
            let _ = ctx.wait_external::<u64>("Go").await;
            return ctx.continue_as_new_untyped(&false);
        }
        let found = ctx.check_cancelled().map_err(|cancelled| cancelled.reason);
        let undone: u64 = ctx.shielded().call_activity_by_name("undo", &()).await?;
        Ok((found, undone, ctx.wait_external::<u64>("Left").await.is_err()))
    })
}

/// The next execution, with the turns in which it begins.
fn successor(instance: &Instance) -> (Instance, Vec<Answer>) {
    let begun = instance.machine.successor(None).expect("nothing runs");
    let Successor { machine, turns } = begun.expect("it has continued as new");
    let (code, config) = (instance.code.clone(), instance.config.clone());
    let next = Instance::resumed(code, config, machine, instance.now);
    (next, turns.into_iter().map(Answer::of).collect())
}

fn assert_next_is_cancelled(mut next: Instance) {
    next.fire(0);
    next.complete(1, 7);
    let found: (Result<(), String>, u64, bool) = next.output();
    assert_eq!(found, (Err("why".into()), 7, true));
    let (config, turns) = (next.config.clone(), next.turns().iter().cloned());
    let execution = ExecutionId(2);
    let replayed = Machine::replay(&next.code, instance_id(), execution, config, turns);
    assert_eq!(replayed.expect("it replays").outcome(), next.machine.outcome());
}

#[test]
fn a_cancel_before_continuing_as_new_is_carried_over() {
    let mut instance = Instance::start(continues(), true);
    instance.apply(cancel("why"));
    assert!(matches!(instance.machine.outcome(), Some(Outcome::Continued { .. })));
    let (next, turns) = successor(&instance);
    let begun: Vec<_> = turns.iter().map(|turn| turn.log()[0].clone()).collect();
    assert_eq!(begun, ["ExecutionStarted `orchestration`", "CancelRequested: why"]);
    assert_next_is_cancelled(next);
}

#[test]
fn a_cancel_after_continuing_as_new_waits_for_the_code_of_the_next() {
    let mut instance = Instance::start(continues(), true);
    instance.raise("Go", 1);
    let (mut next, _) = successor(&instance);
    assert_eq!(next.apply(cancel("why")).log(), ["CancelRequested: why"]);
    assert_next_is_cancelled(next);
}

#[test]
fn a_shield_that_was_taken_away_is_noticed_by_the_completion_after_it() {
    let with = |shielded: bool| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let of_work = if shielded { ctx.shielded() } else { ctx.clone() };
            let work = task(&of_work, "work");
            task(&ctx.shielded(), "other").await?;
            Ok(work.await?)
        })
    };
    let mut instance = Instance::start(with(true), ());
    instance.apply(cancel("why"));
    instance.complete(1, 1);
    let replayed = Instance::try_replay(&with(false), &instance.config, instance.turns());
    let found = divergence(replayed);
    assert_eq!(
        found.to_string(),
        "nondeterministic at event 4: expected TaskCompleted #1, found that it was ended by a \
         cancel before (it was called on a shielded context?)"
    );
}

#[test]
fn a_cancel_that_nobody_heeds_replays_with_what_comes_after_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let (a, b) = (task(&ctx, "a"), task(&ctx.shielded(), "b"));
        let go = ctx.shielded().wait_external::<u64>("Go").await?;
        drop(a);
        Ok(go + b.await?)
    });
    let mut instance = Instance::start(code, ());
    for command in [cancel("why"), complete(1, 1), fire(1), complete(2, 2), raise("Go", 5)] {
        let _ = instance.try_apply(command);
    }
    assert_eq!(instance.output::<u64>(), 7);
    assert!(!instance.log().iter().any(|event| event.starts_with("TaskCancelRequested")));
    instance.assert_replays_from_every_point();
}

#[test]
fn commands_before_the_start_are_refused() {
    let code = runs();
    let config = MachineConfig::default();
    let mut machine = Instance::try_replay(&code, &config, &[]).expect("nothing to replay");
    for command in [cancel("why"), instance::suspend("why"), Command::Resume] {
        let refused = machine.apply(command, seconds(1)).map(Answer::of);
        assert_eq!(rejection(refused), Rejected::NotStarted);
    }
}
