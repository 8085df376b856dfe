//! What clients ask of instances: results, lists, ends, removal.

use crate::kit::{Gate, events, guard, id, options, store, stored, until};
use reenact::prelude::*;
use reenact::{Error, InstanceFilter, InstanceState, Outcome, PageRequest};

#[orchestration]
async fn waiting(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

#[orchestration(name = "orders.fail")]
async fn failing(_ctx: OrchestrationContext, why: String) -> Result<(), OrchestrationError> {
    Err(OrchestrationError::new(why).with_details(&51))
}

async fn host() -> Host {
    let host = Host::builder().provider(store().0).options(options());
    host.orchestration(waiting).orchestration(failing).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_who_waits_gets_the_result_whether_before_or_after_the_end() {
    let host = host().await;
    let instance = host.start_new(waiting, ()).await.unwrap();
    let early: Vec<_> = (0..100)
        .map(|_| {
            let instance = instance.clone();
            tokio::spawn(async move { instance.result().await })
        })
        .collect();
    // Some give up.
    for _ in 0..100 {
        let mut given_up = Box::pin(instance.result());
        assert!(futures::poll!(given_up.as_mut()).is_pending());
    }
    instance.raise_event("Go", 7).await.unwrap();
    for waiter in early {
        assert_eq!(guard(waiter).await.unwrap().unwrap(), 7);
    }
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
    assert_eq!(guard(host.instance::<u64>(instance.id()).result()).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_result_is_missed_by_those_who_ask_at_the_moment_of_the_end() {
    let host = host().await;
    for _ in 0..200 {
        let instance = host.start_new(waiting, ()).await.unwrap();
        let asking = tokio::spawn({
            let instance = instance.clone();
            async move { instance.result().await }
        });
        let raising = tokio::spawn(instance.raise_event("Go", 7).into_future());
        assert_eq!(guard(asking).await.unwrap().unwrap(), 7);
        guard(raising).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_failure_of_an_orchestration_comes_with_its_message_and_its_details() {
    let host = host().await;
    let failed = host.run_to_completion("i", failing, "no funds".to_string());
    let Err(Error::Failed { instance, source }) = guard(failed).await else { panic!("it failed") };
    assert_eq!(instance, id("i"));
    assert_eq!((source.message(), source.details::<i32>()), ("no funds", Some(51)));
    let status = host.get_status(&id("i")).await.unwrap();
    assert_eq!(status.state, InstanceState::Failed);
    assert_eq!(status.failure(), Some(&source));
    assert_eq!(status.output::<()>(), None);
    assert_eq!(status.name.as_str(), "orders.fail");
}

#[tokio::test]
async fn a_terminated_instance_ends_with_the_reason_and_without_its_code() {
    let host = host().await;
    let instance = host.start_new(waiting, ()).id("i").await.unwrap();
    let waiter = tokio::spawn({
        let instance = instance.clone();
        async move { instance.result().await }
    });
    guard(instance.terminate("enough")).await.unwrap();
    let error = guard(waiter).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "instance `i` was terminated: enough");
    let status = instance.status().await.unwrap();
    assert_eq!(status.state, InstanceState::Terminated);
    assert_eq!(status.outcome, Some(Outcome::Terminated { reason: "enough".into() }));
    assert_eq!(
        events(&host, &id("i")).await,
        ["ExecutionStarted `waiting`", "ExternalSubscribed #1 `Go`", "ExecutionTerminated: enough"]
    );
}

#[tokio::test]
async fn an_id_is_free_again_when_its_instance_was_purged() {
    let host = host().await;
    let instance = host.start_new(waiting, ()).id("i").await.unwrap();
    let running = guard(host.purge(&id("i"))).await.unwrap_err();
    assert!(matches!(running, Error::NotFinished { .. }), "{running}");
    instance.raise_event("Go", 1).await.unwrap();
    guard(instance.result()).await.unwrap();

    guard(host.purge(&id("i"))).await.unwrap();
    assert_eq!(stored(&host).await, 0);
    let gone = guard(host.purge(&id("i"))).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    let gone = guard(instance.result()).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");

    let again = guard(host.start_new(waiting, ()).id("i")).await.unwrap();
    guard(again.raise_event("Go", 2)).await.unwrap();
    assert_eq!(guard(again.result()).await.unwrap(), 2);
    assert_eq!(events(&host, &id("i")).await.len(), 4, "nothing of the first is left");
}

#[tokio::test]
async fn made_ids_are_unique_and_sort_by_time() {
    let (memory, clock) = store();
    let host = Host::builder().provider(memory).orchestration(waiting).start().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(host.start_new(waiting, ()).await.unwrap().id().clone());
        clock.advance(Duration::from_millis(1));
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[tokio::test]
async fn a_list_is_ordered_filtered_and_in_pages() {
    let host = host().await;
    for number in 0..25 {
        host.start_new(waiting, ()).id(format!("wait-{number:02}")).await.unwrap();
    }
    for number in 0..5 {
        let failed = host.start_new(failing, String::new()).id(format!("fail-{number}"));
        guard(failed.await.unwrap().result()).await.unwrap_err();
    }
    guard(host.terminate(&id("wait-07"), "enough")).await.unwrap();

    let ids = async |filter: InstanceFilter, limit: usize| {
        let mut pages = Vec::new();
        let mut request = PageRequest::new().limit(limit);
        loop {
            let page = host.list(&filter, &request).await.unwrap();
            assert!(page.instances.iter().all(|summary| filter.matches(summary)));
            let ids = page.instances.iter().map(|summary| summary.instance.to_string());
            pages.push(ids.collect::<Vec<_>>());
            let Some(next) = page.next else { return pages };
            request = request.after(next);
        }
    };
    let all = ids(InstanceFilter::new(), 7).await;
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7, 7, 7, 2]);
    let all = all.concat();
    assert!(all.is_sorted() && all[0] == "fail-0" && all[29] == "wait-24", "{all:?}");

    let states = vec![InstanceState::Failed, InstanceState::Terminated];
    let ended = ids(InstanceFilter::new().states(states), 100).await.concat();
    assert_eq!(ended, ["fail-0", "fail-1", "fail-2", "fail-3", "fail-4", "wait-07"]);
    let named = ids(InstanceFilter::new().name("orders.fail"), 2).await;
    assert_eq!(named.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let prefix = InstanceFilter::new().id_prefix("wait-1");
    assert_eq!(ids(prefix, 100).await.concat().len(), 10);
    let nothing = InstanceFilter::new().id_prefix("x");
    assert!(ids(nothing, 1).await.concat().is_empty());
}

#[tokio::test]
async fn a_finished_instance_takes_no_memory() {
    let host = host().await;
    let instance = host.start_new(waiting, ()).await.unwrap();
    assert_eq!(host.in_memory(), 1);
    instance.raise_event("Go", 1).await.unwrap();
    guard(instance.result()).await.unwrap();
    until(|| host.in_memory() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_outlives_the_handle_it_came_from() {
    let gate = Gate::closed();
    let passing = gate.clone();
    let host = Host::builder()
        .provider(store().0)
        .register_activity("work", move |_ctx, ()| {
            let gate = passing.clone();
            async move {
                gate.pass().await;
                Ok(5)
            }
        })
        .register_orchestration("works", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("work", &()).await?)
        })
        .start()
        .await
        .unwrap();
    let id = {
        let dropped = host.start_new_by_name::<u64>("works", ()).await.unwrap();
        dropped.id().clone()
    };
    gate.until_came(1).await;
    let client = host.client().clone();
    gate.let_all_through();
    assert_eq!(guard(client.instance::<u64>(&id).result()).await.unwrap(), 5);
}
