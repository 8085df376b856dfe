//! Parked is a state: lists, counts and filters know it, a host that starts finds what it cannot run,
//! and what is raised meanwhile is kept.

use crate::kit::{HOUR, events, guard, id, options, store, until_parked};
use reenact::core::Event;
use reenact::prelude::*;
use reenact::{
    Error, HostBuilder, InstanceFilter, InstanceState, PageRequest, ParkReason, TraceContext,
};
use serde::{Deserialize, Serialize};

const SUM: &str = "sum";

/// Adds what comes as "Add" until 0 comes, within a day.
async fn sums(ctx: OrchestrationContext, start: u64) -> Result<u64, OrchestrationError> {
    let mut sum = start;
    let adding = async {
        loop {
            match ctx.wait_external::<u64>("Add").await? {
                0 => return Ok(sum),
                more => sum += more,
            }
        }
    };
    ctx.timeout(HOUR * 24, adding).await.unwrap_or(Ok(999))
}

/// The same, of another input.
#[derive(Serialize, Deserialize)]
struct Input {
    customer: String,
}

async fn sums_for(ctx: OrchestrationContext, _: Input) -> Result<u64, OrchestrationError> {
    sums(ctx, 0).await
}

fn host(memory: &InMemory) -> HostBuilder {
    Host::builder().provider(memory.clone()).options(options())
}

async fn fitting(memory: &InMemory) -> Host {
    host(memory).register_orchestration(SUM, sums).start().await.unwrap()
}

async fn start(host: &Host, ids: impl IntoIterator<Item = String>) {
    for id in ids {
        guard(host.start_new_by_name::<u64>(SUM, 0_u64).id(id)).await.unwrap();
    }
}

fn of(state: InstanceState) -> InstanceFilter {
    InstanceFilter::new().states([state])
}

/// Returns when this many instances are in a state.
async fn until_counted(host: &Client, state: InstanceState, many: u64) {
    guard(async {
        while host.count(&of(state)).await.unwrap() != many {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_starts_parks_what_it_has_no_code_for_before_anything_comes() {
    let (memory, _) = store();
    let first = fitting(&memory).await;
    start(&first, (0..20).map(|number| format!("i{number}"))).await;
    guard(first.shutdown()).await.unwrap();

    let without = host(&memory).start().await.unwrap();
    until_counted(&without, InstanceState::Parked, 20).await;
    assert_eq!(without.count(&of(InstanceState::Running)).await.unwrap(), 0);
    let page = without.list(&of(InstanceState::Parked), &PageRequest::new()).await.unwrap();
    assert_eq!(page.instances.len(), 20);
    assert_eq!(page.instances[0].state, InstanceState::Parked);
    let status = without.get_status(&id("i7")).await.unwrap();
    assert_eq!(status.state, InstanceState::Parked);
    assert!(matches!(status.parked, Some(ParkReason::UnknownOrchestration { .. })), "{status:?}");
    assert_eq!(status.outcome, None);
    guard(without.shutdown()).await.unwrap();

    let again = fitting(&memory).await;
    until_counted(&again, InstanceState::Running, 20).await;
    assert_eq!(again.get_status(&id("i7")).await.unwrap().parked, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_starts_parks_what_does_not_fit_its_code_and_says_why() {
    let (memory, _) = store();
    let first = fitting(&memory).await;
    start(&first, (0..3).map(|number| format!("i{number}"))).await;
    guard(first.shutdown()).await.unwrap();

    let changed = || host(&memory).register_orchestration(SUM, sums_for);
    let second = changed().start().await.unwrap();
    until_counted(&second, InstanceState::Parked, 3).await;
    let why = until_parked(&second, &id("i1")).await.parked.unwrap();
    assert!(matches!(why, ParkReason::Nondeterministic(_)), "{why}");
    let parked = events(&second, &id("i1")).await;
    guard(second.shutdown()).await.unwrap();

    // A restart finds it parked, and tells its log no second time.
    let third = changed().start().await.unwrap();
    let status = third.get_status(&id("i1")).await.unwrap();
    assert_eq!(status.state, InstanceState::Parked);
    assert_eq!(status.parked.unwrap().to_string(), why.to_string(), "also before it looked");
    let error = guard(third.instance::<u64>(&id("i1")).result()).await.unwrap_err();
    assert!(matches!(error, Error::Parked { .. }), "{error}");
    // That its code was tried is noted down, in case the host had died of it.
    let mut after = events(&third, &id("i1")).await;
    after.retain(|event| !event.starts_with("Run"));
    assert_eq!(after, parked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_raised_on_a_parked_instance_is_kept_until_it_goes_on() {
    for changed in [false, true] {
        let (memory, _) = store();
        let first = fitting(&memory).await;
        start(&first, ["i".to_owned()]).await;
        guard(first.raise_event(&id("i"), "Add", 1).key("one")).await.unwrap();
        guard(first.shutdown()).await.unwrap();

        let unfit = || match changed {
            true => host(&memory).register_orchestration(SUM, sums_for),
            false => host(&memory),
        };
        for (number, key) in [(10, "two"), (100, "three")] {
            let second = unfit().start().await.unwrap();
            let raise = |number, key| second.raise_event(&id("i"), "Add", number).key(key);
            guard(raise(number, key)).await.unwrap();
            guard(raise(number, key)).await.expect("it is known");
            guard(raise(1, "one")).await.expect("it is known from before");
            guard(second.abort()).await;
        }
        let third = unfit().start().await.unwrap();
        for _ in 0..50 {
            guard(third.raise_event(&id("i"), "Add", 1_000)).await.unwrap();
        }
        guard(third.raise_event(&id("i"), "Add", 0)).await.unwrap();
        guard(third.abort()).await;

        let fits = fitting(&memory).await;
        assert_eq!(guard(fits.instance::<u64>(&id("i")).result()).await.unwrap(), 50_111);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_parked_instance_keeps_has_the_trace_in_which_it_was_asked_for() {
    let caller = |id| TraceContext::new([id; 16], [id; 8], 1).unwrap();
    let (memory, _) = store();
    let first = fitting(&memory).await;
    start(&first, ["kept".to_owned(), "ended".to_owned()]).await;
    guard(first.shutdown()).await.unwrap();
    let without = host(&memory).start().await.unwrap();
    let raised = without.raise_event(&id("kept"), "Add", 0).trace_context(caller(1));
    guard(raised.into_future()).await.unwrap();
    let terminated = without.terminate(&id("ended"), "enough").trace_context(caller(2));
    guard(terminated.into_future()).await.unwrap();
    guard(without.shutdown()).await.unwrap();
    let fits = fitting(&memory).await;
    assert_eq!(guard(fits.instance::<u64>(&id("kept")).result()).await.unwrap(), 0);
    for (instance, input, context) in
        [("kept", "ExternalRaised `Add`", caller(1)), ("ended", "ExecutionTerminated", caller(2))]
    {
        let history = fits.history(&id(instance)).await.unwrap();
        let mut events =
            history.events().skip_while(|one| !one.event.to_string().starts_with(input));
        let received = events.nth(1).map(|one| one.event.clone());
        let Some(Event::TraceContextReceived { received }) = received else {
            panic!("{instance}: {received:?} in {history}")
        };
        assert_eq!(received.context, context);
    }
    guard(fits.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_while_an_instance_is_parked_comes_before_what_is_raised_later() {
    for (late, expected) in [(false, 5), (true, 999)] {
        let (memory, clock) = store();
        let first = fitting(&memory).await;
        start(&first, ["i".to_owned()]).await;
        guard(first.shutdown()).await.unwrap();
        let without = host(&memory).start().await.unwrap();
        until_counted(&without, InstanceState::Parked, 1).await;
        if late {
            clock.advance(HOUR * 25);
        }
        guard(without.raise_event(&id("i"), "Add", 5)).await.unwrap();
        guard(without.raise_event(&id("i"), "Add", 0)).await.unwrap();
        guard(without.shutdown()).await.unwrap();
        clock.advance(HOUR * 100);
        let fits = fitting(&memory).await;
        assert_eq!(guard(fits.instance::<u64>(&id("i")).result()).await.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_another_instance_arrives_at_one_that_is_parked() {
    async fn tells(ctx: OrchestrationContext, to: InstanceId) -> Result<(), OrchestrationError> {
        ctx.raise_event(&to, "Add", &5_u64).await?;
        Ok(ctx.raise_event(&to, "Add", &0_u64).await?)
    }
    let (memory, _) = store();
    let first = fitting(&memory).await;
    start(&first, ["i".to_owned()]).await;
    guard(first.shutdown()).await.unwrap();
    let without = host(&memory).register_orchestration("tells", tells).start().await.unwrap();
    let tells = guard(without.start_new_by_name::<()>("tells", id("i"))).await.unwrap();
    guard(tells.result()).await.expect("both have arrived");
    assert_eq!(without.get_status(&id("i")).await.unwrap().state, InstanceState::Parked);
    guard(without.shutdown()).await.unwrap();
    let fits = fitting(&memory).await;
    assert_eq!(guard(fits.instance::<u64>(&id("i")).result()).await.unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_instance_is_neither_purged_nor_finished() {
    let (memory, clock) = store();
    let first = fitting(&memory).await;
    start(&first, ["i".to_owned()]).await;
    guard(first.shutdown()).await.unwrap();
    let retention = reenact::Retention::new().finished_for(HOUR).finished_per_orchestration(0);
    let without = host(&memory).options(options().retention(retention));
    let without = without.start().await.unwrap();
    until_counted(&without, InstanceState::Parked, 1).await;
    clock.advance(HOUR * 5);
    let refused = guard(without.purge(&id("i"))).await.unwrap_err();
    assert!(matches!(refused, Error::NotFinished { .. }), "{refused}");
    let finished = reenact::TimeRange { from: Some(reenact::Timestamp::EPOCH), until: None };
    let finished = InstanceFilter::new().finished(finished);
    assert_eq!(without.count(&finished).await.unwrap(), 0);
    assert_eq!(without.count(&of(InstanceState::Parked)).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_that_was_set_before_is_shown_while_an_instance_is_parked() {
    async fn sets(ctx: OrchestrationContext, (): ()) -> Result<u64, OrchestrationError> {
        ctx.set_status(&"half of it");
        Ok(ctx.wait_external("Go").await?)
    }
    let (memory, _) = store();
    let first = host(&memory).register_orchestration("sets", sets).start().await.unwrap();
    guard(first.start_new_by_name::<u64>("sets", ()).id("i")).await.unwrap();
    guard(first.shutdown()).await.unwrap();
    let without = host(&memory).start().await.unwrap();
    until_counted(&without, InstanceState::Parked, 1).await;
    guard(without.raise_event(&id("i"), "Go", 7)).await.unwrap();
    let status = without.get_status(&id("i")).await.unwrap();
    assert_eq!(status.custom_status_as::<String>().as_deref(), Some("half of it"));
    guard(without.shutdown()).await.unwrap();
    let again = host(&memory).register_orchestration("sets", sets).start().await.unwrap();
    assert_eq!(guard(again.instance::<u64>(&id("i")).result()).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_instance_that_was_parked_is_suspended_again_when_it_fits() {
    let (memory, _) = store();
    let first = fitting(&memory).await;
    start(&first, ["i".to_owned()]).await;
    guard(first.suspend(&id("i"), "audit")).await.unwrap();
    guard(first.shutdown()).await.unwrap();
    let without = host(&memory).start().await.unwrap();
    until_counted(&without, InstanceState::Parked, 1).await;
    guard(without.raise_event(&id("i"), "Add", 0)).await.unwrap();
    guard(without.shutdown()).await.unwrap();
    let fits = fitting(&memory).await;
    until_counted(&fits, InstanceState::Suspended, 1).await;
    guard(fits.resume(&id("i"))).await.unwrap();
    assert_eq!(guard(fits.instance::<u64>(&id("i")).result()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_takes_over_goes_on_with_what_another_could_not_run() {
    let clock = reenact::testing::ManualClock::default();
    let memory = InMemory::new().with_shards(2).with_clock(clock.clone()).shared();
    let first = fitting(&memory).await;
    start(&first, (0..4).map(|number| format!("i{number}"))).await;
    guard(first.shutdown()).await.unwrap();
    let without = host(&memory).start().await.unwrap();
    until_counted(&without, InstanceState::Parked, 4).await;
    for number in 0..4 {
        let id = id(&format!("i{number}"));
        guard(without.raise_event(&id, "Add", 5)).await.unwrap();
        guard(without.raise_event(&id, "Add", 0)).await.unwrap();
    }
    guard(without.shutdown()).await.unwrap();
    let fits = fitting(&memory).await;
    for number in 0..4 {
        let id = id(&format!("i{number}"));
        assert_eq!(guard(fits.instance::<u64>(&id).result()).await.unwrap(), 5);
    }
}
