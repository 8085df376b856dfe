//! What a drop means: a cancel while the code goes on, and nothing by itself when the execution ends.
//! What is dropped in the turn of its call is never started.

use std::time::Duration;

use crate::support::instance::{
    self, Answer, Instance, code, instance_id, name, payload, task, turn,
};
use crate::support::messages::{delivered, ended, sent};
use reenact_core::limits::MAX_REASON_TOLD_BYTES;
use reenact_core::{
    Action, ChildError, ChildOptions, CorrelationId, DurableFuture, Event, ExecutionId, Machine,
    MachineConfig, Message, MessageBody, MessageKind, OrchestrationByName, OrchestrationCode,
    OrchestrationContext, OrchestrationError, Outbox, ParentClose, RecordedTurn, RetryPolicy,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A child, under its own name as its id.
fn child(
    ctx: &OrchestrationContext,
    id: &str,
    close: ParentClose,
) -> DurableFuture<Result<u64, ChildError>> {
    let options = ChildOptions::new().id(id).parent_close(close);
    ctx.schedule_orchestration_by_name(OrchestrationByName::new("leaf", options), &())
}

/// The recipients of messages, and their kinds.
fn sent_to(messages: &[Message]) -> Vec<(&str, MessageKind)> {
    messages.iter().map(|message| (message.to.as_str(), message.id.kind)).collect()
}

/// Whether anything of a turn's actions is about that.
fn is_about(answer: &Answer, of: u64) -> bool {
    answer.actions.iter().any(|action| match action {
        Action::CallActivity { id, .. }
        | Action::CancelActivity { id }
        | Action::CreateTimer { id, .. }
        | Action::CancelTimer { id, .. } => id.0 == of,
        Action::Send(message) => message.id.id.0 == of,
        _ => false,
    })
}

fn start_catching(code: OrchestrationCode, how: &str) -> Instance {
    let config = MachineConfig {
        catch_panic: |poll| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll))
                .map_err(|_| "it panicked".to_owned())
        },
        ..MachineConfig::default()
    };
    Instance::start_with(code, config, instance::start(how))
}

/// One child of each policy in its hands, and an activity and a timer; ends as its input says when an event
/// comes.
fn ends(how: &str) -> Instance {
    let code = code(async |ctx: OrchestrationContext, how: String| {
        let _cancelled = child(&ctx, "cancelled", ParentClose::Cancel);
        let _abandoned = child(&ctx, "abandoned", ParentClose::Abandon);
        let _others = (task(&ctx, "a"), ctx.schedule_timer(MINUTE));
        ctx.wait_external::<()>("Go").await?;
        match &*how {
            "returns" => Ok(()),
            "fails" => Err(OrchestrationError::new("no")),
            "fails in a block" => {
                let block = async { Err::<(), _>(OrchestrationError::new("no")) };
                block.await?;
                Ok(())
            }
            "panics" => panic!("in the middle"),
            "passes a limit" => {
                let _ = ctx.timer(Duration::MAX).await;
                Ok(())
            }
            "continues" => ctx.continue_as_new_untyped(&"returns"),
            other => panic!("there is no {other}"),
        }
    });
    let mut parent = start_catching(code, how);
    for start in sent(&parent.actions()) {
        parent.apply(delivered(&start));
    }
    parent
}

#[test]
fn an_abandoned_child_goes_on_however_its_parent_ends() {
    let hows = ["returns", "fails", "fails in a block", "panics", "passes a limit", "continues"];
    for how in hows {
        let mut parent = ends(how);
        let answer = parent.raise("Go", ());
        assert_eq!(answer.outputs().len(), 1, "{how}: its end, and no drop: {:?}", answer.log());
        assert!(parent.machine.outcome().is_some(), "{how}");
        assert_eq!(sent_to(&sent(&answer.actions)), [("cancelled", MessageKind::Cancel)], "{how}");
        assert!(is_about(&answer, 3) && is_about(&answer, 4), "{how}: the others are called off");
        parent.assert_replays_from_every_point();
    }
}

#[test]
fn an_abandoned_child_goes_on_when_its_parent_is_terminated() {
    let mut parent = ends("returns");
    let answer = parent.apply(instance::terminate("enough"));
    assert_eq!(sent_to(&sent(&answer.actions)), [("cancelled", MessageKind::Cancel)]);
    parent.assert_replays_from_every_point();
}

#[test]
fn an_abandoned_child_goes_on_when_its_parent_is_cancelled() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let cancelled = child(&ctx, "cancelled", ParentClose::Cancel);
        let abandoned = child(&ctx, "abandoned", ParentClose::Abandon);
        let reason = abandoned.await.unwrap_err().to_string();
        assert!(cancelled.await.is_err());
        task(&ctx.shielded(), "undo").await?;
        Ok(reason)
    });
    let mut parent = Instance::start(code, ());
    let starts = sent(&parent.actions());
    starts.iter().for_each(|start| drop(parent.apply(delivered(start))));
    let answer = parent.apply(instance::cancel("no stock"));
    assert_eq!(answer.outputs(), ["ChildCancelRequested #1", "TaskScheduled #3 `undo`"]);
    assert_eq!(sent_to(&sent(&answer.actions)), [("cancelled", MessageKind::Cancel)]);
    let late = parent.apply(ended(&starts[1], Ok(payload(7))));
    assert!(late.is_empty(), "the parent no longer waits for it");
    parent.complete(3, 3);
    assert_eq!(parent.output::<String>(), "child `abandoned` was cancelled: no stock");
    parent.assert_replays_from_every_point();

    // Older code cancelled it with its parent.
    let mut older = parent.turns().to_vec();
    let is_cancel = |turn: &&mut RecordedTurn| {
        matches!(turn.events.first(), Some(Event::CancelRequested { .. }))
    };
    let cancel = older.iter_mut().find(is_cancel).expect("that turn");
    let mut events = cancel.events.to_vec();
    events.insert(2, Event::ChildCancelRequested { id: CorrelationId(2) });
    cancel.events = events.into();
    let replayed = Instance::try_replay(&parent.code, &parent.config, &older);
    assert_eq!(replayed.expect("it replays").outcome(), parent.machine.outcome());
}

/// Why the messages among actions cancel children.
fn reasons(answer: &Answer) -> Vec<String> {
    let reasons = sent(&answer.actions).into_iter().filter_map(|message| match message.body {
        MessageBody::Cancel { reason } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

#[test]
fn children_learn_why_their_parent_was_cancelled_or_terminated() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let _shielded = child(&ctx.shielded(), "shielded", ParentClose::Cancel);
        Ok(child(&ctx, "one", ParentClose::Cancel).await?)
    });
    let started = || {
        let mut parent = Instance::start(code.clone(), ());
        for start in sent(&parent.actions()) {
            parent.apply(delivered(&start));
        }
        parent
    };
    let mut cancelled = started();
    let answer = cancelled.apply(instance::cancel("no stock"));
    assert_eq!(reasons(&answer), ["its parent was cancelled: no stock"; 2]);
    cancelled.assert_replays_from_every_point();

    let mut terminated = started();
    let answer = terminated.apply(instance::terminate("enough"));
    assert_eq!(reasons(&answer), ["its parent was terminated: enough"; 2]);

    let mut failed = started();
    let (child, reason) = (sent(&failed.actions())[1].to.clone(), "by hand".to_string());
    let one = sent(&failed.actions())[1].clone();
    let answer = failed.apply(ended(&one, Err(ChildError::Cancelled { child, reason })));
    assert_eq!(reasons(&answer), ["its parent has ended"]);

    let mut cut = started();
    let answer = cut.apply(instance::cancel(&"x".repeat(5_000)));
    assert!(reasons(&answer).iter().all(|reason| reason.len() == MAX_REASON_TOLD_BYTES));
}

#[test]
fn an_abandoned_child_that_is_dropped_while_the_code_goes_on_is_cancelled() {
    let code = code(async |ctx: OrchestrationContext, steps: bool| {
        let abandoned = child(&ctx, "abandoned", ParentClose::Abandon);
        ctx.wait_external::<()>("Go").await?;
        drop(abandoned);
        if steps {
            ctx.set_status("alone");
        } else {
            ctx.wait_external::<()>("End").await?;
        }
        Ok(())
    });
    for steps in [true, false] {
        let mut parent = Instance::start(code.clone(), steps);
        let start = parent.only_message();
        parent.apply(delivered(&start));
        let answer = parent.raise("Go", ());
        assert_eq!(answer.outputs()[0], "ChildCancelRequested #1");
        assert_eq!(sent_to(&sent(&answer.actions)), [("abandoned", MessageKind::Cancel)]);
        parent.assert_replays_from_every_point();
    }
}

#[test]
fn the_attempt_of_an_abandoned_child_that_is_under_way_goes_on() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let options = ChildOptions::new()
            .id("tried")
            .parent_close(ParentClose::Abandon)
            .retry(RetryPolicy::new(3).first_delay(MINUTE));
        let leaf = OrchestrationByName::new("leaf", options);
        let _child = ctx.schedule_orchestration_by_name::<_, u64>(leaf, &());
        Ok(ctx.wait_external::<()>("Go").await?)
    });
    let mut parent = Instance::start(code, ());
    let first = parent.only_message();
    let (of, error) = (first.to.clone(), OrchestrationError::new("busy"));
    parent.apply(ended(&first, Err(ChildError::Failed { child: of, error })));
    let second = parent.only_message();
    assert_eq!(second.to.as_str(), "tried~2");
    let answer = parent.raise("Go", ());
    assert_eq!(sent(&answer.actions), [], "its start is under way as before");
    assert_eq!(parent.only_message(), second);
    parent.assert_replays_from_every_point();
}

#[test]
fn what_is_called_and_dropped_in_one_turn_is_never_started() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        drop((task(&ctx, "a"), ctx.schedule_timer(MINUTE), ctx.schedule_wait::<()>("Go")));
        drop(child(&ctx, "never", ParentClose::Abandon));
        Ok(task(&ctx, "b").await?)
    });
    let mut instance = Instance::start(code, ());
    let log = [
        "TaskScheduled #1 `a`",
        "TimerCreated #2 for 1970-01-01T00:17:40.000000Z",
        "ExternalSubscribed #3 `Go`",
        "TaskCancelRequested #1",
        "TimerCancelled #2",
        "ExternalUnsubscribed #3",
        "ChildScheduled #4 `leaf` as `never`",
        "ChildCancelRequested #4",
        "TaskScheduled #5 `b`",
    ];
    assert_eq!(instance.log()[1..], log, "the history has both");
    let call = Action::CallActivity {
        id: CorrelationId(5),
        name: name("b"),
        input: payload(()),
        attempt: 1,
        terms: None,
        tagged: None,
        local: false,
    };
    assert_eq!(instance.actions(), [call]);
    assert!(Outbox::of(instance_id(), instance.turns()).is_empty(), "the log alone says the same");
    instance.complete(5, 5);
    instance.assert_replays_from_every_point();
}

#[test]
fn the_loser_of_a_race_that_is_decided_at_once_is_never_started() {
    let code = code(async |ctx: OrchestrationContext, goes_on: bool| {
        let won = tokio::select! {
            biased;
            () = std::future::ready(()) => true,
            _ = task(&ctx, "charge") => false,
        };
        // The other is dropped unpolled, after the winner.
        let lost = tokio::select! {
            biased;
            _ = task(&ctx, "charge") => true,
            () = std::future::ready(()) => false,
        };
        if goes_on {
            ctx.wait_external::<()>("Go").await?;
        }
        Ok((won, lost))
    });
    for goes_on in [false, true] {
        let mut instance = Instance::start(code.clone(), goes_on);
        if goes_on {
            instance.raise("Go", ());
        }
        assert_eq!(instance.output::<(bool, bool)>(), (true, false));
        let answers: Vec<_> = instance.answers().cloned().collect();
        assert!(answers.iter().all(|answer| !is_about(answer, 1) && !is_about(answer, 2)));
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn what_is_called_in_the_last_turn_is_never_started() {
    let code = code(async |ctx: OrchestrationContext, continues: bool| {
        ctx.wait_external::<()>("Go").await?;
        std::mem::forget((task(&ctx, "a"), ctx.schedule_timer(MINUTE)));
        let _held = (task(&ctx, "b"), child(&ctx, "never", ParentClose::Cancel));
        let _abandoned = child(&ctx, "abandoned", ParentClose::Abandon);
        if continues { ctx.continue_as_new_untyped(&false) } else { Ok(()) }
    });
    for continues in [false, true] {
        let mut instance = Instance::start(code.clone(), continues);
        let answer = instance.raise("Go", ());
        let ids = (1..=5).filter(|id| is_about(&answer, *id));
        assert_eq!(ids.count(), 0, "{:?}", answer.actions);
        assert_eq!(sent_to(&sent(&answer.actions)), [("abandoned", MessageKind::Start)]);
        let left = Outbox::of(instance_id(), instance.turns()).under_way();
        assert_eq!(left, sent(&answer.actions), "the log alone says the same");
        instance.assert_replays_from_every_point();
    }
}

#[test]
fn what_waits_after_a_start_that_never_leaves_takes_its_place() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let never = child(&ctx, "other", ParentClose::Cancel);
        let other = reenact_core::InstanceId::new("other").expect("an id");
        let raised = ctx.raise_event(&other, "Hello", &1);
        drop(never);
        Ok(raised.await?)
    });
    let instance = Instance::start(code, ());
    assert_eq!(sent_to(&sent(&instance.actions())), [("other", MessageKind::Event)]);
    instance.assert_replays_from_every_point();
}

#[test]
fn an_older_log_with_the_drops_of_its_last_poll_replays() {
    let run = code(async |ctx: OrchestrationContext, ()| {
        let _held = (task(&ctx, "a"), ctx.schedule_timer(MINUTE));
        let _child = child(&ctx, "abandoned", ParentClose::Abandon);
        Ok(ctx.wait_external::<()>("Go").await?)
    });
    let mut instance = Instance::start(run.clone(), ());
    let answer = instance.raise("Go", ());
    let mut events = answer.recorded.events.to_vec();
    let dropped = [
        Event::ChildCancelRequested { id: CorrelationId(3) },
        Event::TaskCancelRequested { id: CorrelationId(1) },
        Event::TimerCancelled { id: CorrelationId(2) },
    ];
    events.splice(1..1, dropped);
    let older = [instance.turns()[0].clone(), turn(1_001, events)];
    let replayed = Instance::try_replay(&run, &instance.config, &older).expect("it replays");
    assert_eq!(replayed.outcome(), instance.machine.outcome());
    assert_eq!(replayed.history().turns(), older);
}

#[test]
fn a_patch_that_is_asked_for_after_a_drop_is_found_in_the_log() {
    let with = |patched: bool| {
        code(move |ctx: OrchestrationContext, ()| async move {
            let held = task(&ctx, "a");
            ctx.wait_external::<()>("Go").await?;
            drop(held);
            let is_new = patched && ctx.patched("new");
            if is_new {
                ctx.wait_external::<()>("End").await?;
            }
            Ok(is_new)
        })
    };
    let mut patched = Instance::start(with(true), ());
    let outputs = patched.raise("Go", ()).outputs();
    assert_eq!(
        outputs,
        ["TaskCancelRequested #1", "PatchMarked `new`", "ExternalSubscribed #3 `End`"]
    );
    patched.raise("End", ());
    assert!(patched.output::<bool>());
    patched.assert_replays_from_every_point();

    // What ended before the patch was there had no step after its drop.
    let mut before = Instance::start(with(false), ());
    assert_eq!(before.raise("Go", ()).outputs(), ["ExecutionCompleted"]);
    let (first, config) = (ExecutionId::FIRST, MachineConfig::default());
    let turns = before.turns().iter().cloned();
    let replayed = Machine::replay(&with(true), instance_id(), first, config, turns);
    assert_eq!(replayed.expect("it replays").outcome(), before.machine.outcome());
}

#[test]
fn what_an_activity_of_an_earlier_turn_leaves_is_called_off_at_the_end() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let _held = (task(&ctx, "a"), ctx.schedule_wait::<u64>("Go"));
        ctx.timer(Duration::from_secs(1)).await;
        Ok(())
    });
    let mut instance = Instance::start(code, ());
    let answer = instance.fire(3);
    assert_eq!(answer.outputs(), ["ExecutionCompleted"], "a drop at the end is no step");
    assert_eq!(answer.actions[0], Action::CancelActivity { id: CorrelationId(1) });
    assert!(instance.machine.open_actions().is_empty());
    instance.assert_replays_from_every_point();
}

#[test]
fn a_status_or_an_event_after_a_drop_is_found_in_the_log() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let other = reenact_core::InstanceId::new("other").expect("an id");
        ctx.set_status(&[1, 2]);
        let (one, two) = (task(&ctx, "a"), task(&ctx, "b"));
        ctx.wait_external::<()>("Go").await?;
        drop(one);
        ctx.set_status(&[2, 1]);
        drop(two);
        Ok(ctx.raise_event(&other, "Hello", &1).await?)
    });
    let mut instance = Instance::start(code, ());
    assert_eq!(
        instance.raise("Go", ()).outputs(),
        [
            "TaskCancelRequested #1",
            "StatusSet",
            "TaskCancelRequested #2",
            "EventSent #4 `Hello` to `other`"
        ]
    );
    instance.assert_replays_from_every_point();
}
