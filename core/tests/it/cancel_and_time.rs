//! A cancel is never time: after it, an unshielded timer never completes. Code that waits for nothing else
//! ends as cancelled.

use std::time::Duration;

use crate::support::instance::{self, Instance, cancel, code, start, suspend, task, turn};
use futures::future::{Either, join, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use reenact_core::limits::MAX_CANCELLED_CALLS;
use reenact_core::{
    Action, Cancelled, Command, CorrelationId, DurableOutput, Event, MachineConfig,
    OrchestrationCode, OrchestrationContext, OrchestrationError, Outcome, Rewind, Start,
};

const MINUTE: Duration = Duration::from_secs(60);

fn cancelled() -> Outcome {
    Outcome::Cancelled { reason: "why".into() }
}

/// Cancels an instance that waits; it ends as cancelled in that turn, without another word.
fn assert_ends_at_once(code: OrchestrationCode, of: &str) -> Instance {
    let mut instance = Instance::start(code, of);
    let answer = instance.apply(cancel("why"));
    assert_eq!(answer.outputs(), ["ExecutionCancelled: why"], "{of}");
    assert_eq!(answer.outcome, Some(cancelled()), "{of}");
    assert!(instance.machine.open_actions().is_empty());
    instance.assert_replays_from_every_point();
    instance
}

/// Waits for time only, in one way or another, and returns a value when it has passed.
async fn waits_for_time(ctx: OrchestrationContext, how: String) -> Result<u64, OrchestrationError> {
    let timer = || ctx.timer(MINUTE);
    match &*how {
        "a timer" => timer().await,
        "reminders" => {
            for reminder in 0..5 {
                timer().await;
                let () = ctx.call_activity_by_name("remind", &reminder).await?;
            }
        }
        "when_any" => {
            let any = [timer().into_output(), ctx.timer(MINUTE * 2).into_output()];
            assert_eq!(ctx.when_any(any).await.output, DurableOutput::Timer);
        }
        "when_all" => drop(ctx.when_all([timer(), timer()]).await),
        "join_all" => drop(join_all([timer(), timer()]).await),
        "select" => drop(select(timer(), timer()).await),
        "tokio::select" => {
            tokio::select! {
                biased;
                () = timer() => {}
                () = ctx.timer(MINUTE * 2) => {}
            }
        }
        "unordered" => {
            let mut all: FuturesUnordered<_> = [timer(), timer()].into_iter().collect();
            while all.next().await.is_some() {}
        }
        "a limit around it" => drop(ctx.timeout(MINUTE / 2, timer()).await),
        "a limit around two" => drop(ctx.timeout(MINUTE / 2, join(timer(), timer())).await),
        "a limit around a limit" => {
            let _ = ctx.timeout(MINUTE / 2, ctx.timeout(MINUTE / 3, timer())).await;
        }
        "a limit beside it" => {
            let _ = join(timer(), ctx.timeout(MINUTE / 2, std::future::pending::<()>())).await;
        }
        other => panic!("there is no {other}"),
    }
    Ok(0)
}

#[test]
fn code_that_waits_for_time_only_ends_as_cancelled() {
    let hows = [
        "a timer",
        "reminders",
        "when_any",
        "when_all",
        "join_all",
        "select",
        "tokio::select",
        "unordered",
        "a limit around it",
        "a limit around two",
        "a limit around a limit",
        "a limit beside it",
    ];
    for how in hows {
        let mut instance = assert_ends_at_once(code(waits_for_time), how);
        assert!(instance.fire(1).is_empty(), "{how}: it is over");
    }
}

#[test]
fn the_timer_is_called_off() {
    let instance = assert_ends_at_once(code(waits_for_time), "a timer");
    let fire_at = instance::seconds(1_060);
    assert_eq!(
        instance.actions()[1..],
        [
            Action::CancelTimer { id: CorrelationId(1), fire_at },
            Action::Reply { outcome: cancelled() }
        ]
    );
}

/// A race of a deadline with something else, in one way or another; "too late" or what the other gives.
async fn races(ctx: OrchestrationContext, how: String) -> Result<String, OrchestrationError> {
    let deadline = ctx.schedule_timer(MINUTE);
    let go = ctx.schedule_wait::<String>("Go");
    match &*how {
        "when_any" => {
            let any = [deadline.into_output(), go.into_output()];
            match ctx.when_any(any).await.output {
                DurableOutput::Timer => Ok("too late".into()),
                event => Ok(event.into_external()?),
            }
        }
        "select" => match select(deadline, go).await {
            Either::Left(_) => Ok("too late".into()),
            Either::Right((event, _)) => Ok(event?),
        },
        "tokio::select" => tokio::select! {
            biased;
            () = deadline => Ok("too late".into()),
            event = go => Ok(event?),
        },
        _ => match ctx.timeout(MINUTE, go).await {
            Err(_) => Ok("too late".into()),
            Ok(event) => Ok(event?),
        },
    }
}

#[test]
fn a_race_with_a_deadline_never_takes_a_cancel_for_the_deadline() {
    for how in ["when_any", "select", "tokio::select", "timeout"] {
        let mut cancelled_first = Instance::start(code(races), how);
        cancelled_first.apply(cancel("why"));
        assert_eq!(cancelled_first.machine.outcome(), Some(&cancelled()), "{how}");
        cancelled_first.assert_replays_from_every_point();

        let mut late = Instance::start(code(races), how);
        late.fire(if how == "timeout" { 3 } else { 1 });
        assert_eq!(late.output::<String>(), "too late", "{how}");
        late.assert_replays_from_every_point();
    }
}

#[test]
fn what_is_set_after_the_cancel_never_completes_either() {
    let code = code(async |ctx: OrchestrationContext, timeout: bool| {
        let result = task(&ctx, "a").await;
        if timeout {
            let late = ctx.timeout(MINUTE, ctx.timer(MINUTE)).await;
            return Ok(late.is_err());
        }
        ctx.timer(MINUTE).await;
        Ok(result.is_ok())
    });
    for timeout in [true, false] {
        let mut instance = Instance::start(code.clone(), timeout);
        instance.apply(cancel("why"));
        assert_eq!(instance.machine.outcome(), Some(&cancelled()));
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn what_is_shielded_lets_the_code_go_on_and_the_end_comes_after_it() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let shielded = ctx.shielded();
        let work = async {
            let done = task(&shielded, "a").await;
            shielded.timer(MINUTE).await;
            done
        };
        Ok(join(ctx.timer(MINUTE), work).await.1?)
    });
    let mut instance = Instance::start(code, ());
    assert!(instance.apply(cancel("why")).outputs().is_empty());
    assert_eq!(instance.complete(2, 2).outputs().len(), 1, "the shielded timer");
    let answer = instance.fire(3);
    assert_eq!(answer.outputs(), ["ExecutionCancelled: why"], "only the timer is left");
    instance.assert_replays_from_every_point();
}

#[test]
fn a_shielded_timer_is_not_touched() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        ctx.shielded().timer(MINUTE).await;
        Ok(ctx.is_cancelled())
    });
    let mut instance = Instance::start(code, ());
    instance.apply(cancel("why"));
    instance.fire(1);
    assert!(instance.output::<bool>());
    instance.assert_replays_from_every_point();
}

/// Waits a minute, and cleans up when it is cancelled.
fn cleans_up() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| match ctx.until_cancelled(ctx.timer(MINUTE)).await {
        Ok(()) => Ok(task(&ctx, "go on").await?),
        Err(cancelled) => {
            task(&ctx.shielded(), "undo").await?;
            Err(cancelled.into())
        }
    })
}

#[test]
fn until_cancelled_gives_code_a_place_to_clean_up() {
    let mut stopped = Instance::start(cleans_up(), ());
    assert_eq!(stopped.apply(cancel("why")).outputs(), ["TaskScheduled #2 `undo`"]);
    stopped.complete(2, 2);
    assert_eq!(stopped.machine.outcome(), Some(&cancelled()));
    stopped.assert_replays_from_every_point();

    let mut undisturbed = Instance::start(cleans_up(), ());
    undisturbed.fire(1);
    undisturbed.complete(2, 2);
    assert_eq!(undisturbed.output::<u64>(), 2);
    undisturbed.assert_replays_from_every_point();
}

#[test]
fn until_cancelled_asks_the_future_first() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let ended = ctx.until_cancelled(task(&ctx, "a")).await;
        assert!(ended.is_ok_and(|a| a.is_err()), "the activity says so itself");
        let ready = ctx.until_cancelled(async { 7 }).await;
        let why = ctx.until_cancelled(ctx.timer(MINUTE)).await.unwrap_err();
        assert_eq!(why, Cancelled { reason: "why".into() });
        Ok(ready?)
    });
    let mut instance = Instance::start(code, ());
    instance.apply(cancel("why"));
    assert_eq!(instance.output::<u64>(), 7);
    instance.assert_replays_from_every_point();
}

#[test]
fn a_suspended_instance_ends_when_it_is_resumed() {
    let mut instance = Instance::start(code(waits_for_time), "reminders");
    instance.apply(suspend("a pause"));
    assert!(instance.apply(cancel("why")).outputs().is_empty());
    assert_eq!(instance.apply(Command::Resume).outputs(), ["ExecutionCancelled: why"]);
    instance.assert_replays_from_every_point();
}

#[test]
fn an_execution_that_goes_on_for_a_cancelled_one_ends_in_its_first_turn() {
    let code = code(async |ctx: OrchestrationContext, again: bool| {
        if again {
            let _ = ctx.wait_external::<u64>("Go").await;
            return ctx.continue_as_new_untyped(&false);
        }
        ctx.timer(MINUTE).await;
        Ok(())
    });
    let mut instance = Instance::start(code.clone(), true);
    instance.apply(cancel("why"));
    let next = instance.machine.successor(None).expect("nothing runs").expect("it has continued");
    let config = MachineConfig::default();
    let mut next = Instance::resumed(code, config, next.machine, instance.now);
    assert_eq!(next.fire(0).outputs(), ["ExecutionCancelled: why"]);
}

#[test]
fn an_instance_that_is_rewound_to_after_its_cancel_ends_again() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let _ = task(&ctx, "a").await;
        let _ = task(&ctx.shielded(), "b").await;
        ctx.timer(MINUTE).await;
        Ok(())
    });
    let mut instance = Instance::start(code.clone(), ());
    instance.apply(cancel("why"));
    instance.complete(2, 2);
    assert_eq!(instance.machine.outcome(), Some(&cancelled()));
    let of_b = instance.log().iter().position(|event| event == "TaskCompleted #2").expect("there");
    let rewind = Rewind { position: of_b as u64, reason: "again".into(), seed: 21 };
    let history = instance.machine.history();
    let rewound = history.rewound(&instance::instance_id(), rewind, instance.now).expect("a place");
    let turns = [&instance.turns()[..rewound.kept], &rewound.turns].concat();
    let machine = Instance::try_replay(&code, &instance.config, &turns).expect("it replays");
    let mut again = Instance::resumed(code, instance.config.clone(), machine, instance.now);
    again.fire(0);
    assert_eq!(again.complete(2, 2).outputs(), ["ExecutionCancelled: why"]);
}

#[test]
fn a_loop_that_never_awaits_a_stopped_timer_is_ended_by_the_count() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut rounds = 0;
        loop {
            tokio::select! {
                biased;
                () = ctx.timer(MINUTE) => return Ok(rounds),
                _ = task(&ctx, "a") => rounds += 1,
            }
            assert!(rounds <= MAX_CANCELLED_CALLS);
        }
    });
    let mut instance = Instance::start(code, ());
    instance.apply(cancel("why"));
    assert_eq!(instance.machine.outcome(), Some(&cancelled()));
    instance.assert_replays_from_every_point();
}

#[test]
fn what_is_dropped_in_the_poll_that_ends_so_is_no_step() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let held = task(&ctx.shielded(), "held");
        let _ = ctx.wait_external::<u64>("Go").await;
        drop(held);
        ctx.timer(MINUTE).await;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    let answer = instance.apply(cancel("why"));
    assert_eq!(answer.outputs(), ["ExecutionCancelled: why"]);
    assert_eq!(answer.actions[0], Action::CancelActivity { id: CorrelationId(1) });
    instance.assert_replays_from_every_point();
}

#[test]
fn a_firing_that_comes_too_late_is_ignored_and_malformed_in_a_log() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let timer = ctx.schedule_timer(MINUTE);
        let _ = task(&ctx.shielded(), "a").await;
        timer.await;
        Ok(())
    });
    let mut instance = Instance::start(code.clone(), ());
    instance.apply(cancel("why"));
    assert!(instance.fire(1).is_empty());
    assert!(instance.machine.wake_at().is_some(), "the activity is under way");
    let fired = turn(2_000, [Event::TimerFired { id: CorrelationId(1) }]);
    let turns = [instance.turns(), &[fired]].concat();
    let found = instance::divergence(Instance::try_replay(&code, &instance.config, &turns));
    assert!(found.to_string().contains("ended by a cancel"), "{found}");
    instance.complete(2, 2);
    assert_eq!(instance.machine.outcome(), Some(&cancelled()));
    instance.assert_replays_from_every_point();
}

#[test]
fn a_delayed_start_that_is_cancelled_never_runs() {
    let how = Start { delay: Some(MINUTE), ..start("a timer") };
    let mut instance = Instance::start_with(code(waits_for_time), MachineConfig::default(), how);
    assert_eq!(instance.apply(cancel("why")).outputs(), ["ExecutionCancelled: why"]);
    instance.assert_replays_from_every_point();
}
