//! Code that never gives its thread back: another thread takes over, and its neighbours go on.

mod activities;
mod moves;
mod scene;

use std::time::Duration;

use crate::kit::{HOUR, guard, id, options, store, until, until_parked};
use reenact::limits::MAX_REPLACED_THREADS;
use reenact::{Error, InstanceState, ParkReason, WhenBusy};
use scene::{Held, begin_waiting, host, raise, raise_surely, replaces, surely};

#[tokio::test]
async fn the_neighbours_of_code_that_loops_go_on_and_it_is_parked_by_name() {
    let held = Held::default();
    let _at_the_end = held.let_go_at_the_end();
    let host = host(store().0.with_shards(1), &held, replaces()).start().await.unwrap();
    begin_waiting(&host, "loops", "i").await;
    begin_waiting(&host, "adds", "neighbour").await;
    let waits = host.instance::<u64>("i");
    let (raised, result) = tokio::join!(raise(&host, "i"), guard(waits.result()));
    let interrupted = raised.unwrap_err();
    assert!(matches!(interrupted, Error::Interrupted { .. }), "{interrupted}");
    let parked = result.unwrap_err();
    let Error::Parked { reason: ParkReason::Stalled { code, .. }, .. } = &parked else {
        panic!("{parked}");
    };
    assert_eq!(code.as_str(), "loops");
    assert!(parked.to_string().contains("resume the instance, or terminate it"), "{parked}");
    assert_eq!(host.stalled().len(), 1, "it still holds the old thread");

    raise_surely(&host, "neighbour").await;
    assert_eq!(guard(host.instance::<u64>("neighbour").result()).await.unwrap(), 7);
    assert_eq!(held.came(), 1, "its code does not run again");

    surely(async || host.terminate(&id("i"), "it loops").await).await;
    let terminated = guard(waits.result()).await.unwrap_err();
    assert!(matches!(terminated, Error::Terminated { .. }), "{terminated}");
    // Its id is free of what was before.
    guard(host.purge(&id("i"))).await.unwrap();
    begin_waiting(&host, "adds", "i").await;
    raise_surely(&host, "i").await;
    assert_eq!(guard(waits.result()).await.unwrap(), 7);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn what_was_parked_so_goes_on_when_somebody_resumes_it_and_its_code_no_longer_loops() {
    let held = Held::default();
    let host = host(store().0.with_shards(1), &held, replaces()).start().await.unwrap();
    begin_waiting(&host, "loops", "i").await;
    let _ = raise(&host, "i").await;
    // Before its log says so, what the code does as it returns may still count.
    let status = guard(async {
        loop {
            let status = host.get_status("i").await.unwrap();
            if status.state == InstanceState::Parked {
                return status;
            }
            tokio::task::yield_now().await;
        }
    });
    let status = status.await;
    assert!(matches!(status.parked, Some(ParkReason::Stalled { .. })), "{status:?}");
    held.let_go();
    until(|| host.stalled().is_empty()).await;
    // What comes meanwhile is kept, and does not let it run.
    surely(async || host.raise_event(&id("i"), "Note", 1).await).await;
    assert_eq!(held.came(), 1);
    surely(async || host.resume(&id("i")).await).await;
    // The turn in which it looped was lost, and so was the event: the caller that raised it received an error.
    raise_surely(&host, "i").await;
    assert_eq!(guard(host.instance::<u64>("i").result()).await.unwrap(), 7);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn code_that_loops_as_its_host_starts_does_not_keep_the_other_shards_from_starting() {
    let held = Held::default();
    let _at_the_end = held.let_go_at_the_end();
    let (memory, clock) = store();
    let memory = memory.with_shards(8);
    let before = Held::default();
    before.let_go();
    let first = host(memory.clone(), &before, replaces()).start().await.unwrap();
    for name in ["a", "b", "c"] {
        let looping = first.start_new_by_name::<u64>("loops_at_once", ()).id(name);
        drop(guard(looping).await.unwrap());
    }
    guard(first.abort()).await;
    // They are due as the next host starts, and their code loops when it is replayed.
    clock.advance(2 * HOUR);
    let second = guard(host(memory, &held, replaces()).start()).await.unwrap();
    for name in ["a", "b", "c"] {
        let status = until_parked(&second, &id(name)).await;
        assert!(matches!(status.parked, Some(ParkReason::Stalled { .. })), "{status:?}");
    }
    begin_waiting(&second, "adds", "new").await;
    raise_surely(&second, "new").await;
    assert_eq!(guard(second.instance::<u64>("new").result()).await.unwrap(), 7);
    guard(second.shutdown()).await.unwrap();
}

#[tokio::test]
async fn places_of_instances_on_a_thread_that_is_given_up_go_to_others() {
    let held = Held::default();
    let _at_the_end = held.let_go_at_the_end();
    let narrow = replaces().max_instances(1).when_busy(WhenBusy::Wait);
    let host = host(store().0.with_shards(1), &held, narrow).start().await.unwrap();
    begin_waiting(&host, "loops", "i").await;
    let _ = raise(&host, "i").await;
    until_parked(&host, &id("i")).await;
    for name in ["a", "b"] {
        begin_waiting(&host, "adds", name).await;
        raise_surely(&host, name).await;
        assert_eq!(guard(host.instance::<u64>(name).result()).await.unwrap(), 7);
    }
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_ends_while_code_holds_a_thread() {
    let held = Held::default();
    let _at_the_end = held.let_go_at_the_end();
    let never = options().replace_threads_after(Duration::MAX).shutdown_deadline(Duration::ZERO);
    let memory = store().0.with_shards(1);
    let first = host(memory.clone(), &held, never).start().await.unwrap();
    begin_waiting(&first, "loops", "i").await;
    let client = first.client().clone();
    let raised = tokio::spawn(async move { client.raise_event(&id("i"), "Go", ()).await });
    held.until_came(1).await;
    guard(first.shutdown()).await.unwrap();
    guard(raised).await.unwrap().unwrap_err();

    // The store is free, and the next host goes on from the log.
    let mended = Held::default();
    mended.let_go();
    let second = host(memory, &mended, replaces()).start().await.unwrap();
    raise_surely(&second, "i").await;
    assert_eq!(guard(second.instance::<u64>("i").result()).await.unwrap(), 7);
    guard(second.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_limited_number_of_threads_are_replaced_before_one_is_given_back() {
    let held = Held::default();
    let _at_the_end = held.let_go_at_the_end();
    let host = host(store().0.with_shards(1), &held, replaces()).start().await.unwrap();
    for number in 0..MAX_REPLACED_THREADS {
        let name = format!("i-{number}");
        begin_waiting(&host, "loops", &name).await;
        let _ = raise(&host, &name).await;
        until_parked(&host, &id(&name)).await;
    }
    begin_waiting(&host, "loops", "last").await;
    begin_waiting(&host, "adds", "neighbour").await;
    let client = host.client().clone();
    let raised = tokio::spawn(async move { client.raise_event(&id("last"), "Go", ()).await });
    held.until_came(MAX_REPLACED_THREADS + 1).await;
    until(|| host.stalled().len() == MAX_REPLACED_THREADS + 1).await;
    assert!(host.get_status(&id("last")).await.unwrap().parked.is_none());

    // The first of them comes back: the last loses its thread now.
    held.let_one_go();
    guard(raised).await.unwrap().unwrap_err();
    until_parked(&host, &id("last")).await;
    raise_surely(&host, "neighbour").await;
    assert_eq!(guard(host.instance::<u64>("neighbour").result()).await.unwrap(), 7);
    guard(host.shutdown()).await.unwrap();
}
