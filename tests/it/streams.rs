//! Streams: items that orchestrations and activities emit, read when they are durable, in order, and once.

mod stores;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::kit::{AppendFault, Faulty, guard, id, options, store, until_parked};
use futures::StreamExt;
use reenact::limits::{MAX_EMITTED_UNDER_WAY, MAX_ITEMS_PER_PAGE, MAX_STREAM_ITEM_BYTES};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{ActivityOptions, EmitError, Emitted, Error, ItemStream, StreamWindow};

/// What the activities of a test share.
#[derive(Clone, Default)]
struct Runs {
    /// How often an activity has run.
    begun: Arc<AtomicU32>,
    /// How many items it has emitted.
    emitted: Arc<AtomicU64>,
    go: Arc<tokio::sync::Notify>,
}

/// Emits numbers. In its first run it ends only when it is cancelled.
#[activity]
async fn holds(ctx: ActivityContext, runs: State<Runs>, items: u64) -> Result<(), ActivityError> {
    let is_first = runs.begun.fetch_add(1, Ordering::SeqCst) == 0;
    for item in 0..if is_first { items / 2 } else { items } {
        ctx.emit("s", &item).await?;
    }
    ctx.flush_emitted().await?;
    if is_first {
        runs.go.notify_one();
        ctx.cancelled().await;
    }
    Ok(())
}

/// Emits numbers once it may, and counts them.
#[activity]
async fn counts(ctx: ActivityContext, runs: State<Runs>, items: u64) -> Result<(), ActivityError> {
    runs.go.notified().await;
    for item in 0..items {
        ctx.emit("s", &item).await?;
        runs.emitted.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Fails after its first items, and then emits all.
#[activity]
async fn fails_once(ctx: ActivityContext, (): ()) -> Result<(), ActivityError> {
    ctx.emit("s", &u64::from(ctx.attempt())).await?;
    match ctx.attempt() {
        1 => Err(ActivityError::retryable("not yet")),
        _ => Ok(()),
    }
}

/// Tries what is refused.
#[activity]
async fn misuses(ctx: ActivityContext, (): ()) -> Result<Vec<String>, ActivityError> {
    let large = "x".repeat(MAX_STREAM_ITEM_BYTES);
    let mut errors = Vec::new();
    for error in [
        ctx.emit("", &1).await,
        ctx.emit("a\nb", &1).await,
        ctx.emit("s", &large).await,
        ctx.emit("s", &f64::NAN).await,
    ] {
        errors.push(error.expect_err("it is refused").to_string());
    }
    Ok(errors)
}

/// Where it cannot emit, what it is given.
#[activity]
async fn elsewhere(ctx: ActivityContext, (): ()) -> Result<bool, ActivityError> {
    Ok(matches!(ctx.emit("s", &1).await, Err(EmitError::NotHere { .. })))
}

/// Does what each event says.
#[orchestration]
async fn emits(ctx: OrchestrationContext, generation: u32) -> Result<(), OrchestrationError> {
    if generation == 0 {
        ctx.keep_stream("s", StreamWindow::default().items(3));
    }
    let mut steps = ctx.events::<(String, u64)>("Do");
    loop {
        let (what, number) = steps.next().await?;
        match what.as_str() {
            "emit" => ctx.emit("s", &number),
            "many" => (0..number).for_each(|item| ctx.emit("s", &item)),
            "text" => ctx.emit("s", "text"),
            "hold" => ctx.call_activity(holds, number).await?,
            "count" => ctx.call_activity(counts, number).await?,
            "retry" => {
                let policy = RetryPolicy::new(2).first_delay(Duration::ZERO).jitter(0.0);
                let options = ActivityOptions::new().retry(policy);
                ctx.call_activity(fails_once.with(options), ()).await?;
            }
            "misuse" => {
                let errors = ctx.call_activity(misuses, ()).await?;
                ctx.publish("errors", &errors);
            }
            "elsewhere" => {
                let local = ctx.call_local(elsewhere, ()).await?;
                let tagged = elsewhere.with(ActivityOptions::new().tag("t"));
                ctx.publish("elsewhere", &(local, ctx.call_activity(tagged, ()).await?));
            }
            "renew" => return ctx.continue_as_new(emits, generation + 1),
            "park" => ctx.call_activity_by_name("unregistered", &()).await?,
            _ => return Ok(()),
        }
    }
}

async fn host_of(provider: impl Provider, options: HostOptions, runs: Runs) -> Host {
    let options = options.tags(["t"]);
    let host = Host::builder().provider(provider).options(options).state(runs);
    let host = host.orchestration(emits).activity(holds).activity(counts).activity(fails_once);
    guard(host.activity(misuses).activity(elsewhere).start()).await.unwrap()
}

async fn host_on(provider: impl Provider) -> Host {
    host_of(provider, options(), Runs::default()).await
}

async fn begun(client: &Client) -> InstanceHandle<()> {
    guard(client.start_new(emits, 0).id("i")).await.unwrap()
}

async fn step(instance: &InstanceHandle<()>, what: &str, number: u64) {
    guard(instance.raise_event("Do", (what, number))).await.unwrap();
}

fn read(client: &Client) -> ItemStream<u64> {
    client.stream("i", "s").unwrap()
}

async fn next(items: &mut ItemStream<u64>) -> (u64, u64) {
    let Emitted { offset, value, .. } = guard(items.next()).await.unwrap().unwrap();
    (offset, value)
}

/// All items until the end of the instance.
async fn rest(items: ItemStream<u64>) -> Vec<(u64, u64)> {
    let items = items.map(|item| item.map(|item| (item.offset, item.value)).unwrap());
    guard(items.collect()).await
}

#[tokio::test]
async fn items_are_read_in_order_as_they_come_and_the_stream_ends_with_the_instance() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let mut items = read(&host);
    let reading = tokio::spawn(async move { (next(&mut items).await, items) });
    step(&instance, "emit", 7).await;
    let (first, mut items) = guard(reading).await.unwrap();
    assert_eq!((first, items.next_offset()), ((0, 7), 1));
    step(&instance, "many", 2).await;
    assert_eq!((next(&mut items).await, next(&mut items).await), ((1, 0), (2, 1)));
    step(&instance, "emit", 8).await;
    step(&instance, "end", 0).await;
    assert_eq!(rest(items).await, [(3, 8)]);
    assert_eq!(rest(read(&host).from(2)).await, [(2, 1), (3, 8)], "after the end as well");
    assert_eq!(rest(read(&host).from(4)).await, [], "nothing comes any more");
    let mut never = host.stream::<u64>("i", "another").unwrap();
    assert!(guard(never.next()).await.is_none(), "it has never emitted to it");
}

#[tokio::test]
async fn a_question_that_has_no_answer_is_an_error_that_says_so() {
    let host = host_on(store().0).await;
    for (id, name) in [("", "s"), ("i", ""), ("i", "a\nb")] {
        assert!(matches!(host.stream::<u64>(id, name), Err(Error::InvalidName { .. })));
    }
    let mut nobody = read(&host);
    assert!(matches!(guard(nobody.next()).await, Some(Err(Error::NotFound { .. }))));
    assert!(guard(nobody.next()).await.is_none());
    let instance = begun(&host).await;
    step(&instance, "text", 0).await;
    step(&instance, "emit", 1).await;
    let mut items = read(&host);
    let wrong = guard(items.next()).await.unwrap().unwrap_err();
    assert!(wrong.to_string().starts_with("item 0 of the stream `s` of instance `i`"), "{wrong}");
    assert_eq!(next(&mut items).await, (1, 1), "the next one comes");
}

#[tokio::test]
async fn nobody_reads_an_item_before_it_is_durable() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    let instance = begun(&host).await;
    step(&instance, "emit", 1).await;
    let mut items = read(&host);
    assert_eq!(next(&mut items).await, (0, 1));
    faulty.appends.close();
    let came = faulty.appends.came();
    let teller = instance.clone();
    let telling = tokio::spawn(async move { step(&teller, "emit", 2).await });
    let reading = tokio::spawn(async move { next(&mut items).await });
    faulty.appends.until_came(came + 1).await;
    let page = guard(host.stream_page("i", "s", None, 10)).await.unwrap();
    assert_eq!((page.items.len(), page.next, page.has_ended), (1, 1, false));
    assert!(!telling.is_finished() && !reading.is_finished());
    faulty.appends.let_all_through();
    assert_eq!(guard(reading).await.unwrap(), (1, 2));
    guard(telling).await.unwrap();
}

#[tokio::test]
async fn an_activity_emits_and_its_items_are_there_before_its_end() {
    let runs = Runs::default();
    let host = host_of(store().0, options(), runs.clone()).await;
    let instance = begun(&host).await;
    step(&instance, "count", 5_000).await;
    step(&instance, "emit", 9).await;
    step(&instance, "end", 0).await;
    runs.go.notify_one();
    let all = rest(read(&host)).await;
    assert_eq!(all.len(), 5_001);
    assert!((0..5_000).all(|item| all[item as usize] == (item, item)));
    assert_eq!(all[5_000], (5_000, 9), "the code goes on after its items");
    let turns = guard(instance.status()).await.unwrap().history_length;
    assert!(turns < 2_000, "{turns} events: many items are one");
}

#[tokio::test]
async fn an_activity_waits_while_too_much_is_not_durable() {
    let (faulty, runs) = (Faulty::new(store().0), Runs::default());
    let host = host_of(faulty.clone(), options(), runs.clone()).await;
    let instance = begun(&host).await;
    step(&instance, "count", 5_000).await;
    faulty.appends.close();
    let came = faulty.appends.came();
    runs.go.notify_one();
    faulty.appends.until_came(came + 1).await;
    while runs.emitted.load(Ordering::SeqCst) < MAX_EMITTED_UNDER_WAY as u64 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(runs.emitted.load(Ordering::SeqCst), MAX_EMITTED_UNDER_WAY as u64);
    faulty.appends.let_all_through();
    step(&instance, "end", 0).await;
    assert_eq!(rest(read(&host)).await.len(), 5_000);
}

#[tokio::test]
async fn an_activity_that_runs_again_after_a_crash_emits_each_item_once() {
    let (memory, runs) = (store().0, Runs::default());
    let crashing = host_of(memory.clone(), options(), runs.clone()).await;
    let instance = begun(&crashing).await;
    step(&instance, "hold", 10).await;
    guard(runs.go.notified()).await;
    let mut items = read(&crashing);
    for item in 0..3 {
        assert_eq!(next(&mut items).await, (item, item));
    }
    guard(crashing.abort()).await;
    let host = host_of(memory, options(), runs.clone()).await;
    let instance = host.instance::<()>(&id("i"));
    step(&instance, "end", 0).await;
    let expected: Vec<_> = (3..10).map(|item| (item, item)).collect();
    assert_eq!(rest(read(&host).from(items.next_offset())).await, expected, "no gap, no double");
    assert_eq!(runs.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn another_attempt_emits_again_and_each_item_says_of_which_it_is() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    step(&instance, "retry", 0).await;
    step(&instance, "end", 0).await;
    let attempts: Vec<_> = guard(read(&host).map(|item| item.unwrap().emitted_by).collect()).await;
    let attempts: Vec<_> = attempts.into_iter().flatten().map(|by| by.attempt).collect();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test]
async fn items_that_cannot_be_emitted_are_typed_errors_and_nothing_is_recorded() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    step(&instance, "misuse", 0).await;
    step(&instance, "end", 0).await;
    guard(instance.result()).await.unwrap();
    let errors: Option<Vec<String>> = guard(instance.query("errors")).await.unwrap();
    let errors = errors.unwrap();
    let expected =
        ["cannot emit to a stream", "cannot emit to a stream", "131074 bytes", "not finite"];
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.contains("`misuses`") && error.contains(expected), "{error}");
    }
    assert_eq!(rest(read(&host)).await, []);
}

#[tokio::test]
async fn an_activity_that_is_local_or_has_a_tag_cannot_emit() {
    let host = host_on(store().0.shared()).await;
    let instance = begun(&host).await;
    step(&instance, "elsewhere", 0).await;
    step(&instance, "end", 0).await;
    guard(instance.result()).await.unwrap();
    let refused: Option<(bool, bool)> = guard(instance.query("elsewhere")).await.unwrap();
    assert_eq!(refused, Some((true, true)));
    assert_eq!(rest(read(&host)).await, []);
}

#[tokio::test]
async fn a_reader_goes_on_where_the_instance_continues_as_new() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    let mut items = read(&host);
    for round in 0..4 {
        // More than are kept, all in all; the last two of each round come with the next execution.
        for item in 5 * round..5 * round + 3 {
            step(&instance, "emit", item).await;
            assert_eq!(next(&mut items).await, (item, item));
        }
        step(&instance, "emit", 5 * round + 3).await;
        step(&instance, "emit", 5 * round + 4).await;
        step(&instance, "renew", 0).await;
        for item in 5 * round + 3..5 * round + 5 {
            assert_eq!(next(&mut items).await, (item, item));
        }
    }
    step(&instance, "end", 0).await;
    assert_eq!(rest(items).await, []);
    assert!(instance.status().await.unwrap().execution.0 > 1);
}

#[tokio::test]
async fn items_that_were_trimmed_are_an_error_with_the_first_offset_that_is_there() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    step(&instance, "many", 100).await;
    let mut late = read(&host);
    assert_eq!(rest_of_page(&mut late, 2).await, [(0, 0), (1, 1)]);
    step(&instance, "renew", 0).await;
    step(&instance, "emit", 7).await;
    assert_eq!(instance.status().await.unwrap().execution.0, 2);
    let trimmed = guard(read(&host).from(96).next()).await.unwrap().unwrap_err();
    assert!(matches!(trimmed, Error::StreamTrimmed { offset: 96, first: 97, .. }), "{trimmed}");
    let expected = "item 96 of the stream `s` of instance `i` was trimmed; the first item that is \
                    there has offset 97";
    assert_eq!(trimmed.to_string(), expected);
    let page = guard(host.stream_page("i", "s", Some(0), 5)).await.unwrap_err();
    assert!(matches!(page, Error::StreamTrimmed { first: 97, .. }), "{page}");
    step(&instance, "end", 0).await;
    assert_eq!(rest(read(&host)).await, [(97, 97), (98, 98), (99, 99), (100, 7)]);
    assert_eq!(rest(read(&host).from(99)).await, [(99, 99), (100, 7)]);
}

async fn rest_of_page(items: &mut ItemStream<u64>, most: usize) -> Vec<(u64, u64)> {
    let mut read = Vec::new();
    for _ in 0..most {
        read.push(next(items).await);
    }
    read
}

#[tokio::test]
async fn a_rewind_gives_no_offset_twice_and_a_reader_misses_nothing() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    step(&instance, "emit", 1).await;
    let length = instance.status().await.unwrap().history_length;
    step(&instance, "emit", 2).await;
    let mut items = read(&host);
    assert_eq!(rest_of_page(&mut items, 2).await, [(0, 1), (1, 2)]);
    guard(instance.rewind(length, "again")).await.unwrap();
    // The event that was raised since is raised again.
    assert_eq!(next(&mut items).await, (2, 2), "it was emitted again, under an offset of its own");
    step(&instance, "end", 0).await;
    assert_eq!(rest(read(&host)).await, [(0, 1), (2, 2)]);
    assert_eq!(rest(items).await, []);
}

#[tokio::test]
async fn a_stream_of_an_instance_that_is_purged_is_gone_and_another_one_is_not_taken_for_it() {
    let (memory, clock) = store();
    let host = host_on(memory).await;
    let instance = begun(&host).await;
    step(&instance, "emit", 1).await;
    let (mut purged, mut replaced) = (read(&host), read(&host));
    next(&mut purged).await;
    next(&mut replaced).await;
    guard(instance.terminate("enough")).await.unwrap();
    guard(host.purge("i")).await.unwrap();
    assert!(matches!(guard(purged.next()).await, Some(Err(Error::NotFound { .. }))));
    clock.advance(Duration::from_secs(1));
    let instance = begun(&host).await;
    step(&instance, "emit", 5).await;
    let error = guard(replaced.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::StreamReplaced { .. }), "{error}");
    assert!(guard(replaced.next()).await.is_none());
    assert_eq!(next(&mut read(&host)).await, (0, 5));
}

#[tokio::test]
async fn a_parked_a_suspended_and_a_terminated_instance_are_read() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    step(&instance, "emit", 1).await;
    instance.suspend("wait").await.unwrap();
    step(&instance, "emit", 2).await;
    let mut items = read(&host);
    assert_eq!(next(&mut items).await, (0, 1));
    instance.resume().await.unwrap();
    assert_eq!(next(&mut items).await, (1, 2));
    // Refused, or not: it is parked for it.
    let _ = guard(instance.raise_event("Do", ("park", 0))).await;
    assert!(until_parked(&host, &id("i")).await.parked.is_some());
    assert!(matches!(guard(items.next()).await, Some(Err(Error::Parked { .. }))));
    assert_eq!(next(&mut read(&host).from(1)).await, (1, 2));
    instance.terminate("enough").await.unwrap();
    assert_eq!(rest(read(&host)).await, [(0, 1), (1, 2)]);
}

#[tokio::test]
async fn a_long_stream_is_read_by_pages_and_not_from_its_beginning() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    let instance = begun(&host).await;
    step(&instance, "many", 2_500).await;
    let first = guard(host.stream_page("i", "s", None, usize::MAX)).await.unwrap();
    assert_eq!((first.items.len(), first.has_more), (MAX_ITEMS_PER_PAGE, true));
    let last = guard(host.stream_page("i", "s", Some(2_000), usize::MAX)).await.unwrap();
    assert_eq!((last.items.len(), last.next, last.has_more), (500, 2_500, false));
    for number in 0..700 {
        step(&instance, "emit", number).await;
    }
    let before = faulty.turns_read();
    let page = guard(host.stream_page("i", "s", Some(3_100), 5)).await.unwrap();
    assert_eq!(page.items[0].offset, 3_100);
    let read = faulty.turns_read() - before;
    assert!(read < 700, "{read} turns of more than 700 were read");
    let mut items = read_all(&host, 3_199).await;
    let before = faulty.turns_read();
    step(&instance, "emit", 1).await;
    assert_eq!(next(&mut items).await, (3_200, 1));
    assert!(faulty.turns_read() - before <= 2, "only what has come since");
}

async fn read_all(host: &Host, from: u64) -> ItemStream<u64> {
    let mut items = read(host).from(from);
    next(&mut items).await;
    items
}

#[tokio::test]
async fn items_whose_append_failed_are_emitted_again_and_once() {
    let ((memory, clock), runs) = (store(), Runs::default());
    let faulty = Faulty::new(memory);
    let host = host_of(faulty.clone(), options(), runs.clone()).await;
    let instance = begun(&host).await;
    step(&instance, "count", 50).await;
    faulty.fail_appends([AppendFault::Fatal]);
    runs.go.notify_one();
    let reading = tokio::spawn(async move {
        let mut items = read(&host);
        for item in 0..50 {
            assert_eq!(next(&mut items).await, (item, item));
        }
        host
    });
    while !reading.is_finished() {
        // What was lost is sent again after a while. Should the activity run again, it may go on at once.
        runs.go.notify_one();
        clock.advance(Duration::from_millis(50));
        tokio::task::yield_now().await;
    }
    drop(guard(reading).await.unwrap());
    assert_eq!(faulty.faults_left(), 0);
}
