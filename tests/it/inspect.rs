//! Looking into instances without their code: what they do and wait for, now and after each event, and their
//! histories by pages.

mod family;
mod long;
mod shards;
mod watch;

use std::time::Duration;

use crate::kit::{HOUR, events, guard, id, options, store, until_parked};
use reenact::inspect::{HistoryCursor, HistoryPage, InstanceView};
use reenact::prelude::*;
use reenact::{Error, ErrorKind, Event, ExecutionId, HostBuilder, NamedActivity};

/// Has one of each open: an activity that is tried again in an hour, a child, a timer and a wait.
async fn order(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    ctx.set_status(&"packing");
    let policy = RetryPolicy::new(3).first_delay(HOUR);
    let pay = NamedActivity::new("pay").with(ActivityOptions::new().retry(policy));
    let paid = ctx.schedule_activity_by_name::<_, u64>(pay, &7);
    let parcel = ctx.schedule_orchestration_by_name::<_, u64>("parcel", &());
    let timer = ctx.timer(HOUR * 24);
    let go = ctx.wait_external::<u64>("Go").await?;
    timer.await;
    Ok(go + paid.await? + parcel.await?)
}

async fn parcel(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external::<u64>("Sent").await?)
}

/// Adds the numbers that come, until 0 comes.
async fn sum(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    loop {
        match ctx.wait_external::<u64>("Add").await? {
            0 => return Ok(sum),
            more => sum += more,
        }
    }
}

fn host(memory: &InMemory) -> HostBuilder {
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .register_orchestration("order", order)
        .register_orchestration("parcel", parcel)
        .register_orchestration("sum", sum)
        .register_activity("pay", |_: ActivityContext, _: u64| async {
            Err::<u64, _>(ActivityError::retryable("the bank is closed"))
        })
}

async fn start(host: &Host, name: &str, id: &str) {
    guard(host.start_new_by_name::<u64>(name, ()).id(id)).await.unwrap();
}

/// Returns when a view is as wanted.
async fn until_viewed(
    client: &Client,
    id: &str,
    is_wanted: impl Fn(&InstanceView) -> bool,
) -> InstanceView {
    guard(async {
        loop {
            match client.view(id).await {
                Ok(view) if is_wanted(&view) => return view,
                Ok(_) => {}
                // A child is there once its start has arrived.
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// All events, page by page.
async fn all_pages(client: &Client, id: &str, limit: usize) -> Vec<HistoryPage> {
    let (mut pages, mut from) = (Vec::new(), None);
    loop {
        let page = client.history_page(id, from, limit).await.unwrap();
        assert!(page.events.len() <= limit);
        from = page.next;
        pages.push(page);
        if from.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn a_view_says_what_an_instance_does_and_waits_for() {
    let (memory, _clock) = store();
    let host = host(&memory).start().await.unwrap();
    start(&host, "order", "order-7").await;
    guard(host.raise_event("order-7", "Extra", "a present")).await.unwrap();

    let failed_once = |view: &InstanceView| view.execution.activities.items[0].attempt == 2;
    let view = until_viewed(&host, "order-7", failed_once).await;
    assert!(view.is_here && view.in_memory && view.unreadable.is_none());
    let started = view.summary.created_at;
    let execution = view.execution;
    assert_eq!(execution.orchestration.as_ref().unwrap().as_str(), "order");
    assert_eq!(execution.status.as_ref().unwrap().decode::<String>().unwrap(), "packing");

    let pay = &execution.activities.items[0];
    assert_eq!((pay.name.as_str(), pay.max_attempts, pay.since), ("pay", Some(3), started));
    assert!(pay.last_error.as_ref().unwrap().to_string().contains("the bank is closed"));
    assert!(pay.begins_at > Some(started), "{pay:?}");
    let timer = &execution.timers.items[0];
    assert_eq!((timer.since, timer.fire_at), (started, started + HOUR * 24));
    let wait = &execution.waits.items[0];
    assert_eq!((wait.name.as_str(), wait.since), ("Go", started));
    let extra = &execution.buffered.items[0];
    assert_eq!((extra.name.as_str(), extra.awaited_by), ("Extra", None));
    assert_eq!(extra.data.as_ref().unwrap().decode::<String>().unwrap(), "a present");
    let child = &execution.children.items[0];
    assert_eq!((child.name.as_str(), child.attempt), ("parcel", 1));

    let child = child.instance.clone();
    let view = until_viewed(&host, child.as_str(), |view| view.execution.waits.total == 1).await;
    assert_eq!(view.execution.parent.unwrap().instance, id("order-7"));
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn pages_have_every_event_once_whatever_their_size() {
    let (memory, _clock) = store();
    let host = host(&memory).start().await.unwrap();
    start(&host, "sum", "sum-1").await;
    for number in [1, 2, 3, 0_u64] {
        guard(host.raise_event("sum-1", "Add", number)).await.unwrap();
    }
    let known = events(&host, &id("sum-1")).await;
    for limit in [1, 2, 3, known.len() - 1, known.len(), 1_000] {
        let pages = all_pages(&host, "sum-1", limit).await;
        let paged: Vec<_> = pages.iter().flat_map(|page| &page.events).collect();
        let shown: Vec<_> = paged.iter().map(|placed| placed.event.to_string()).collect();
        assert_eq!(shown, known, "in pages of {limit}");
        let positions: Vec<_> = paged.iter().map(|placed| placed.position).collect();
        assert_eq!(positions, (0..known.len() as u64).collect::<Vec<_>>());
        for page in &pages {
            let first = &page.events[0];
            let cursor = host.history_cursor("sum-1", first.position).await.unwrap();
            let again = host.history_page("sum-1", Some(cursor), limit).await.unwrap();
            assert_eq!(again, *page, "found by its position");
        }
    }
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended() {
    let (memory, _clock) = store();
    let host = host(&memory).start().await.unwrap();
    start(&host, "sum", "sum-1").await;
    let page = host.history_page("sum-1", None, 100).await.unwrap();
    assert_eq!((page.events.len(), page.next), (2, None));
    guard(host.raise_event("sum-1", "Add", 1_u64)).await.unwrap();
    let more = host.history_page("sum-1", Some(page.end), 100).await.unwrap();
    let Event::ExternalRaised { name, .. } = &more.events[0].event else { panic!("{more:?}") };
    assert_eq!((name.as_str(), more.events[0].position), ("Add", 2));
    let nothing = host.history_page("sum-1", Some(more.end), 100).await.unwrap();
    assert!(nothing.events.is_empty() && nothing.next.is_none());
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_state_after_each_event_is_what_the_log_says_up_to_it() {
    let (memory, _clock) = store();
    let host = host(&memory).start().await.unwrap();
    start(&host, "sum", "sum-1").await;
    guard(host.raise_event("sum-1", "Add", 1_u64)).await.unwrap();
    guard(host.raise_event("sum-1", "Other", 2_u64)).await.unwrap();
    // Started, waits, `Add`, waits, `Other`.
    let mut states = Vec::new();
    for position in 0..5 {
        let state = host.view_after("sum-1", position).await.unwrap();
        assert_eq!((state.position, state.execution.events), (position, position + 1));
        let page = host.history_page("sum-1", Some(state.cursor), 1).await.unwrap();
        assert_eq!(Some(&page.events[0].event), state.event.as_ref());
        states.push((state.execution.waits.total, state.execution.buffered.total));
    }
    assert_eq!(states, [(0, 0), (1, 0), (0, 0), (1, 0), (1, 1)]);
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_came_while_it_was_suspended_is_there_for_its_wait() {
    let (memory, _clock) = store();
    let host = host(&memory).start().await.unwrap();
    start(&host, "sum", "sum-1").await;
    guard(host.suspend("sum-1", "audit")).await.unwrap();
    guard(host.raise_event("sum-1", "Add", 5_u64)).await.unwrap();
    let held = host.view("sum-1").await.unwrap().execution;
    assert_eq!(&*held.suspended.unwrap().reason, "audit");
    assert!(held.buffered.items[0].awaited_by.is_some() && held.waits.total == 0);
    guard(host.resume("sum-1")).await.unwrap();
    let goes_on = host.view("sum-1").await.unwrap().execution;
    assert!(goes_on.suspended.is_none() && goes_on.buffered.total == 0);
    assert_eq!(goes_on.waits.total, 1);
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_parked_instance_has_what_was_expected_and_found_side_by_side() {
    let (memory, _clock) = store();
    let first = host(&memory).start().await.unwrap();
    start(&first, "sum", "sum-1").await;
    guard(first.shutdown()).await.unwrap();

    let changed = |ctx: OrchestrationContext, _: ()| async move {
        ctx.timer(Duration::from_secs(1)).await;
        Ok::<_, OrchestrationError>(0_u64)
    };
    let second = Host::builder().provider(memory.clone()).options(options());
    let second = second.register_orchestration("sum", changed).start().await.unwrap();
    guard(second.raise_event("sum-1", "Add", 1_u64)).await.unwrap();
    until_parked(&second, &id("sum-1")).await;
    let parked = second.view("sum-1").await.unwrap().parked.unwrap();
    assert_eq!((parked.kind, parked.since.is_some()), ("nondeterministic", true));
    let mismatch = parked.mismatch.unwrap();
    assert_eq!(mismatch.position, 1);
    assert!(mismatch.expected.text.starts_with("ExternalSubscribed"), "{mismatch:?}");
    assert!(mismatch.found.text.starts_with("TimerCreated"), "{mismatch:?}");
    guard(second.shutdown()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_a_clear_error() {
    let (memory, _clock) = store();
    let host = host(&memory).start().await.unwrap();
    assert!(matches!(host.view("nobody").await, Err(Error::NotFound { .. })));
    assert!(matches!(host.view_after("nobody", 0).await, Err(Error::NotFound { .. })));
    assert!(matches!(host.history_page("nobody", None, 1).await, Err(Error::NotFound { .. })));
    assert!(matches!(host.view("").await, Err(Error::InvalidName(_))));

    start(&host, "sum", "sum-1").await;
    let past = host.view_after("sum-1", 2).await.unwrap_err();
    assert!(matches!(past, Error::PastTheEnd { position: 2, length: 2, .. }), "{past}");
    assert_eq!(past.kind(), ErrorKind::InvalidArgument);
    assert!(host.history_cursor("sum-1", 2).await.is_ok(), "where the next event will be");
    for position in [3, u64::MAX] {
        let past = host.history_cursor("sum-1", position).await.unwrap_err();
        assert!(matches!(past, Error::PastTheEnd { .. }), "{past}");
    }
    for cursor in ["1.0.3.3", "1.1.1.3", "1.2.0.2", "1.99.0.99"] {
        let cursor: HistoryCursor = cursor.parse().unwrap();
        let past = host.history_page("sum-1", Some(cursor), 1).await.unwrap_err();
        assert!(matches!(past, Error::PastTheEnd { .. }), "{cursor}: {past}");
    }
    let earlier: HistoryCursor = "7.0.0.0".parse().unwrap();
    let gone = host.history_page("sum-1", Some(earlier), 1).await.unwrap_err();
    let Error::OtherExecution { asked, newest, .. } = gone else { panic!("{gone}") };
    assert_eq!((asked, newest), (ExecutionId(7), ExecutionId(1)));
    host.shutdown().await.unwrap();
}
