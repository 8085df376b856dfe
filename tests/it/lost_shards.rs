//! A shard whose log is lost comes back once it can, for as long as the host lives; meanwhile the
//! others go on, and calls for its instances fail with the reason.

use crate::kit::{
    self, AppendFault, Breakage, Faulty, HOUR, guard, id, on_the_tests_runtime, options, store,
};
use futures::FutureExt;
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::ProviderError;
use reenact::{Error, InstanceId};
use tokio::time::{Instant, advance};

const SHARDS: u32 = 2;
const BROKEN: ShardId = ShardId(0);
const TICK: Duration = Duration::from_millis(50);

#[orchestration]
async fn adds(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    loop {
        match ctx.wait_external::<u64>("Add").await? {
            0 => return Ok(sum),
            more => sum += more,
        }
    }
}

async fn start(faulty: &Faulty, options: HostOptions) -> reenact::Result<Host> {
    let host = Host::builder().provider(faulty.clone()).options(options).orchestration(adds);
    guard(host.start()).await
}

/// A host with an instance in the shard that is to break, and one in another.
async fn scene() -> (Faulty, Host, InstanceHandle<u64>, InstanceHandle<u64>) {
    let faulty = Faulty::new(store().0.with_shards(SHARDS));
    let host = start(&faulty, on_the_tests_runtime()).await.unwrap();
    let in_it = host.start_new(adds, ()).id(in_shard(BROKEN, "i")).await.unwrap();
    let elsewhere = host.start_new(adds, ()).id(in_shard(ShardId(1), "i")).await.unwrap();
    (faulty, host, in_it, elsewhere)
}

fn in_shard(shard: ShardId, prefix: &str) -> InstanceId {
    let mut ids = (0..).map(|number| id(&format!("{prefix}-{number}")));
    ids.find(|id| ShardId::of(id, SHARDS) == shard).unwrap()
}

/// The log breaks, and an append finds out.
async fn break_it(faulty: &Faulty, instance: &InstanceHandle<u64>, breakage: Breakage) {
    faulty.break_shard(BROKEN, breakage);
    let refused = guard(instance.raise_event("Add", 1)).await.unwrap_err();
    let Error::Store { source } = &refused else { panic!("{refused}") };
    assert!(matches!(**source, ProviderError::Fenced { .. }), "{source}");
}

/// Lets the host's own time pass until the condition holds, which it must at some time.
async fn pass_time_until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HOUR, "it hangs");
        advance(TICK).await;
    }
}

/// Lets the host's own time pass until it has tried to take a shard so often.
async fn until_tried(faulty: &Faulty, times: usize) {
    pass_time_until(|| faulty.acquisitions.came() >= times).await;
    // What follows from the last try has happened as well.
    advance(TICK).await;
}

/// Lets the host's own time pass until the event is taken.
async fn until_taken(instance: &InstanceHandle<u64>, number: u64) {
    let began = Instant::now();
    while let Err(error) = guard(instance.raise_event("Add", number)).await {
        assert!(began.elapsed() < HOUR, "it hangs");
        assert!(matches!(error, Error::Interrupted { .. } | Error::Store { .. }), "{error}");
        advance(TICK).await;
    }
}

fn why(refused: &Error) -> &ProviderError {
    let Error::Store { source } = refused else { panic!("{refused}") };
    source
}

#[tokio::test(start_paused = true)]
async fn a_shard_whose_medium_is_full_comes_back_when_there_is_room_again() {
    let (faulty, host, in_it, elsewhere) = scene().await;
    let mut waiting = Box::pin(in_it.result());
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    break_it(&faulty, &in_it, Breakage::Full).await;

    for number in 1..=10 {
        until_tried(&faulty, faulty.acquisitions.came() + 1).await;
        let refused = guard(in_it.raise_event("Add", number)).await.unwrap_err();
        assert!(matches!(why(&refused), ProviderError::Unavailable { .. }), "{refused}");
        guard(elsewhere.raise_event("Add", number)).await.unwrap();
    }
    assert!(waiting.as_mut().now_or_never().is_none(), "the end may still come");
    guard(elsewhere.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(elsewhere.result()).await.unwrap(), 55);

    faulty.mend_shard(BROKEN);
    until_taken(&in_it, 3).await;
    guard(in_it.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(waiting).await.unwrap(), 3, "what was refused does not count");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whatever_is_asked_of_a_shard_that_is_down_is_refused_with_the_reason() {
    let (faulty, host, in_it, _) = scene().await;
    break_it(&faulty, &in_it, Breakage::Full).await;
    until_tried(&faulty, faulty.acquisitions.came() + 1).await;
    let reason = "the store failed: the store is unavailable: ordered by a test";
    let reason_of = |refused: reenact::Result<()>| refused.unwrap_err().to_string();
    assert_eq!(reason_of(guard(in_it.raise_event("Add", 1)).await), reason);
    assert_eq!(reason_of(guard(in_it.terminate("enough")).await), reason);
    assert_eq!(reason_of(guard(host.purge(in_it.id())).await), reason);
    assert_eq!(reason_of(guard(host.actor(in_it.id())).await.map(drop)), reason);
    let new = in_shard(BROKEN, "new");
    assert_eq!(reason_of(guard(host.start_new(adds, ()).id(new)).await.map(drop)), reason);
}

#[tokio::test(start_paused = true)]
async fn tries_grow_rarer_and_go_on_for_as_long_as_the_host_lives() {
    let (faulty, host, in_it, _) = scene().await;
    break_it(&faulty, &in_it, Breakage::Full).await;
    let mut gaps = Vec::new();
    for _ in 0..12 {
        let began = Instant::now();
        until_tried(&faulty, faulty.acquisitions.came() + 1).await;
        gaps.push(began.elapsed());
    }
    let seconds = |range: std::ops::Range<usize>| gaps[range].iter().sum::<Duration>().as_secs();
    assert!(seconds(0..4) < 3, "{gaps:?}");
    assert!((45..=55).contains(&seconds(7..12)), "every ten seconds: {gaps:?}");
    // The end of the host is not held up.
    let began = Instant::now();
    guard(host.shutdown()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    let came = faulty.acquisitions.came();
    advance(Duration::from_secs(60)).await;
    assert_eq!(faulty.acquisitions.came(), came);
}

#[tokio::test(start_paused = true)]
async fn a_rotten_log_is_reported_to_those_who_wait_and_its_shard_comes_back_once_it_is_mended() {
    let (faulty, _host, in_it, elsewhere) = scene().await;
    let waiting = tokio::spawn({
        let in_it = in_it.clone();
        async move { in_it.result().await }
    });
    let watching = tokio::spawn({
        let in_it = in_it.clone();
        async move { in_it.wait_for_status(|_| false).await }
    });
    let other = tokio::spawn({
        let elsewhere = elsewhere.clone();
        async move { elsewhere.result().await }
    });
    break_it(&faulty, &in_it, Breakage::Rotten).await;
    let broken_at = Instant::now();
    pass_time_until(|| waiting.is_finished() && watching.is_finished()).await;
    let error = watching.await.unwrap().unwrap_err();
    assert!(matches!(why(&error), ProviderError::Corrupt { .. }), "{error}");
    for result in [waiting.await.unwrap(), guard(in_it.result()).await] {
        let error = result.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the store failed: stored data is corrupt at segment 7: ordered by a test"
        );
    }
    let refused = guard(in_it.raise_event("Add", 1)).await.unwrap_err();
    assert!(matches!(why(&refused), ProviderError::Corrupt { .. }), "{refused}");

    // It is not tried often: nothing will be otherwise before a person comes.
    until_tried(&faulty, faulty.acquisitions.came() + 3).await;
    assert!(broken_at.elapsed() > Duration::from_secs(80), "{:?}", broken_at.elapsed());
    guard(elsewhere.raise_event("Add", 5)).await.unwrap();
    guard(elsewhere.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(other).await.unwrap().unwrap(), 5);

    faulty.mend_shard(BROKEN);
    until_taken(&in_it, 4).await;
    guard(in_it.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(in_it.result()).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_cannot_be_recovered_is_given_up_between_the_tries() {
    let (faulty, _host, in_it, _) = scene().await;
    faulty.break_shard(BROKEN, Breakage::Full);
    guard(in_it.raise_event("Add", 1)).await.unwrap_err();
    faulty.mend_shard(BROKEN);
    faulty.fail_recoveries(3);
    let released = faulty.released();
    for tried in 1..=3 {
        until_tried(&faulty, faulty.acquisitions.came() + 1).await;
        assert_eq!(faulty.released() - released, 1 + tried, "what was lost, and after each try");
    }
    until_taken(&in_it, 7).await;
    guard(in_it.raise_event("Add", 0)).await.unwrap();
    assert_eq!(guard(in_it.result()).await.unwrap(), 7);
}

/// A lease may last as long as its host: nobody else would get the shard.
#[tokio::test]
async fn a_shard_that_could_not_be_given_up_is_given_up_later() {
    let (memory, clock) = store();
    let memory = memory.with_shards(SHARDS).shared();
    let faulty = Faulty::new(memory.clone());
    let first = start(&faulty, options()).await.unwrap();
    faulty.fail_releases(3);
    let second = start(&Faulty::new(memory), options()).await.unwrap();
    let is_given_up = async {
        while faulty.released() == 0 {
            tokio::task::yield_now().await;
        }
    };
    kit::pass_time_until(&clock, TICK, is_given_up).await;
    drop((first, second));
}

#[tokio::test(start_paused = true)]
async fn the_first_start_of_a_host_is_patient_and_then_says_why_it_gave_up() {
    let faulty = Faulty::new(store().0.with_shards(SHARDS));
    faulty.break_shard(BROKEN, Breakage::Full);
    let patience = Duration::from_secs(5);
    let began = Instant::now();
    let refused = start(&faulty, on_the_tests_runtime().lease_patience(patience)).await;
    let Some(Error::Startup { reason, .. }) = refused.err() else { panic!("it started") };
    assert!(reason.contains("unavailable"), "{reason}");
    assert_eq!(began.elapsed().as_secs(), patience.as_secs());

    let starting = tokio::spawn({
        let faulty = faulty.clone();
        async move { start(&faulty, on_the_tests_runtime().lease_patience(patience)).await }
    });
    until_tried(&faulty, faulty.acquisitions.came() + 4).await;
    faulty.mend_shard(BROKEN);
    guard(starting).await.unwrap().map(drop).expect("it was only away for a while");
}

#[tokio::test]
async fn a_client_that_waits_for_an_end_hears_of_it_though_the_store_was_away_after_it() {
    let (memory, clock) = store();
    let faulty = Faulty::new(memory);
    let host = start(&faulty, on_the_tests_runtime()).await.unwrap();
    let instance = host.start_new(adds, ()).id("i").await.unwrap();
    let looks = faulty.summaries.came();
    let waiting = tokio::spawn(async move { host.instance::<u64>(&id("i")).result().await });
    // On one thread: after its first look it waits for a notice.
    crate::kit::until(|| faulty.summaries.came() > looks).await;
    // The end is stored. Nobody learns of it: not by its answer, not by reading it back, and not by the
    // next look either.
    faulty.fail_reads(2);
    faulty.fail_appends([AppendFault::UnknownButApplied]);
    guard(instance.raise_event("Add", 0)).await.unwrap_err();
    let ended = crate::kit::pass_time_until(&clock, TICK, waiting).await.unwrap();
    assert_eq!(ended.unwrap(), 0);
    assert_eq!(faulty.read_faults_left(), 0);
}
