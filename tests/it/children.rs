//! Parents and their children, on the same shard and on others: called, dropped, closed, crashed.

use crate::kit::{Faulty, HOUR, events, guard, id, options, store, until_parked};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{
    Error, HostBuilder, InstanceState, OrchestrationByName, OrchestrationErrorKind, ParkReason,
};

/// Ten times its input.
#[orchestration]
async fn tenfold(_ctx: OrchestrationContext, input: u64) -> Result<u64, OrchestrationError> {
    Ok(input * 10)
}

/// What the event "Go" carries.
#[orchestration]
async fn waits(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

/// The sum of this many children.
#[orchestration]
async fn fan_out(ctx: OrchestrationContext, many: u64) -> Result<u64, OrchestrationError> {
    let children = (1..=many).map(|input| ctx.schedule_orchestration(tenfold, input));
    Ok(ctx.when_all(children).await.into_iter().sum::<Result<u64, _>>()?)
}

/// Waits for one child under this id.
#[orchestration]
async fn parent_of(ctx: OrchestrationContext, child: String) -> Result<u64, OrchestrationError> {
    let own_id = ChildOptions::new().id(child);
    Ok(ctx.call_orchestration(waits.with(own_id), ()).await?)
}

/// Waits for one child that is abandoned when it ends first.
#[orchestration]
async fn abandons(ctx: OrchestrationContext, child: String) -> Result<u64, OrchestrationError> {
    let abandoned = ChildOptions::new().id(child).parent_close(ParentClose::Abandon);
    Ok(ctx.call_orchestration(waits.with(abandoned), ()).await?)
}

fn host(provider: impl Provider) -> HostBuilder {
    Host::builder()
        .provider(provider)
        .options(options())
        .orchestration(tenfold)
        .orchestration(waits)
        .orchestration(fan_out)
        .orchestration(parent_of)
        .orchestration(abandons)
}

/// Returns when the instance is there.
async fn until_started(host: &Host, instance: &InstanceId) {
    guard(async {
        while host.get_status(instance).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Returns when the instance has ended; how.
async fn end_of(host: &Host, instance: &InstanceId) -> Result<u64, Error> {
    guard(host.instance::<u64>(instance).result()).await
}

#[tokio::test]
async fn a_fan_out_of_children_over_one_shard_and_over_many() {
    for shards in [1, 16] {
        let host = host(store().0.with_shards(shards)).start().await.unwrap();
        let parent = guard(host.start_new(fan_out, 100)).await.unwrap();
        assert_eq!(guard(parent.result()).await.unwrap(), 50_500);
        host.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_fan_out_of_a_thousand() {
    let host = host(store().0).start().await.unwrap();
    let parent = guard(host.start_new(fan_out, 1_000)).await.unwrap();
    assert_eq!(guard(parent.result()).await.unwrap(), 5_005_000);
}

#[tokio::test]
async fn an_id_that_is_taken_is_an_error_and_changes_nothing_there() {
    let host = host(store().0).start().await.unwrap();
    let taken = guard(host.start_new(waits, ()).id("taken")).await.unwrap();
    let before = events(&host, taken.id()).await;
    let parent = guard(host.start_new(parent_of, "taken".into())).await.unwrap();
    let Err(Error::Failed { source, .. }) = end_of(&host, parent.id()).await else {
        panic!("the id is taken")
    };
    assert_eq!(
        source.message(),
        "instance `taken` exists already, and is not a child of this call; choose another id"
    );
    assert_eq!(events(&host, taken.id()).await, before);

    // The field's classic: an id that was used before, by an instance that has finished.
    guard(taken.raise_event("Go", 1)).await.unwrap();
    guard(taken.result()).await.unwrap();
    let parent = guard(host.start_new(parent_of, "taken".into())).await.unwrap();
    assert!(matches!(end_of(&host, parent.id()).await, Err(Error::Failed { .. })));
}

#[tokio::test]
async fn what_a_child_ends_with_reaches_its_parent_with_its_details() {
    let host = host(store().0).register_orchestration("fails", |_ctx, ()| async {
        Err::<(), _>(OrchestrationError::new("no stock").with_details(&7))
    });
    let host = host.register_orchestration("calls", |ctx: OrchestrationContext, ()| async move {
        let () = ctx.call_orchestration_by_name("fails", &()).await?;
        Ok(())
    });
    let host = host.start().await.unwrap();
    let parent = guard(host.start_new_by_name::<()>("calls", ()).id("p")).await.unwrap();
    let Err(Error::Failed { source, .. }) = guard(parent.result()).await else {
        panic!("it fails")
    };
    assert!(source.message().ends_with("failed: no stock"), "{source}");
    assert_eq!(source.details::<u32>(), Some(7));
}

#[tokio::test]
async fn a_termination_of_the_parent_cancels_its_child_unless_it_is_abandoned() {
    let host = host(store().0).start().await.unwrap();
    let parent = guard(host.start_new(parent_of, "closed".into())).await.unwrap();
    until_started(&host, &id("closed")).await;
    guard(parent.terminate("enough")).await.unwrap();
    let closed = end_of(&host, &id("closed")).await;
    assert!(is_cancelled(&closed), "{closed:?}");

    let parent = guard(host.start_new(abandons, "abandoned".into())).await.unwrap();
    until_started(&host, &id("abandoned")).await;
    guard(parent.terminate("enough")).await.unwrap();
    guard(host.raise_event(&id("abandoned"), "Go", 7)).await.unwrap();
    assert_eq!(end_of(&host, &id("abandoned")).await.unwrap(), 7);
}

/// Because of its parent.
fn is_cancelled(end: &Result<u64, Error>) -> bool {
    format!("{end:?}").contains("its parent")
}

#[tokio::test]
async fn a_child_whose_future_is_dropped_is_cancelled() {
    let host = host(store().0);
    let host =
        host.register_orchestration("impatient", |ctx: OrchestrationContext, ()| async move {
            let child = ChildOptions::new().id("late");
            let call = ctx.schedule_orchestration(waits.with(child), ());
            Ok(ctx.timeout(Duration::ZERO, call).await.is_err())
        });
    let host = host.start().await.unwrap();
    let parent = guard(host.start_new_by_name::<bool>("impatient", ())).await.unwrap();
    assert!(guard(parent.result()).await.unwrap(), "it did not wait");
    until_started(&host, &id("late")).await;
    let end = end_of(&host, &id("late")).await;
    assert!(is_cancelled(&end), "{end:?}");
}

#[tokio::test]
async fn a_parent_that_calls_what_is_not_registered_is_parked_and_goes_on_once_it_is() {
    let calls = |ctx: OrchestrationContext, ()| async move {
        ctx.wait_external::<()>("Go").await?;
        let output: u64 = ctx.call_orchestration_by_name("later", &2_u64).await?;
        Ok(output)
    };
    let memory = store().0;
    let first = host(memory.clone()).register_orchestration("calls", calls);
    let first = first.start().await.unwrap();
    let parent = guard(first.start_new_by_name::<u64>("calls", ()).id("p")).await.unwrap();
    guard(parent.raise_event("Go", ())).await.expect("it is kept");
    let parked = until_parked(&first, &id("p")).await.parked;
    assert!(
        matches!(parked, Some(ParkReason::UnknownOrchestration { name }) if name.as_str() == "later")
    );
    guard(first.abort()).await;

    let second = host(memory).register_orchestration("calls", calls);
    let second =
        second.register_orchestration("later", |_ctx, input: u64| async move { Ok(input) });
    let second = second.start().await.unwrap();
    assert_eq!(end_of(&second, &id("p")).await.unwrap(), 2);
}

#[tokio::test]
async fn a_parked_parent_that_is_terminated_closes_its_child() {
    let memory = store().0;
    let first = host(memory.clone()).start().await.unwrap();
    guard(first.start_new(parent_of, "child".into()).id("p")).await.unwrap();
    until_started(&first, &id("child")).await;
    guard(first.abort()).await;

    // Without the parent's code.
    let second = Host::builder().provider(memory).options(options()).orchestration(waits);
    let second = second.start().await.unwrap();
    until_parked(&second, &id("p")).await;
    guard(second.terminate(&id("p"), "its code is gone")).await.unwrap();
    let end = end_of(&second, &id("child")).await;
    assert!(is_cancelled(&end), "{end:?}");
}

#[tokio::test]
async fn a_child_that_continues_as_new_answers_when_it_has_come_to_its_end() {
    let host = host(store().0);
    let host = host.register_orchestration(
        "countdown",
        |ctx: OrchestrationContext, left: u64| async move {
            match left {
                0 => Ok(ctx.execution_id().0.into()),
                left => ctx.continue_as_new_untyped::<_, u64>(&(left - 1)),
            }
        },
    );
    let host = host.register_orchestration("calls", |ctx: OrchestrationContext, ()| async move {
        let output: u64 = ctx.call_orchestration_by_name("countdown", &5_u64).await?;
        Ok(output)
    });
    let host = host.start().await.unwrap();
    let parent = guard(host.start_new_by_name::<u64>("calls", ())).await.unwrap();
    assert_eq!(guard(parent.result()).await.unwrap(), 6);
}

#[tokio::test]
async fn a_parent_that_waits_for_a_child_only_goes_from_memory_and_comes_back_for_its_result() {
    let (memory, clock) = store();
    let passivating = options().passivate_after(HOUR);
    let host = host(memory.clone()).options(passivating).start().await.unwrap();
    let parent = guard(host.start_new(parent_of, "child".into()).id("p")).await.unwrap();
    until_started(&host, &id("child")).await;
    let histories = memory.histories();
    guard(async {
        while host.in_memory() > 0 {
            clock.advance(HOUR);
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Nothing but the child's result can move it.
    guard(async {
        while histories.summary(&id("p")).await.unwrap().unwrap().wake_at.is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(events(&host, &id("p")).await.last().unwrap(), "MessagesDelivered");
    guard(host.raise_event(&id("child"), "Go", 7)).await.unwrap();
    assert_eq!(guard(parent.result()).await.unwrap(), 7);
}

#[tokio::test]
async fn a_finished_child_can_be_purged_as_soon_as_its_parent_knows() {
    let host = host(store().0).start().await.unwrap();
    let parent = guard(host.start_new(parent_of, "child".into()).id("p")).await.unwrap();
    until_started(&host, &id("child")).await;
    guard(host.raise_event(&id("child"), "Go", 7)).await.unwrap();
    guard(parent.result()).await.unwrap();
    guard(async {
        while let Err(Error::NotTold { .. }) = host.purge(&id("child")).await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(matches!(host.get_status(&id("child")).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn children_of_children_stop_at_the_limit() {
    let host = host(store().0);
    let host =
        host.register_orchestration("deeper", |ctx: OrchestrationContext, depth: u64| async move {
            match ctx.call_orchestration_by_name::<_, u64>("deeper", &(depth + 1)).await {
                Err(ChildError::TooDeep { .. }) => Ok(depth),
                ended => Ok(ended?),
            }
        });
    let host = host.start().await.unwrap();
    let top = guard(host.start_new_by_name::<u64>("deeper", 0_u64)).await.unwrap();
    assert_eq!(guard(top.result()).await.unwrap(), 32);
}

#[tokio::test]
async fn a_child_that_cannot_do_its_first_turn_is_there_and_parked() {
    let host = host(store().0);
    let host = host.register_orchestration("foreign", |_ctx, ()| async {
        std::future::pending::<()>().await;
        Ok(())
    });
    let host = host.register_orchestration("calls", |ctx: OrchestrationContext, ()| async move {
        let call = OrchestrationByName::new("foreign", ChildOptions::new().id("child"));
        let () = ctx.call_orchestration_by_name(call, &()).await?;
        Ok(())
    });
    let host = host.start().await.unwrap();
    guard(host.start_new_by_name::<()>("calls", ()).id("p")).await.unwrap();
    until_started(&host, &id("child")).await;
    until_parked(&host, &id("child")).await;
    // Its log says so a moment later than its host.
    let mut watch = host.client().watch(id("child")).unwrap();
    while guard(host.get_status(&id("child"))).await.unwrap().state != InstanceState::Parked {
        guard(watch.changed()).await.unwrap();
    }
    guard(host.terminate(&id("child"), "poison")).await.unwrap();
    let Err(Error::Failed { source, .. }) = end_of(&host, &id("p")).await else {
        panic!("it fails")
    };
    assert_eq!(source.message(), "child `child` was terminated: poison");
    assert_eq!(source.kind(), OrchestrationErrorKind::Failed);
}

/// Calls two children, tells an instance that waits, and starts a detached one.
async fn story(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let first = ctx.call_orchestration(tenfold, 1).await?;
    let raised = ctx.raise_event(&id("waits"), "Go", &first).await;
    raised.map_err(OrchestrationError::from)?;
    let detached = ChildOptions::new().id("detached");
    ctx.start_orchestration(tenfold.with(detached), 5).await?;
    let second = ctx.call_orchestration(tenfold, 2).await?;
    Ok(first + second)
}

/// Crashes the host when this many appends have happened; whether there were as many.
async fn crashed_after(appends: usize) -> bool {
    let faulty = Faulty::new(store().0);
    let builder = || host(faulty.clone()).register_orchestration("story", story);
    let first = builder().start().await.unwrap();
    let waiting = guard(first.start_new(waits, ()).id("waits")).await.unwrap();
    let parent = guard(first.start_new_by_name::<u64>("story", ()).id("p"));
    let begun = faulty.appended();
    faulty.appends.close();
    for _ in 0..appends {
        faulty.appends.let_one_through();
    }
    let started = tokio::spawn(parent);
    let before = faulty.appends.came();
    // As many as may pass have passed, and the next one stands before the gate; or all is over.
    let over = guard(async {
        loop {
            // A status would wait for the append that stands before the gate.
            let page = first.list(&Default::default(), &Default::default()).await.unwrap();
            let mut parents = page.instances.iter().filter(|instance| instance.instance == id("p"));
            let all = parents.any(|parent| parent.state.is_finished());
            if faulty.appends.came() > before + appends || all && is_quiet(&faulty).await {
                return faulty.appends.came() <= before + appends;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    guard(first.abort()).await;
    started.abort();
    faulty.appends.let_all_through();
    let second = builder().start().await.unwrap();
    if second.get_status(&id("p")).await.is_err() {
        guard(second.start_new_by_name::<u64>("story", ()).id("p")).await.unwrap();
    }
    assert_eq!(end_of(&second, &id("p")).await.unwrap(), 30, "after {appends}");
    assert_eq!(end_of(&second, waiting.id()).await.unwrap(), 10);
    assert_eq!(end_of(&second, &id("detached")).await.unwrap(), 50);
    let all = second.count(&Default::default()).await.unwrap();
    assert_eq!(all, 5, "nothing was started twice, after {appends} of {begun}");
    let untold = || async {
        let page = second.list(&Default::default(), &Default::default()).await.unwrap();
        page.instances.iter().filter(|instance| !instance.is_over()).count()
    };
    guard(async {
        while untold().await > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    over
}

/// Whether nothing has come to the store for a while.
async fn is_quiet(faulty: &Faulty) -> bool {
    let before = faulty.appends.came();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    faulty.appends.came() == before
}

#[tokio::test]
async fn a_crash_after_any_append_loses_nothing_and_does_nothing_twice() {
    let mut appends = 0;
    while !crashed_after(appends).await {
        appends += 1;
    }
    assert!(appends >= 8, "the story has more than {appends} appends");
}

#[tokio::test]
async fn both_ends_of_a_call_are_seen_as_soon_as_they_are_durable() {
    let host = host(store().0).start().await.unwrap();
    let parent = guard(host.start_new(fan_out, 1).id("p")).await.unwrap();
    guard(parent.result()).await.unwrap();
    let log = events(&host, &id("p")).await;
    let child = log[1].split('`').nth(3).unwrap().to_string();
    let child = id(&child);
    guard(async {
        while events(&host, &child).await.last().unwrap() != "MessagesDelivered" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let status = host.get_status(&child).await.unwrap();
    assert_eq!(status.state, InstanceState::Completed);
    assert_eq!(end_of(&host, &child).await.unwrap(), 10, "after its end it still says how");
}
