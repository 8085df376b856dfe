//! The status that an orchestration sets: seen when it is durable, and sent to those who wait for it.

use crate::kit::{
    AppendFault, Faulty, guard, id, on_the_tests_runtime, options, store, until_parked,
};
use futures::future::join_all;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, InstanceState};

/// Sets the status that each event brings, until one is empty.
#[orchestration]
async fn shows(ctx: OrchestrationContext, first: String) -> Result<(), OrchestrationError> {
    ctx.set_status(&first);
    let mut statuses = ctx.events::<String>("Status");
    loop {
        let status = statuses.next().await?;
        match status.as_str() {
            "" => return Ok(()),
            "nothing" => {}
            "park" => ctx.call_activity_by_name("unregistered", &()).await?,
            status => ctx.set_status(status),
        }
    }
}

async fn host_on(provider: impl Provider) -> Host {
    host_with(provider, options()).await
}

async fn host_with(provider: impl Provider, options: HostOptions) -> Host {
    let host = Host::builder().provider(provider).options(options).orchestration(shows);
    host.start().await.unwrap()
}

async fn begun(host: &Host) -> InstanceHandle<()> {
    guard(host.start_new(shows, "begun".to_string()).id("i")).await.unwrap()
}

async fn seen(instance: &InstanceHandle<()>) -> Option<String> {
    guard(instance.status()).await.unwrap().custom_status_as()
}

fn shown(status: &InstanceStatus) -> Option<String> {
    status.custom_status_as()
}

#[tokio::test]
async fn a_status_is_seen_while_the_instance_runs_and_when_it_has_ended() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    assert_eq!(seen(&instance).await.as_deref(), Some("begun"));
    instance.raise_event("Status", "half of it").await.unwrap();
    assert_eq!(seen(&instance).await.as_deref(), Some("half of it"));
    assert_eq!(instance.status().await.unwrap().custom_status_as::<u64>(), None, "no number");
    instance.raise_event("Status", "").await.unwrap();
    guard(instance.result()).await.unwrap();
    assert_eq!(seen(&instance).await.as_deref(), Some("half of it"));
}

#[tokio::test]
async fn an_instance_that_sets_none_has_none() {
    let host = Host::builder()
        .provider(store().0)
        .register_orchestration("quiet", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.wait_external::<()>("Go").await?)
        })
        .start()
        .await
        .unwrap();
    let instance = host.start_new_by_name::<()>("quiet", ()).await.unwrap();
    assert_eq!(instance.status().await.unwrap().custom_status, None);
    instance.raise_event("Go", ()).await.unwrap();
    guard(instance.result()).await.unwrap();
    assert_eq!(instance.status().await.unwrap().custom_status, None);
    let before = instance.status().await.unwrap();
    let after = guard(instance.status_changed(&before)).await.unwrap();
    assert_eq!(after, before, "it has ended: nothing more comes");
}

#[tokio::test]
async fn nobody_sees_a_status_or_is_notified_of_it_before_it_is_durable() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    let instance = begun(&host).await;
    let before = instance.status().await.unwrap();
    faulty.appends.close();
    let came = faulty.appends.came();
    let (watching, raising) = (instance.clone(), instance.raise_event("Status", "more"));
    let waiting_task = tokio::spawn(async move { watching.status_changed(&before).await });
    let raised = tokio::spawn(raising.into_future());
    faulty.appends.until_came(came + 1).await;
    assert_eq!(seen(&instance).await.as_deref(), Some("begun"));
    assert!(!waiting_task.is_finished() && !raised.is_finished());
    faulty.appends.let_all_through();
    let status = guard(waiting_task).await.unwrap().unwrap();
    assert_eq!(shown(&status).as_deref(), Some("more"));
    guard(raised).await.unwrap().unwrap();
}

#[tokio::test]
async fn all_who_wait_for_a_change_are_notified() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let before = instance.status().await.unwrap();
    let waiting = join_all((0..50).map(|_| instance.status_changed(&before)));
    let (statuses, raised) = guard(async {
        tokio::join!(waiting, instance.raise_event("Status", "more").into_future())
    })
    .await;
    raised.unwrap();
    for status in statuses {
        assert_eq!(shown(&status.unwrap()).as_deref(), Some("more"));
    }
}

#[tokio::test]
async fn a_change_that_has_happened_is_reported_at_once() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let before = instance.status().await.unwrap();
    instance.raise_event("Status", "more").await.unwrap();
    let status = guard(instance.status_changed(&before)).await.unwrap();
    assert_eq!(shown(&status).as_deref(), Some("more"));
}

#[tokio::test]
async fn who_waits_for_a_status_is_notified_of_that_one() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let mut looks = Vec::new();
    let waiting = instance.wait_for_status(|status| {
        looks.push(shown(status).unwrap());
        looks.last().is_some_and(|status| status == "three")
    });
    let raising = async {
        for status in ["one", "nothing", "one", "two", "three"] {
            instance.raise_event("Status", status).await.unwrap();
        }
    };
    let (status, ()) = guard(async { tokio::join!(waiting, raising) }).await;
    assert_eq!(shown(&status.unwrap()).as_deref(), Some("three"));
    assert!(looks.is_sorted_by_key(|status| {
        ["begun", "one", "two", "three"].iter().position(|known| known == status)
    }));
    let mut seen_once = looks.clone();
    seen_once.dedup();
    assert_eq!(seen_once, looks, "it looks when the status has changed, and not otherwise");
}

#[tokio::test]
async fn who_waits_for_a_status_that_never_comes_is_notified_of_the_end() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let waiting = instance.wait_for_status(|_| false);
    let ending = instance.raise_event("Status", "").into_future();
    let (status, ended) = guard(async { tokio::join!(waiting, ending) }).await;
    ended.unwrap();
    let status = status.unwrap();
    assert_eq!(
        (status.state, shown(&status).as_deref()),
        (InstanceState::Completed, Some("begun"))
    );
}

#[tokio::test]
async fn a_client_that_waits_is_notified_when_the_instance_is_parked() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let waiting = instance.wait_for_status(|_| false);
    let parking = instance.raise_event("Status", "park").into_future();
    let (refused, _) = guard(async { tokio::join!(waiting, parking) }).await;
    assert!(matches!(refused.unwrap_err(), Error::Parked { .. }));
    let refused = guard(instance.wait_for_status(|_| false)).await.unwrap_err();
    assert!(matches!(refused, Error::Parked { .. }), "also when it was before");
}

#[tokio::test(start_paused = true)]
async fn who_waits_goes_on_waiting_while_the_shard_starts_again() {
    let faulty = Faulty::new(store().0);
    let host = host_with(faulty.clone(), on_the_tests_runtime()).await;
    let instance = begun(&host).await;
    let watching = instance.clone();
    let waiting_task = tokio::spawn(async move {
        watching.wait_for_status(|status| shown(status).as_deref() == Some("more")).await
    });
    faulty.fail_appends([AppendFault::Fatal]);
    guard(instance.raise_event("Status", "more")).await.unwrap_err();
    assert_eq!(seen(&instance).await.as_deref(), Some("begun"), "that turn was lost");
    assert!(!waiting_task.is_finished());
    while guard(instance.raise_event("Status", "more")).await.is_err() {
        tokio::time::advance(Duration::from_millis(50)).await;
    }
    assert_eq!(shown(&guard(waiting_task).await.unwrap().unwrap()).as_deref(), Some("more"));
}

#[tokio::test]
async fn a_client_that_waits_is_notified_when_the_host_shuts_down() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let waiting_task = tokio::spawn(async move { instance.wait_for_status(|_| false).await });
    let shut_down = guard(host.shutdown()).await;
    shut_down.unwrap();
    assert!(matches!(guard(waiting_task).await.unwrap().unwrap_err(), Error::ShuttingDown));
}

#[tokio::test]
async fn there_is_no_status_of_what_does_not_exist() {
    let host = host_on(store().0).await;
    let error = guard(host.wait_for_status(&id("nobody"), |_| true)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }));
}

#[tokio::test]
async fn a_status_stays_after_every_kind_of_end() {
    let host = host_on(store().0).await;
    let terminated = begun(&host).await;
    terminated.terminate("enough").await.unwrap();
    assert_eq!(seen(&terminated).await.as_deref(), Some("begun"));

    // The code of a parked instance is not asked.
    let parked = host.start_new(shows, "first".to_string()).id("p").await.unwrap();
    parked.raise_event("Status", "last").await.unwrap();
    parked.raise_event("Status", "park").await.unwrap();
    assert!(until_parked(&host, &id("p")).await.parked.is_some());
    assert_eq!(seen(&parked).await.as_deref(), Some("last"));
    parked.terminate("enough").await.unwrap();
    assert_eq!(parked.status().await.unwrap().state, InstanceState::Terminated);
    assert_eq!(seen(&parked).await.as_deref(), Some("last"));
}

#[tokio::test]
async fn a_status_survives_a_crash_and_goes_on() {
    let memory = store().0;
    let crashing = host_on(memory.clone()).await;
    let instance = begun(&crashing).await;
    instance.raise_event("Status", "more").await.unwrap();
    instance.raise_event("Status", "nothing").await.unwrap();
    guard(crashing.abort()).await;
    let host = host_on(memory).await;
    let instance = host.instance::<()>(&id("i"));
    assert_eq!(host.in_memory(), 0);
    assert_eq!(seen(&instance).await.as_deref(), Some("more"));
    assert_eq!(host.in_memory(), 0, "nobody needs to wake it for that");
    // The same status again, by code that has come back: it is no step.
    let events = instance.status().await.unwrap().history_length;
    instance.raise_event("Status", "more").await.unwrap();
    assert_eq!(instance.status().await.unwrap().history_length, events + 2);
    instance.raise_event("Status", "most").await.unwrap();
    assert_eq!(seen(&instance).await.as_deref(), Some("most"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_turns_are_read_for_a_status_however_long_the_history_is() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    let instance = begun(&host).await;
    for _ in 0..1_000 {
        instance.raise_event("Status", "nothing").await.unwrap();
    }
    let before = faulty.turns_read();
    assert_eq!(seen(&instance).await.as_deref(), Some("begun"));
    assert_eq!(faulty.turns_read() - before, 3, "the first, the last, and the one that set it");
    instance.raise_event("Status", "more").await.unwrap();
    let before = faulty.turns_read();
    assert_eq!(seen(&instance).await.as_deref(), Some("more"));
    assert_eq!(faulty.turns_read() - before, 2, "the last turn has it");
}
