//! What the catalog of activities refuses is never scheduled; what the log says needs no catalog.

use std::sync::{Arc, Mutex};

use crate::support::instance::{self, Instance, code, divergence, start, task};
use reenact_core::{
    ActivityCatalog, ActivityDefinition, ActivityError, ActivityErrorKind, ApplyError,
    MachineConfig, Name, OrchestrationContext, Payload, Refusal,
};

/// Has one activity, whose input is a number; keeps what it was asked.
#[derive(Default)]
struct Catalog {
    asked: Mutex<Vec<(String, bool)>>,
}

impl ActivityCatalog for Catalog {
    fn check(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal> {
        self.asked.lock().expect("no panic").push((name.to_string(), input.is_some()));
        if name.as_str() != "double" {
            return Err(Refusal::Unregistered);
        }
        let checked = input.map_or(Ok(0), Payload::decode::<u64>);
        let invalid = |why| ActivityError::of_kind(ActivityErrorKind::InvalidInput, why);
        checked.map(drop).map_err(|why| Refusal::InvalidInput(invalid(why)))
    }
}

struct Double;

impl ActivityDefinition for Double {
    type Input = u64;
    type Output = u64;
    const NAME: &'static str = "double";
}

fn with_catalog() -> (MachineConfig, Arc<Catalog>) {
    let catalog = Arc::new(Catalog::default());
    (MachineConfig { activities: Some(catalog.clone()), ..MachineConfig::default() }, catalog)
}

/// A host on which nothing is registered.
struct Empty;

impl ActivityCatalog for Empty {
    fn check(&self, _: &Name, _: Option<&Payload>) -> Result<(), Refusal> {
        Err(Refusal::Unregistered)
    }
}

#[test]
fn an_input_of_another_type_is_refused_and_the_code_is_notified() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let refused = ctx.call_activity_by_name::<_, u64>("double", "text").await;
        let refused = refused.expect_err("no number");
        let right: u64 = ctx.call_activity_by_name("double", &4_u64).await?;
        Ok((refused.kind() == ActivityErrorKind::InvalidInput, right))
    });
    let (config, _) = with_catalog();
    let mut instance = Instance::start_with(code.clone(), config, start(()));
    assert_eq!(
        instance.log()[1..],
        ["TaskRefused #1 `double`", "TaskScheduled #2 `double`"],
        "the refusal has an id of its own, and the code goes on in the same turn"
    );
    assert_eq!(instance.actions().len(), 1, "the refused one is not called");
    assert_eq!(instance.machine.open_actions().len(), 1);
    instance.complete(2, 8);
    assert_eq!(instance.output::<(bool, u64)>(), (true, 8));
    instance.assert_replays_from_every_point();

    // What was refused stays refused, whatever a catalog would say now.
    let without = MachineConfig::default();
    let replayed = Instance::try_replay(&code, &without, instance.turns()).expect("it replays");
    assert_eq!(replayed.outcome(), instance.machine.outcome());
}

#[test]
fn a_refused_activity_may_be_dropped_raced_and_awaited_late() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let refused = || ctx.schedule_activity_by_name::<_, u64>("double", "text");
        drop(refused());
        let late = refused();
        let first = ctx.when_any([task_of(&ctx, 1), refused()]).await;
        let output = task_of(&ctx, 2).await?;
        Ok((first.index, late.await.is_err(), output))
    });
    let (config, _) = with_catalog();
    let mut instance = Instance::start_with(code, config, start(()));
    instance.complete(5, 2);
    assert_eq!(instance.output::<(u64, bool, u64)>(), (1, true, 2));
    instance.assert_replays_from_every_point();
}

fn task_of(
    ctx: &OrchestrationContext,
    input: u64,
) -> reenact_core::DurableFuture<Result<u64, ActivityError>> {
    ctx.schedule_activity(Double, input)
}

#[test]
fn the_catalog_checks_inputs_of_activities_that_are_known_by_name_only() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let typed = ctx.schedule_activity(Double, 1);
        let named = ctx.schedule_activity_by_name::<_, u64>("double", &2);
        Ok((typed.await?, named.await?))
    });
    let (config, catalog) = with_catalog();
    let instance = Instance::start_with(code, config, start(()));
    let asked = [("double".to_string(), false), ("double".to_string(), true)];
    assert_eq!(*catalog.asked.lock().expect("no panic"), asked);
    instance.assert_replays();
    assert_eq!(*catalog.asked.lock().expect("no panic"), asked, "replay asks nothing");
}

#[test]
fn an_activity_that_is_not_registered_parks_the_instance_with_nothing_recorded() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let two: u64 = ctx.call_activity(Double, 1).await?;
        let _unscheduled = ctx.schedule_activity(Double, two);
        Ok(task(&ctx, "treble").await?)
    });
    let (config, _) = with_catalog();
    let mut instance = Instance::start_with(code.clone(), config, start(()));
    let before = instance.turns().to_vec();
    let refused = instance.try_apply(instance::complete(1, 2)).map(drop);
    let activity = instance::name("treble");
    assert_eq!(refused, Err(ApplyError::UnregisteredActivity { activity: activity.clone() }));
    assert_eq!(
        ApplyError::UnregisteredActivity { activity }.to_string(),
        "activity `treble` is not registered"
    );
    assert_eq!(instance.turns(), before);

    // A host that has it goes on from the same log.
    let config = MachineConfig::default();
    let machine = Instance::try_replay(&code, &config, &before).expect("it replays");
    let mut resumed = Instance::resumed(code, config, machine, instance.now);
    assert_eq!(
        resumed.complete(1, 2).outputs(),
        ["TaskScheduled #2 `double`", "TaskScheduled #3 `treble`"]
    );
}

#[test]
fn a_start_that_calls_an_unregistered_activity_starts_nothing() {
    let code = code(async |ctx: OrchestrationContext, ()| Ok(task(&ctx, "treble").await?));
    let (config, _) = with_catalog();
    let refused = Instance::try_start(code, config, start(())).map(drop);
    assert!(matches!(refused, Err(ApplyError::UnregisteredActivity { .. })));
}

#[test]
fn a_history_replays_where_its_activities_are_no_longer_registered() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let two: u64 = ctx.call_activity(Double, 1).await?;
        Ok(ctx.call_activity(Double, two).await?)
    });
    let (config, _) = with_catalog();
    let mut instance = Instance::start_with(code.clone(), config, start(()));
    instance.complete(1, 2);
    let empty = MachineConfig { activities: Some(Arc::new(Empty)), ..MachineConfig::default() };
    let mut machine = Instance::try_replay(&code, &empty, instance.turns()).expect("it replays");
    assert_eq!(machine.open_actions(), instance.machine.open_actions());
    let turn = machine.apply(instance::complete(2, 4), instance.now).expect("nothing new");
    assert!(turn.outcome.is_some());
}

#[test]
fn an_activity_that_no_name_can_have_is_refused_without_a_trace() {
    let code = code(async |ctx: OrchestrationContext, ()| {
        let error = task(&ctx, "").await.expect_err("no name");
        Ok((error.kind() == ActivityErrorKind::InvalidInput, error.message().to_string()))
    });
    let instance = Instance::start(code, ());
    let (invalid, message) = instance.output::<(bool, String)>();
    assert!(invalid);
    assert_eq!(message, "the name is empty; give it at least one character");
    assert_eq!(instance.log().len(), 2);
    instance.assert_replays_from_every_point();
}

#[test]
fn code_that_does_not_call_what_was_refused_is_found() {
    let calls = code(async |ctx: OrchestrationContext, ()| {
        ctx.call_activity_by_name::<_, u64>("double", "text").await?;
        Ok(())
    });
    let skips = code(async |_: OrchestrationContext, ()| Ok(()));
    let other = code(async |ctx: OrchestrationContext, ()| {
        task(&ctx, "other").await?;
        Ok(())
    });
    let (config, _) = with_catalog();
    let history = Instance::start_with(calls, config, start(()));
    for changed in [skips, other] {
        let replayed = Instance::try_replay(&changed, &history.config, history.turns());
        assert_eq!(divergence(replayed).expected.to_string(), "TaskRefused #1 `double`");
    }
}
