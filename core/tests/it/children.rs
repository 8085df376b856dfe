//! Children: called, awaited, dropped, closed with their parent; and detached orchestrations.

use std::time::Duration;

use crate::support::instance::{self, Instance, SEED, code, instance_id, name, payload, start};
use crate::support::messages::{delivered, ended, sent, started_as};
use reenact_core::limits::MAX_CHILD_DEPTH;
use reenact_core::{
    ActivityCatalog, ActivityError, ApplyError, ChildError, ChildOptions, Command, DurableFuture,
    InstanceId, MachineConfig, MessageBody, MessageKind, Name, NotTaken, OrchestrationByName,
    OrchestrationCode, OrchestrationContext, OrchestrationError, OrchestrationErrorKind,
    OrchestrationRefusal, Origin, Outcome, ParentClose, Payload, PayloadError, Refusal, Relation,
    Version,
};

fn ship(ctx: &OrchestrationContext, input: u64) -> DurableFuture<Result<u64, ChildError>> {
    ctx.schedule_orchestration_by_name("ship", &input)
}

fn ship_as(id: &str, parent_close: ParentClose) -> OrchestrationByName {
    OrchestrationByName::new("ship", ChildOptions::new().id(id).parent_close(parent_close))
}

/// Calls one child and gives what it returned.
fn caller() -> OrchestrationCode {
    code(|ctx, ()| async move { Ok(ship(&ctx, 1).await?) })
}

/// Of this test's parent, as the child of a child and so on.
fn origin(depth: u32) -> Origin {
    let instance = InstanceId::new("grandparent").expect("an id");
    let id = reenact_core::CorrelationId(1);
    Origin { instance, lineage: 99, id, attempt: 1, depth, relation: Relation::Child }
}

#[test]
fn a_child_is_started_when_its_call_is_durable_and_its_result_is_awaited() {
    let mut parent = Instance::start(caller(), ());
    let started = sent(&parent.actions());
    let [message] = &started[..] else { panic!("one message: {started:?}") };
    assert_eq!(message.to.as_str(), format!("instance/1-{SEED:08x}"));
    let MessageBody::Start { name: of, input, origin, .. } = &message.body else {
        panic!("a start: {message:?}")
    };
    assert_eq!((of, input, origin.depth), (&name("ship"), &payload(1), 1));
    assert_eq!(origin.instance, instance_id());

    parent.apply(ended(message, Ok(payload(30))));
    assert_eq!(parent.output::<u64>(), 30);
    let id = message.to.as_str();
    let log = format!(
        "ExecutionStarted `orchestration`, ChildScheduled #1 `ship` as `{id}`, ChildCompleted #1, \
         ExecutionCompleted"
    );
    assert_eq!(parent.log().join(", "), log);
    assert_eq!(parent.machine.outbox_len(), 0, "the result says that it was started");
    parent.assert_replays_from_every_point();
}

#[test]
fn a_failure_of_a_child_keeps_its_details() {
    let mut parent = Instance::start(caller(), ());
    let message = parent.only_message();
    let error = OrchestrationError::new("no stock").with_details(&7);
    let child = message.to.clone();
    parent.apply(ended(&message, Err(ChildError::Failed { child: child.clone(), error })));
    let failure = parent.failure();
    assert_eq!(failure.message(), format!("child `{child}` failed: no stock"));
    assert_eq!(failure.details::<u32>(), Some(7));
    parent.assert_replays_from_every_point();
}

#[test]
fn a_result_counts_once_and_only_in_the_run_that_called() {
    let code = code(|ctx, ()| async move {
        let one = ship(&ctx, 1).await?;
        let two = ship(&ctx, 2).await?;
        Ok(one + two)
    });
    let mut parent = Instance::start(code, ());
    let message = parent.only_message();
    let result = ended(&message, Ok(payload(10)));
    assert!(parent.apply(of_another_run(result.clone())).is_empty());
    assert!(!parent.apply(result.clone()).is_empty());
    assert!(parent.apply(result.clone()).is_empty(), "delivered twice, counted once");
    let second = parent.only_message();
    parent.apply(ended(&second, Ok(payload(20))));
    assert_eq!(parent.output::<u64>(), 30);
    assert!(parent.apply(result).is_empty(), "after the end it changes nothing");
    parent.assert_replays_from_every_point();
}

fn of_another_run(command: Command) -> Command {
    match command {
        Command::CompleteChild { lineage, id, child, result } => {
            Command::CompleteChild { lineage: lineage + 1, id, child, result }
        }
        other => other,
    }
}

#[test]
fn an_id_that_another_instance_has_is_an_error_and_no_wait_for_ever() {
    let code = code(|ctx, ()| async move {
        let call =
            ctx.call_orchestration_by_name::<_, u64>(ship_as("ship-7", ParentClose::Cancel), &1);
        Ok(call.await.unwrap_err().to_string())
    });
    let mut parent = Instance::start(code, ());
    let message = parent.only_message();
    assert_eq!(message.to.as_str(), "ship-7");
    parent.apply(Command::RefuseMessage { message: message.id, why: NotTaken::AlreadyExists });
    let output: String = parent.output();
    assert_eq!(
        output,
        "instance `ship-7` exists already, and is not a child of this call; choose another id"
    );
    assert_eq!(parent.machine.outbox_len(), 0);
    parent.assert_replays_from_every_point();
}

#[test]
fn a_child_whose_future_is_dropped_is_cancelled_after_its_start() {
    let code = code(|ctx, ()| async move {
        let child = ship(&ctx, 1);
        ctx.wait_external::<()>("Now").await?;
        drop(child);
        ctx.wait_external::<()>("Go").await?;
        Ok(())
    });
    let mut parent = Instance::start(code, ());
    let outputs = parent.raise("Now", ()).outputs();
    assert_eq!(outputs, ["ChildCancelRequested #1", "ExternalSubscribed #3 `Go`"]);
    let start = parent.only_message();
    assert_eq!(start.id.kind, MessageKind::Start, "the cancel waits for it");
    let answer = parent.apply(delivered(&start));
    let [cancel] = &sent(&answer.actions)[..] else { panic!("one message") };
    assert_eq!((cancel.id.kind, &cancel.to), (MessageKind::Cancel, &start.to));
    parent.apply(delivered(cancel));
    assert_eq!(parent.machine.outbox_len(), 0);
    let late = ended(&start, Ok(payload(1)));
    assert!(parent.apply(late).is_empty(), "nobody waits for it");
    parent.assert_replays_from_every_point();
}

#[test]
fn the_end_of_the_parent_cancels_its_children_unless_they_are_abandoned() {
    let code = code(|ctx, fails: bool| async move {
        let options = |id, close| ship_as(id, close);
        let one =
            ctx.schedule_orchestration_by_name::<_, u64>(options("one", ParentClose::Cancel), &1);
        let two =
            ctx.schedule_orchestration_by_name::<_, u64>(options("two", ParentClose::Abandon), &2);
        ctx.wait_external::<()>("Go").await?;
        // Not dropped before the end: the policy decides.
        core::mem::forget((one, two));
        if fails { Err(OrchestrationError::new("oh")) } else { Ok(()) }
    });
    for fails in [false, true] {
        let mut parent = Instance::start(code.clone(), fails);
        let starts = sent(&parent.actions());
        starts.iter().for_each(|start| drop(parent.apply(delivered(start))));
        let end = parent.raise("Go", ());
        let cancels = sent(&end.actions);
        assert!(cancels.iter().all(|message| message.id.kind == MessageKind::Cancel));
        let cancelled: Vec<_> = cancels.iter().map(|message| message.to.as_str()).collect();
        assert_eq!(cancelled, ["one"]);
        assert_eq!(parent.machine.wake_at(), Some(reenact_core::Timestamp::EPOCH));
        parent.assert_replays_from_every_point();
    }
}

#[test]
fn a_termination_cancels_them_too() {
    let mut parent = Instance::start(caller(), ());
    let start = parent.only_message();
    parent.apply(delivered(&start));
    let end = parent.apply(instance::terminate("enough"));
    assert_eq!(
        sent(&end.actions).iter().map(|m| m.id.kind).collect::<Vec<_>>(),
        [MessageKind::Cancel]
    );
    parent.assert_replays_from_every_point();
}

#[test]
fn a_cancel_of_the_parent_reaches_its_children_but_not_under_a_shield() {
    let code = code(|ctx, ()| async move {
        let shielded = ship(&ctx.shielded(), 2);
        let first = ship(&ctx, 1).await;
        let second = ship(&ctx, 3).await;
        let third = shielded.await?;
        Ok((first.unwrap_err().to_string(), second.unwrap_err().to_string(), third))
    });
    let mut parent = Instance::start(code, ());
    let starts = sent(&parent.actions());
    starts.iter().for_each(|start| drop(parent.apply(delivered(start))));
    let turn = parent.apply(Command::Cancel { reason: "no stock".into() });
    assert_eq!(turn.outputs(), ["ChildCancelRequested #2"]);
    let cancelled = sent(&turn.actions);
    assert_eq!(cancelled.len(), 1);
    parent.apply(ended(&starts[0], Ok(payload(5))));
    let (first, second, third): (String, String, u64) = parent.output();
    assert_eq!(first, format!("child `{}` was cancelled: no stock", starts[1].to));
    assert_eq!(second, "`ship` was not called: cancelled: no stock");
    assert_eq!(third, 5);
    parent.assert_replays_from_every_point();
}

#[test]
fn a_child_tells_its_parent_how_it_ended_and_only_once_it_has() {
    let code = code(|ctx, ()| async move { Ok(ctx.wait_external::<u64>("Go").await?) });
    let how = reenact_core::Start { origin: Some(Box::new(origin(1))), ..start(()) };
    let mut child = Instance::start_with(code, MachineConfig::default(), how);
    assert_eq!(child.log()[1], "StartedBy");
    assert_eq!(child.machine.origin(), Some(origin(1)));
    let end = child.raise("Go", 7);
    let [message] = &sent(&end.actions)[..] else { panic!("one message") };
    assert_eq!(message.to, origin(1).instance);
    let MessageBody::Result { lineage, id, result } = &message.body else { panic!("a result") };
    assert_eq!((*lineage, id.0, result), (99, 1, &Ok(payload(7))));
    child.assert_replays_from_every_point();
}

#[test]
fn children_can_be_nested_so_deep_and_no_deeper() {
    let code = code(|ctx, ()| async move {
        match ship(&ctx, 1).await {
            Err(refused) => Ok(refused.to_string()),
            Ok(_) => Ok("it was called".into()),
        }
    });
    let at = |depth| {
        let how = reenact_core::Start { origin: Some(Box::new(origin(depth))), ..start(()) };
        Instance::start_with(code.clone(), MachineConfig::default(), how)
    };
    let deepest = at(MAX_CHILD_DEPTH);
    assert_eq!(deepest.output::<String>(), "`ship` was not called: children may be nested 32 deep");
    deepest.assert_replays_from_every_point();
    assert!(at(MAX_CHILD_DEPTH - 1).machine.outcome().is_none());
}

#[test]
fn what_cannot_be_called_is_an_error_with_nothing_recorded() {
    let code = code(|ctx, ()| async move {
        let long = "x".repeat(300);
        let bad_id = OrchestrationByName::new("ship", ChildOptions::new().id(&long));
        let errors = [
            ctx.call_orchestration_by_name::<_, u64>("", &1).await.unwrap_err(),
            ctx.call_orchestration_by_name::<_, u64>(bad_id, &1).await.unwrap_err(),
            ctx.start_orchestration_by_name("", &1).await.unwrap_err(),
        ];
        Ok(errors.map(|error| error.to_string()))
    });
    let parent = Instance::start(code, ());
    let errors: [String; 3] = parent.output();
    assert!(errors[0].contains("the name is empty"), "{errors:?}");
    assert!(errors[1].contains("at most 256"), "{errors:?}");
    assert_eq!(parent.log(), ["ExecutionStarted `orchestration`", "ExecutionCompleted"]);
}

/// Knows `ship`, which takes numbers.
struct Catalog;

impl ActivityCatalog for Catalog {
    fn check(&self, _: &Name, _: Option<&Payload>) -> Result<(), Refusal> {
        Err(Refusal::InvalidInput(ActivityError::fatal("there are no activities")))
    }

    fn check_orchestration(
        &self,
        name: &Name,
        _version: Option<&Version>,
        input: Option<&Payload>,
    ) -> Result<(), OrchestrationRefusal> {
        if name.as_str() != "ship" {
            return Err(OrchestrationRefusal::Unregistered);
        }
        let decoded = input.map_or(Ok(0), Payload::decode::<u64>);
        decoded.map(drop).map_err(|why: PayloadError| OrchestrationRefusal::InvalidInput(why))
    }
}

fn with_catalog() -> MachineConfig {
    MachineConfig { activities: Some(std::sync::Arc::new(Catalog)), ..MachineConfig::default() }
}

#[test]
fn an_input_of_another_type_is_refused_and_that_is_recorded() {
    let code = code(|ctx, ()| async move {
        let refused = ctx.call_orchestration_by_name::<_, u64>("ship", "a text").await.unwrap_err();
        let detached = ctx.start_orchestration_by_name("ship", "a text").await.unwrap_err();
        let called = ship(&ctx, 1).await?;
        Ok((refused.to_string(), detached.to_string(), called))
    });
    let mut parent = Instance::start_with(code, with_catalog(), start(()));
    assert_eq!(parent.log()[1..3], ["CallRefused #1 `ship`", "CallRefused #2 `ship`"]);
    let message = parent.only_message();
    parent.apply(ended(&message, Ok(payload(3))));
    let (refused, detached, called): (String, String, u64) = parent.output();
    assert!(refused.starts_with("`ship` was not called: its input is not valid"), "{refused}");
    assert_eq!((refused, called), (detached, 3));
    parent.assert_replays_from_every_point();
}

#[test]
fn an_orchestration_that_is_not_registered_stops_the_turn() {
    let code = code(|ctx, ()| async move {
        Ok(ctx.call_orchestration_by_name::<_, u64>("unknown", &1).await?)
    });
    let refused = Instance::try_start(code, with_catalog(), start(())).err();
    let orchestration = name("unknown");
    assert_eq!(
        refused,
        Some(ApplyError::UnregisteredOrchestration { orchestration, version: None })
    );
}

#[test]
fn a_detached_orchestration_gives_its_id_when_it_has_started() {
    let code = code(|ctx, ()| async move {
        let id = ctx.start_orchestration_by_name("ship", &1).await?;
        let own = ship_as("taken", ParentClose::Cancel);
        let taken = ctx.start_orchestration_by_name(own, &2).await.unwrap_err();
        Ok((id.to_string(), taken.to_string()))
    });
    let mut parent = Instance::start(code, ());
    let first = parent.only_message();
    let MessageBody::Start { origin, .. } = &first.body else { panic!("a start") };
    assert_eq!((origin.relation, origin.depth), (Relation::Detached, 0));
    parent.apply(delivered(&first));
    let second = parent.only_message();
    parent.apply(Command::RefuseMessage { message: second.id, why: NotTaken::AlreadyExists });
    let (id, taken): (String, String) = parent.output();
    assert_eq!(id, first.to.as_str());
    assert_eq!(
        taken,
        "instance `taken` exists already, and is not a child of this call; choose another id"
    );
    parent.assert_replays_from_every_point();
}

#[test]
fn dropping_a_start_or_an_event_only_forgets_the_answer() {
    let code = code(|ctx, ()| async move {
        let other = InstanceId::new("other").expect("an id");
        drop(ctx.start_orchestration_by_name("ship", &1));
        drop(ctx.raise_event(&other, "Go", &2));
        Ok(())
    });
    let parent = Instance::start(code, ());
    assert_eq!(parent.log()[3..], ["ExecutionCompleted"]);
    assert_eq!(parent.machine.outbox_len(), 2, "they go on their way, after the end too");
    assert_eq!(sent(&parent.machine.open_actions()).len(), 2);
    parent.assert_replays_from_every_point();
}

#[test]
fn a_race_of_children_and_a_time_limit() {
    let code = code(|ctx, ()| async move {
        let racing = ctx.when_any([ship(&ctx, 1), ship(&ctx, 2)]);
        let first = racing.await;
        let late = ctx.timeout(Duration::from_secs(9), ship(&ctx, 3)).await;
        ctx.set_status("raced");
        Ok((first.index, first.output?, late.is_err()))
    });
    let mut parent = Instance::start(code, ());
    let starts = sent(&parent.actions());
    parent.apply(ended(&starts[1], Ok(payload(20))));
    parent.fire(4);
    assert_eq!(parent.output::<(usize, u64, bool)>(), (1, 20, true));
    let log = parent.log();
    assert!(log.contains(&"ChildCancelRequested #3".into()), "{log:?}");
    parent.assert_replays_from_every_point();
}

#[test]
fn a_fan_out_of_a_thousand_completes_in_any_order() {
    let code = code(|ctx, ()| async move {
        let all = ctx.when_all((0..1_000).map(|input| ship(&ctx, input))).await;
        Ok(all.into_iter().sum::<Result<u64, _>>()?)
    });
    let mut parent = Instance::start(code, ());
    let starts = sent(&parent.actions());
    assert_eq!(starts.len(), 1_000);
    for start in starts.iter().rev() {
        parent.apply(ended(start, Ok(payload(2))));
    }
    assert_eq!(parent.output::<u64>(), 2_000);
    assert_eq!(parent.machine.outbox_len(), 0);
    parent.assert_replays();
}

#[test]
fn a_generated_id_that_would_be_too_long_is_made_of_other_letters() {
    let long = "x".repeat(250);
    let (_machine, actions) = started_as(&long, &caller());
    let [start] = &sent(&actions)[..] else { panic!("one message") };
    assert_eq!(start.to.as_str().len(), 36, "{}", start.to);
    assert_eq!(started_as(&long, &caller()).1, actions, "the same again");
}

#[test]
fn continuing_as_new_closes_children_and_carries_what_is_on_its_way() {
    let code = code(|ctx, generation: u64| async move {
        if generation == 1 {
            return Ok(ctx.wait_external::<u64>("Go").await?);
        }
        let _child = ship(&ctx, 1);
        ctx.wait_external::<()>("Now").await?;
        let other = InstanceId::new("other").expect("an id");
        drop(ctx.raise_event(&other, "Hello", &1));
        drop(ctx.raise_event(&other, "Hello", &2));
        ctx.continue_as_new_untyped(&1_u64)
    });
    let how = reenact_core::Start { origin: Some(Box::new(origin(1))), ..start(0) };
    let mut old = Instance::start_with(code, MachineConfig::default(), how);
    old.raise("Now", ());
    assert!(matches!(old.machine.outcome(), Some(Outcome::Continued { .. })));
    let under_way = sent(&old.actions());
    let successor = old.machine.successor(None).expect("it goes on").expect("it goes on");
    let mut new = successor.machine;
    assert_eq!(new.origin(), Some(origin(1)), "it is the same child");
    assert_eq!(new.outbox_len(), 4, "start, cancel and two events");
    let log = new.history().to_string();
    assert!(log.contains("StartedBy") && log.contains("OutboxCarried"), "{log}");
    let again = |machine: &reenact_core::Machine| sent(&machine.open_actions());
    let firsts: Vec<_> = again(&new).iter().map(|message| message.id).collect();
    assert!(firsts.iter().all(|id| under_way.iter().any(|message| message.id == *id)));
    // The events arrive in order, in the new execution.
    let first = again(&new).into_iter().find(|m| m.to.as_str() == "other").expect("it is there");
    let turn = new.apply(delivered(&first), old.now).expect("it is applied");
    let next = sent(&instance::Answer::of(turn).actions);
    assert!(matches!(&next[..], [second] if second.to == first.to && second.id != first.id));
    let late = ended(&under_way[0], Ok(payload(1)));
    assert!(new.apply(late, old.now).expect("ignored").recorded.events.is_empty());
}

#[test]
fn a_cancelled_child_is_no_failure_of_a_parent_that_was_not() {
    let mut parent = Instance::start(caller(), ());
    let message = parent.only_message();
    let (child, reason) = (message.to.clone(), "by hand".to_string());
    parent.apply(ended(&message, Err(ChildError::Cancelled { child, reason })));
    assert_eq!(parent.failure().kind(), OrchestrationErrorKind::Cancelled);
}
