//! Dropping an unfinished durable future cancels it, and that is recorded; letting a machine go is
//! no drop.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::support::instance::{
    self, Instance, code, complete, fire, name, payload, seconds, task,
};
use futures::future::{Either, join_all, select};
use reenact_core::{Action, CorrelationId, OrchestrationCode, OrchestrationContext};

/// Schedules one of each kind, drops them, and goes on.
fn drops_one_of_each() -> OrchestrationCode {
    code(async |ctx: OrchestrationContext, ()| {
        let activity = task(&ctx, "a");
        let timer = ctx.schedule_timer(Duration::from_secs(60));
        let wait = ctx.schedule_wait::<u64>("Go");
        task(&ctx, "b").await?;
        drop((activity, timer, wait));
        Ok(task(&ctx, "c").await?)
    })
}

#[test]
fn dropping_open_futures_is_recorded_and_called_off() {
    let mut instance = Instance::start(drops_one_of_each(), ());
    let answer = instance.complete(4, 4);
    assert_eq!(
        answer.outputs(),
        [
            "TaskCancelRequested #1",
            "TimerCancelled #2",
            "ExternalUnsubscribed #3",
            "TaskScheduled #5 `c`"
        ]
    );
    assert_eq!(
        answer.actions,
        [
            Action::CancelActivity { id: CorrelationId(1) },
            Action::CancelTimer { id: CorrelationId(2), fire_at: seconds(1_060) },
            Action::CallActivity {
                id: CorrelationId(5),
                name: name("c"),
                input: payload(()),
                attempt: 1,
                terms: None,
                tagged: None,
                local: false,
            },
        ]
    );
    assert_eq!(instance.machine.open_actions(), answer.actions[2..], "only the new one is open");
    instance.complete(5, 5);
    instance.assert_replays_from_every_point();
}

#[test]
fn completions_that_come_after_the_cancelling_are_ignored() {
    let mut instance = Instance::start(drops_one_of_each(), ());
    instance.complete(4, 4);
    let before = instance.log();
    assert!(instance.complete(1, 1).is_empty());
    assert!(instance.fail(1, "late".into()).is_empty());
    assert!(instance.fire(2).is_empty());
    assert_eq!(instance.log(), before);
    instance.complete(5, 5);
    instance.assert_replays_from_every_point();
}

#[test]
fn dropping_what_is_complete_and_was_never_awaited_records_nothing() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let activity = task(&ctx, "a");
        let timer = ctx.schedule_timer(Duration::from_secs(60));
        task(&ctx, "b").await?;
        drop((activity, timer));
        Ok(task(&ctx, "c").await?)
    });
    let mut instance = Instance::start(code, ());
    instance.complete(1, 1);
    instance.fire(2);
    assert_eq!(instance.complete(3, 3).outputs(), ["TaskScheduled #4 `c`"]);
    instance.complete(4, 4);
    instance.assert_replays_from_every_point();
}

#[test]
fn dropping_what_was_awaited_to_its_end_records_nothing() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let mut timer = ctx.timer(Duration::from_secs(1));
        (&mut timer).await;
        drop(timer);
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(instance.fire(1).outputs(), ["ExecutionCompleted"]);
}

#[test]
fn what_was_forgotten_is_called_off_at_the_end() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        std::mem::forget((task(&ctx, "a"), ctx.schedule_timer(Duration::from_secs(60))));
        Ok(ctx.wait_external::<u64>("Go").await?)
    });
    let mut instance = Instance::start(code, ());
    let answer = instance.raise("Go", 1);
    assert_eq!(answer.outputs(), ["ExecutionCompleted"]);
    assert_eq!(
        answer.actions[..2],
        [
            Action::CancelActivity { id: CorrelationId(1) },
            Action::CancelTimer { id: CorrelationId(2), fire_at: seconds(1_060) },
        ]
    );
    assert!(matches!(answer.actions[2..], [Action::Reply { .. }]));
    assert!(instance.machine.open_actions().is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_branch_that_loses_a_select_drops_all_that_it_has() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let branch = async {
            let _held = task(&ctx, "held");
            let inner = join_all(["x", "y"].map(|name| task(&ctx, name)));
            inner.await
        };
        let deadline = ctx.timer(Duration::from_secs(5));
        match select(Box::pin(branch), deadline).await {
            Either::Left(_) => Ok(0),
            Either::Right(((), branch)) => {
                drop(branch);
                Ok(task(&ctx, "after").await?)
            }
        }
    });
    let mut instance = Instance::start(code, ());
    instance.complete(3, 3);
    // The branch began to run after the deadline was set.
    assert_eq!(
        instance.log()[1..5],
        [
            "TimerCreated #1 for 1970-01-01T00:16:45.000000Z",
            "TaskScheduled #2 `held`",
            "TaskScheduled #3 `x`",
            "TaskScheduled #4 `y`",
        ]
    );
    assert_eq!(
        instance.fire(1).outputs(),
        ["TaskCancelRequested #4", "TaskCancelRequested #2", "TaskScheduled #5 `after`"]
    );
    instance.complete(5, 5);
    assert_eq!(instance.output::<u64>(), 5);
    instance.assert_replays_from_every_point();
}

#[test]
fn letting_a_machine_go_records_and_calls_off_nothing() {
    let code = drops_one_of_each();
    let instance = Instance::start(code.clone(), ());
    let (turns, open) = (instance.turns().to_vec(), instance.machine.open_actions());
    let config = instance.config.clone();
    drop(instance);
    let mut machine = Instance::try_replay(&code, &config, &turns).expect("it replays");
    assert_eq!(machine.history().turns(), turns);
    assert_eq!(machine.open_actions(), open);
    for command in [complete(4, 4), complete(5, 5)] {
        let _ = machine.apply(command, seconds(2_000)).expect("it goes on");
    }
    assert!(machine.outcome().is_some());
}

#[test]
fn code_that_reacts_to_being_let_go_changes_nothing() {
    /// Schedules something when it is dropped.
    struct LastWish(OrchestrationContext);
    impl Drop for LastWish {
        fn drop(&mut self) {
            drop(task(&self.0, "last wish"));
            drop(self.0.timer(Duration::MAX));
            self.0.trace("good bye");
        }
    }
    let code = code(async |ctx: OrchestrationContext, ()| {
        let _wish = LastWish(ctx.clone());
        Ok(task(&ctx, "a").await?)
    });
    let mut terminated = Instance::start(code.clone(), ());
    terminated.apply(instance::terminate("enough"));
    assert_eq!(terminated.log()[2..], ["ExecutionTerminated: enough"]);
    terminated.assert_replays_from_every_point();
    drop(Instance::start(code, ()));
}

#[test]
fn a_machine_that_is_let_go_frees_what_its_wakers_hold() {
    /// A waker that owns the context, which owns the slots, which own the waker.
    struct Holder {
        _ctx: OrchestrationContext,
        _held: Arc<()>,
        outer: Waker,
    }
    impl Wake for Holder {
        fn wake(self: Arc<Self>) {
            self.outer.wake_by_ref();
        }
    }
    let held = Arc::new(());
    let watched: Weak<()> = Arc::downgrade(&held);
    let code = code(move |ctx: OrchestrationContext, ()| {
        let held = held.clone();
        async move {
            let mut timer = Box::pin(ctx.timer(Duration::from_secs(1)));
            std::future::poll_fn(|cx| {
                let holder =
                    Holder { _ctx: ctx.clone(), _held: held.clone(), outer: cx.waker().clone() };
                let waker = Waker::from(Arc::new(holder));
                match timer.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(()) => Poll::Ready(Ok(())),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await
        }
    });
    let mut woken = Instance::start(code.clone(), ());
    woken.apply(fire(1));
    woken.output::<()>();
    drop(woken);
    drop(Instance::start(code.clone(), ()));
    assert_eq!(watched.strong_count(), 1, "the one in the code itself");
    drop(code);
    assert_eq!(watched.strong_count(), 0);
}
