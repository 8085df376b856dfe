//! Local activities when their host crashes or shuts down.

use super::*;

#[tokio::test]
async fn a_crash_in_the_middle_leaves_nothing_and_they_run_again_under_the_same_keys() {
    let (faulty, work) = (one_shard(), Work::slow());
    let first = host(&faulty, &work).await;
    guard(first.start_new(numbers, ()).id("i")).await.unwrap();
    let raised = raise(&first, 1);
    work.until_run(1).await;
    guard(first.abort()).await;
    guard(raised).await.unwrap().unwrap_err();
    assert_eq!(faulty.appended(), 1, "nobody had a reply that the event is there");

    work.gate.let_all_through();
    let second = host(&faulty, &work).await;
    for number in [1, 2, 0] {
        guard(second.raise_event(&id("i"), "Number", number)).await.unwrap();
    }
    assert_eq!(guard(second.instance::<Vec<u64>>("i").result()).await.unwrap(), [10, 20]);
    assert_eq!(work.inputs(), [1, 1, 2]);
    let keys = work.keys();
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
}

#[tokio::test]
async fn after_a_crash_another_call_can_have_the_number_but_not_the_key_or_the_result() {
    let (faulty, work) = (one_shard(), Work::slow());
    let host = host(&faulty, &work).await;
    guard(host.start_new(numbers, ()).id("i")).await.unwrap();
    let raised = raise(&host, 1);
    work.until_run(1).await;
    // The shard goes down, and starts again from its log; the activity still runs.
    faulty.fail_appends([AppendFault::Fatal]);
    guard(host.start_new(numbers, ())).await.unwrap_err();
    guard(raised).await.unwrap().unwrap_err();
    let again = guard(async {
        loop {
            if let Ok(()) = host.raise_event(&id("i"), "Number", 2_u64).await {
                return;
            }
        }
    });
    let gate = async {
        work.until_run(2).await;
        work.gate.let_all_through();
    };
    tokio::join!(again, gate);
    guard(host.raise_event(&id("i"), "Number", 0_u64)).await.unwrap();
    assert_eq!(guard(host.instance::<Vec<u64>>("i").result()).await.unwrap(), [20]);
    assert_eq!(work.inputs(), [1, 2]);
    let keys = work.keys();
    let number = |key: &str| key.rsplit_once('-').unwrap().0.to_string();
    assert_eq!(number(&keys[0]), number(&keys[1]), "the place in the history is the same");
    assert_ne!(keys[0], keys[1]);
    assert_eq!(*work.cancelled.lock().unwrap(), [1], "nobody waits for the first any more");
}

#[tokio::test]
async fn what_is_recorded_is_not_run_again() {
    let (faulty, work) = (one_shard(), Work::quick());
    let first = host(&faulty, &work).await;
    guard(first.start_new(numbers, ()).id("i")).await.unwrap();
    guard(first.raise_event(&id("i"), "Number", 1_u64)).await.unwrap();
    guard(first.abort()).await;
    let second = host(&faulty, &work).await;
    guard(second.raise_event(&id("i"), "Number", 0_u64)).await.unwrap();
    assert_eq!(guard(second.instance::<Vec<u64>>("i").result()).await.unwrap(), [10]);
    assert_eq!(work.inputs(), [1]);
}

#[tokio::test]
async fn one_that_a_shutdown_cuts_off_runs_again_on_the_next_host() {
    let (faulty, work) = (one_shard(), Work::slow());
    let deadline = on_the_tests_runtime().shutdown_deadline(Duration::ZERO);
    let first = start_on(&faulty, &work, deadline).await;
    guard(first.start_new(numbers, ()).id("i")).await.unwrap();
    let raised = raise(&first, 1);
    work.until_run(1).await;
    // It may end so, or by its deadline: what was acknowledged is there.
    let _ = guard(first.shutdown()).await;
    let is_there = guard(raised).await.unwrap().is_ok();

    work.gate.let_all_through();
    let second = host(&faulty, &work).await;
    if !is_there {
        guard(second.raise_event(&id("i"), "Number", 1_u64)).await.unwrap();
    }
    guard(second.raise_event(&id("i"), "Number", 0_u64)).await.unwrap();
    assert_eq!(guard(second.instance::<Vec<u64>>("i").result()).await.unwrap(), [10]);
    assert_eq!(work.inputs(), [1, 1]);
}

#[tokio::test]
async fn a_shutdown_lets_one_end_that_is_quick_enough() {
    let (faulty, work) = (one_shard(), Work::slow());
    let first = host(&faulty, &work).await;
    guard(first.start_new(numbers, ()).id("i")).await.unwrap();
    let raised = raise(&first, 1);
    work.until_run(1).await;
    let shutdown = tokio::spawn(first.shutdown());
    tokio::task::yield_now().await;
    work.gate.let_all_through();
    guard(shutdown).await.unwrap().unwrap();
    guard(raised).await.unwrap().unwrap();
    let second = host(&faulty, &work).await;
    guard(second.raise_event(&id("i"), "Number", 0_u64)).await.unwrap();
    assert_eq!(guard(second.instance::<Vec<u64>>("i").result()).await.unwrap(), [10]);
    assert_eq!(work.inputs(), [1]);
}
