//! Wide fan-outs, races whose losers are awaited later, and thousands of instances at once.

use crate::kit::{Gate, HOUR, events, guard, id, options, store};
use futures::future::join_all;
use reenact::prelude::*;
use reenact::{DurableOutput, HostBuilder};

#[activity]
async fn square(_ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    Ok(number * number)
}

#[orchestration]
async fn sum_of_squares(ctx: OrchestrationContext, width: u64) -> Result<u64, OrchestrationError> {
    let squares = (0..width).map(|number| ctx.schedule_activity(square, number));
    let mut sum = 0;
    for squared in ctx.when_all(squares.collect::<Vec<_>>()).await {
        sum += squared?;
    }
    Ok(sum)
}

fn host() -> HostBuilder {
    let host = Host::builder().provider(store().0).options(options());
    host.orchestration(sum_of_squares).activity(square)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fan_out_of_a_thousand_activities_comes_together() {
    let host = host().start().await.unwrap();
    let sum = host.run_to_completion("i", sum_of_squares, 1_000);
    assert_eq!(guard(sum).await.unwrap(), 332_833_500);
    let events = events(&host, &id("i")).await;
    assert_eq!(events.len(), 2_002);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn combinators_of_the_ecosystem_fan_out_as_well() {
    let host = host()
        .register_orchestration("joins", |ctx: OrchestrationContext, width: u64| async move {
            let squares = (0..width).map(|number| ctx.call_activity(square, number));
            let squares = futures::future::try_join_all(squares).await?;
            let (one, two) = tokio::join!(ctx.call_activity(square, 1), async {
                ctx.call_activity(square, 2).await
            });
            Ok(squares.into_iter().sum::<u64>() + one? + two?)
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<u64>("joins", 500).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 41_541_750 + 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_instances_run_at_once() {
    let host = host()
        .register_orchestration("waits", |ctx: OrchestrationContext, number: u64| async move {
            let go: u64 = ctx.wait_external("Go").await?;
            Ok(ctx.call_activity(square, number + go).await?)
        })
        .start()
        .await
        .unwrap();
    let start = |number: u64| host.start_new_by_name::<u64>("waits", number).into_future();
    let instances = guard(join_all((0..5_000).map(start))).await;
    let instances: Vec<_> = instances.into_iter().map(|started| started.unwrap()).collect();
    assert_eq!(host.in_memory(), 5_000);
    let raise = instances.iter().map(|instance| instance.raise_event("Go", 1).into_future());
    for raised in guard(join_all(raise)).await {
        raised.unwrap();
    }
    let results = join_all(instances.iter().map(|instance| instance.result()));
    for (number, result) in (0..).zip(guard(results).await) {
        let expected: u64 = number + 1;
        assert_eq!(result.unwrap(), expected * expected);
    }
}

/// Races an activity that passes a gate against an hour; the loser is awaited after the winner.
async fn activity_against_timer(
    ctx: OrchestrationContext,
    (): (),
) -> Result<Vec<String>, OrchestrationError> {
    let work = ctx.schedule_activity_by_name::<(), String>("work", &()).into_output();
    let deadline = ctx.schedule_timer(HOUR).into_output();
    let first = ctx.when_any([work, deadline]).await;
    let mut order = vec![shown(first.output)?];
    for loser in first.rest {
        order.push(shown(loser.await)?);
    }
    Ok(order)
}

/// Races an event against an hour; the loser is awaited after the winner.
async fn event_against_timer(
    ctx: OrchestrationContext,
    (): (),
) -> Result<Vec<String>, OrchestrationError> {
    let deadline = ctx.schedule_timer(HOUR).into_output();
    let go = ctx.schedule_wait::<String>("Go").into_output();
    let first = ctx.when_any([deadline, go]).await;
    let mut order = vec![shown(first.output)?];
    for loser in first.rest {
        order.push(shown(loser.await)?);
    }
    Ok(order)
}

fn shown(output: DurableOutput) -> Result<String, OrchestrationError> {
    match output {
        DurableOutput::Timer => Ok("timer".into()),
        DurableOutput::Task(_) => Ok(output.into_task()?),
        other => Ok(other.into_external()?),
    }
}

fn racing(memory: InMemory, gate: &Gate) -> HostBuilder {
    let gate = gate.clone();
    Host::builder()
        .provider(memory)
        .options(options())
        .register_orchestration("activity against timer", activity_against_timer)
        .register_orchestration("event against timer", event_against_timer)
        .register_activity("work", move |_ctx, ()| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok("work")
            }
        })
}

async fn until_history_has(instance: &InstanceHandle<Vec<String>>, events: u64) {
    guard(async {
        while instance.status().await.unwrap().history_length < events {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_and_a_timer_race_and_the_loser_is_still_there() {
    for activity_first in [true, false] {
        let (memory, clock) = store();
        let gate = Gate::closed();
        let host = racing(memory, &gate).start().await.unwrap();
        let start = host.start_new_by_name("activity against timer", ());
        let instance: InstanceHandle<Vec<String>> = start.await.unwrap();
        gate.until_came(1).await;
        if activity_first {
            gate.let_all_through();
            until_history_has(&instance, 4).await;
            clock.advance(HOUR);
        } else {
            clock.advance(HOUR);
            until_history_has(&instance, 4).await;
            gate.let_all_through();
        }
        let order = guard(instance.result()).await.unwrap();
        let expected = if activity_first { ["work", "timer"] } else { ["timer", "work"] };
        assert_eq!(order, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_and_a_timer_race_and_the_loser_is_still_there() {
    for event_first in [true, false] {
        let (memory, clock) = store();
        let host = racing(memory, &Gate::open()).start().await.unwrap();
        let start = host.start_new_by_name("event against timer", ());
        let instance: InstanceHandle<Vec<String>> = start.await.unwrap();
        if event_first {
            instance.raise_event("Go", "go").await.unwrap();
            clock.advance(HOUR);
        } else {
            clock.advance(HOUR);
            until_history_has(&instance, 4).await;
            instance.raise_event("Go", "go").await.unwrap();
        }
        let order = guard(instance.result()).await.unwrap();
        assert_eq!(order, if event_first { ["go", "timer"] } else { ["timer", "go"] });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_that_was_decided_is_decided_the_same_after_a_crash() {
    let (memory, clock) = store();
    let gate = Gate::closed();
    let crashing = racing(memory.clone(), &gate).start().await.unwrap();
    let start = crashing.start_new_by_name("activity against timer", ()).id("i");
    let instance: InstanceHandle<Vec<String>> = start.await.unwrap();
    gate.until_came(1).await;
    clock.advance(HOUR);
    until_history_has(&instance, 4).await;
    guard(crashing.abort()).await;

    // This time the activity ends at once.
    let host = racing(memory, &Gate::open()).start().await.unwrap();
    let order = guard(host.instance::<Vec<String>>(&id("i")).result()).await.unwrap();
    assert_eq!(order, ["timer", "work"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unbroken_chain_of_a_thousand_steps_is_one_history() {
    let host = host()
        .register_orchestration("chain", |ctx: OrchestrationContext, steps: u64| async move {
            let mut sum = 0;
            for number in 0..steps {
                sum += ctx.call_activity(square, number).await?;
            }
            Ok(sum)
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<u64>("chain", 1_000).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 332_833_500);
    assert_eq!(instance.status().await.unwrap().history_length, 2_002);
}
