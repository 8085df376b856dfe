//! Local activities run before what schedules them is durable. A row of them is stored together, and nothing
//! else leaves before that.

mod crashes;
mod failures;

use std::sync::{Arc, Mutex};

use crate::kit::{
    AppendFault, Faulty, Gate, events, guard, id, on_the_tests_runtime, store, until, until_parked,
};
use futures::FutureExt;
use futures::future::join_all;
use reenact::limits::LOCAL_HOLD;
use reenact::prelude::*;
use reenact::{
    ActivityErrorKind, HostBuilder, InstanceState, NamedActivity, ParkReason, RetryPolicy,
};
use tokio::time::Instant;

/// The activities of the tests: "work" returns ten times its input, when its gate lets it.
#[derive(Clone)]
struct Work {
    gate: Gate,
    /// Each run, by idempotency key and input.
    runs: Arc<Mutex<Vec<(String, u64)>>>,
    /// The inputs of activities whose token said that nobody waits for them.
    cancelled: Arc<Mutex<Vec<u64>>>,
}

impl Work {
    /// Returns at once.
    fn quick() -> Self {
        Self { gate: Gate::open(), runs: Arc::default(), cancelled: Arc::default() }
    }

    /// Waits to be let through.
    fn slow() -> Self {
        Self { gate: Gate::closed(), ..Self::quick() }
    }

    fn inputs(&self) -> Vec<u64> {
        self.runs.lock().unwrap().iter().map(|(_, input)| *input).collect()
    }

    fn keys(&self) -> Vec<String> {
        self.runs.lock().unwrap().iter().map(|(key, _)| key.clone()).collect()
    }

    async fn until_run(&self, times: usize) {
        until(|| self.inputs().len() >= times).await;
    }

    fn on(&self, host: HostBuilder) -> HostBuilder {
        let work = self.clone();
        host.register_activity("work", move |ctx: ActivityContext, input: u64| {
            let work = work.clone();
            async move {
                work.runs.lock().unwrap().push((ctx.idempotency_key(), input));
                tokio::select! {
                    biased;
                    () = ctx.cancelled() => {
                        work.cancelled.lock().unwrap().push(input);
                        Err(ActivityError::fatal("cancelled"))
                    }
                    () = work.gate.pass() => Ok(input * 10),
                }
            }
        })
    }
}

fn local(ctx: &OrchestrationContext, input: u64) -> DurableFuture<Result<u64, ActivityError>> {
    ctx.call_local_by_name("work", &input)
}

/// Makes this many calls, one after the other.
#[orchestration]
async fn row(ctx: OrchestrationContext, many: u64) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    for number in 1..=many {
        sum += local(&ctx, number).await?;
    }
    Ok(sum)
}

/// Two that are local, and one that is not.
#[orchestration]
async fn then_scheduled(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let one = local(&ctx, 1).await?;
    let two = local(&ctx, 2).await?;
    Ok(ctx.call_activity_by_name::<_, u64>("work", &(one + two)).await?)
}

/// For each number that comes, one; the end is zero.
#[orchestration]
async fn numbers(ctx: OrchestrationContext) -> Result<Vec<u64>, OrchestrationError> {
    let mut results = Vec::new();
    loop {
        match ctx.wait_external::<u64>("Number").await? {
            0 => return Ok(results),
            number => results.push(local(&ctx, number).await?),
        }
    }
}

/// All at once.
#[orchestration]
async fn joined(ctx: OrchestrationContext, many: u64) -> Result<u64, OrchestrationError> {
    let results = join_all((1..=many).map(|number| local(&ctx, number))).await;
    results.into_iter().sum::<Result<u64, _>>().map_err(Into::into)
}

async fn start_on(faulty: &Faulty, work: &Work, options: HostOptions) -> Host {
    let host = Host::builder().provider(faulty.clone()).options(options);
    let host = host.orchestration(row).orchestration(then_scheduled).orchestration(numbers);
    guard(work.on(host.orchestration(joined)).start()).await.unwrap()
}

async fn host(faulty: &Faulty, work: &Work) -> Host {
    start_on(faulty, work, on_the_tests_runtime()).await
}

fn one_shard() -> Faulty {
    Faulty::new(store().0.with_shards(1))
}

#[tokio::test(start_paused = true)]
async fn five_in_a_row_are_one_commit_from_the_start_to_the_end() {
    let (faulty, work) = (one_shard(), Work::quick());
    let host = host(&faulty, &work).await;
    let began = Instant::now();
    let instance = guard(host.start_new(row, 5).id("i")).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 150);
    assert_eq!(faulty.appended(), 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(
        events(host.client(), &id("i")).await[1..7],
        [
            "TaskScheduled #1 `work`",
            "TaskLocal #1",
            "TaskCompleted #1",
            "TaskScheduled #2 `work`",
            "TaskLocal #2",
            "TaskCompleted #2"
        ]
    );
}

#[tokio::test]
async fn they_run_before_they_are_durable_and_nothing_else_does() {
    let (faulty, work) = (one_shard(), Work::quick());
    let host = host(&faulty, &work).await;
    faulty.appends.close();
    let mut started = Box::pin(host.start_new(then_scheduled, ()).into_future());
    assert!(futures::poll!(started.as_mut()).is_pending());
    faulty.appends.until_came(1).await;
    assert_eq!(work.inputs(), [1, 2], "the third waits for the commit");
    assert!(started.as_mut().now_or_never().is_none(), "and so does the client");
    faulty.appends.let_all_through();
    assert_eq!(guard(guard(started).await.unwrap().result()).await.unwrap(), 300);
    assert_eq!(work.inputs(), [1, 2, 30]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_one_is_waited_for_as_long_as_it_is_documented() {
    let (faulty, work) = (one_shard(), Work::slow());
    let host = host(&faulty, &work).await;
    let began = Instant::now();
    let instance = guard(host.start_new(row, 2)).await.unwrap();
    assert_eq!(began.elapsed(), LOCAL_HOLD);
    assert_eq!((faulty.appended(), work.inputs()), (1, vec![1]));
    // What comes meanwhile waits no more.
    guard(instance.suspend("a test")).await.unwrap();
    guard(instance.resume()).await.unwrap();
    assert_eq!((faulty.appended(), began.elapsed()), (3, LOCAL_HOLD));
    work.gate.let_all_through();
    assert_eq!(guard(instance.result()).await.unwrap(), 30);
    assert_eq!(faulty.appended(), 4, "the rest of the row is stored together again");
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_turns_wait_is_stored_with_them() {
    let (faulty, work) = (one_shard(), Work::slow());
    let host = host(&faulty, &work).await;
    let instance = guard(host.start_new(numbers, ())).await.unwrap();
    let began = Instant::now();
    let raised = (1..=3).map(|number| instance.raise_event("Number", number).into_future());
    guard(join_all(raised)).await.into_iter().for_each(Result::unwrap);
    assert_eq!((began.elapsed(), faulty.appended()), (LOCAL_HOLD, 2));
}

#[tokio::test]
async fn many_turns_do_not_wait() {
    let (faulty, work) = (one_shard(), Work::quick());
    let host = host(&faulty, &work).await;
    faulty.appends.close();
    let mut started = Box::pin(host.start_new(row, 1_000).into_future());
    assert!(futures::poll!(started.as_mut()).is_pending());
    faulty.appends.until_came(1).await;
    assert!(work.inputs().len() < 300, "{}", work.inputs().len());
    faulty.appends.let_all_through();
    let sum = guard(guard(started).await.unwrap().result()).await.unwrap();
    assert_eq!(sum, 5_005_000);
}

#[tokio::test]
async fn several_at_once_are_one_commit_and_keep_to_the_bounds() {
    let (faulty, work) = (one_shard(), Work::slow());
    let options = on_the_tests_runtime().max_activities(2);
    let host = start_on(&faulty, &work, options).await;
    let mut started = Box::pin(host.start_new(joined, 5).into_future());
    assert!(futures::poll!(started.as_mut()).is_pending());
    work.gate.until_came(2).await;
    tokio::task::yield_now().await;
    assert_eq!(work.inputs(), [1, 2], "there are two places");
    work.gate.let_all_through();
    assert_eq!(guard(guard(started).await.unwrap().result()).await.unwrap(), 150);
    assert_eq!(faulty.appended(), 1);
}

/// Raises an event, and does not wait for the answer.
fn raise(host: &Host, number: u64) -> tokio::task::JoinHandle<reenact::Result<()>> {
    let raised = host.raise_event(&id("i"), "Number", number).into_future();
    tokio::spawn(raised)
}

#[tokio::test]
async fn a_termination_and_a_cancel_end_one_that_runs() {
    let (faulty, work) = (one_shard(), Work::slow());
    let host = host(&faulty, &work).await;
    guard(host.start_new(numbers, ()).id("i")).await.unwrap();
    let raised = raise(&host, 1);
    work.until_run(1).await;
    guard(host.terminate(&id("i"), "enough")).await.unwrap();
    guard(raised).await.unwrap().unwrap();
    until(|| *work.cancelled.lock().unwrap() == [1]).await;

    let started = tokio::spawn(host.start_new(row, 2).id("cancelled").into_future());
    work.until_run(2).await;
    guard(async { while host.cancel(&id("cancelled"), "enough").await.is_err() {} }).await;
    let instance = guard(started).await.unwrap().unwrap();
    let cancelled = guard(instance.result()).await.unwrap_err();
    assert!(cancelled.to_string().contains("enough"), "{cancelled}");
    until(|| *work.cancelled.lock().unwrap() == [1, 1]).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_suspended_one_returns_is_recorded_and_the_code_goes_on_when_it_is_resumed() {
    let (faulty, work) = (one_shard(), Work::slow());
    let host = host(&faulty, &work).await;
    let instance = guard(host.start_new(row, 2).id("i")).await.unwrap();
    guard(instance.suspend("a test")).await.unwrap();
    work.gate.let_all_through();
    guard(async {
        while !events(host.client(), &id("i")).await.contains(&"TaskCompleted #1".to_string()) {}
    })
    .await;
    assert_eq!(work.inputs(), [1]);
    assert_eq!(instance.status().await.unwrap().state, InstanceState::Suspended);
    guard(instance.resume()).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_status_shows_one_that_runs_once_that_is_durable() {
    let (faulty, work) = (one_shard(), Work::slow());
    let host = host(&faulty, &work).await;
    let instance = guard(host.start_new(numbers, ()).id("i")).await.unwrap();
    let began = Instant::now();
    let raised = raise(&host, 7);
    work.until_run(1).await;
    let status = guard(instance.status()).await.unwrap();
    assert_eq!((status.activities.len(), began.elapsed()), (0, Duration::ZERO));
    guard(raised).await.unwrap().unwrap();
    let status = guard(instance.status()).await.unwrap();
    let shown: Vec<_> = status.activities.iter().map(|open| open.name.as_str()).collect();
    assert_eq!(shown, ["work"]);
}

/// Waits for an activity that is scheduled, and then calls a local one.
#[orchestration]
async fn both(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    let scheduled: u64 = ctx.call_activity_by_name("work", &1).await?;
    Ok(local(&ctx, scheduled).await?)
}

#[tokio::test]
async fn a_host_that_takes_up_an_instance_after_another_died_stores_the_schedule_first() {
    let (faulty, work) = (one_shard(), Work::slow());
    let on = async |work: &Work| {
        let host = Host::builder()
            .provider(faulty.clone())
            .options(on_the_tests_runtime())
            .orchestration(both);
        guard(work.on(host).start()).await.unwrap()
    };
    let first = on(&work).await;
    guard(first.start_new(both, ()).id("i")).await.unwrap();
    work.until_run(1).await;
    guard(first.abort()).await;

    let second = on(&work).await;
    work.until_run(2).await;
    faulty.appends.close();
    let came = faulty.appends.came();
    work.gate.let_all_through();
    faulty.appends.until_came(came + 1).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(work.inputs(), [1, 1], "the host might die of it, and nobody would know");
    faulty.appends.let_all_through();
    assert_eq!(guard(second.instance::<u64>("i").result()).await.unwrap(), 100);
}

/// Has a child that calls one.
#[orchestration]
async fn parent(ctx: OrchestrationContext) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_orchestration(row, 1).await?)
}

#[tokio::test]
async fn what_its_sender_sends_again_by_itself_is_stored_first() {
    let (faulty, work) = (one_shard(), Work::quick());
    let host = Host::builder().provider(faulty.clone()).options(on_the_tests_runtime());
    let host = work.on(host.orchestration(parent).orchestration(row));
    let host = guard(host.start()).await.unwrap();
    faulty.appends.close();
    let mut started = Box::pin(host.start_new(parent, ()).into_future());
    assert!(futures::poll!(started.as_mut()).is_pending());
    faulty.appends.until_came(1).await;
    faulty.appends.let_one_through();
    let instance = guard(started).await.unwrap();
    faulty.appends.until_came(2).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(
        work.inputs().is_empty(),
        "its parent would start it again, and die of it without a trace"
    );
    faulty.appends.let_all_through();
    assert_eq!(guard(instance.result()).await.unwrap(), 10);
}

#[tokio::test]
async fn a_rewind_undoes_one_as_any_activity() {
    let (faulty, work) = (one_shard(), Work::quick());
    let host = host(&faulty, &work).await;
    let instance = guard(host.start_new(numbers, ()).id("i")).await.unwrap();
    guard(instance.raise_event("Number", 1)).await.unwrap();
    // ExecutionStarted, ExternalSubscribed #1, ExternalRaised, TaskScheduled #2, TaskLocal #2, ..
    assert_eq!(events(host.client(), &id("i")).await[4..6], ["TaskLocal #2", "TaskCompleted #2"]);
    guard(instance.rewind(5, "a test")).await.unwrap();
    work.until_run(2).await;
    guard(instance.raise_event("Number", 0)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), [10]);
    assert_eq!(work.inputs(), [1, 1]);
}

/// Goes on as new with each number.
#[orchestration]
async fn counting(ctx: OrchestrationContext, left: u64) -> Result<u64, OrchestrationError> {
    let ten = local(&ctx, left).await?;
    if left == 0 { Ok(ten) } else { ctx.continue_as_new(counting, left - 1) }
}

#[tokio::test]
async fn an_execution_that_goes_on_as_new_begins_when_the_one_before_is_durable() {
    let (faulty, work) = (one_shard(), Work::quick());
    let host = Host::builder()
        .provider(faulty.clone())
        .options(on_the_tests_runtime())
        .orchestration(counting);
    let host = guard(work.on(host).start()).await.unwrap();
    let instance = guard(host.start_new(counting, 3).id("i")).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 0);
    assert_eq!(work.inputs(), [3, 2, 1, 0]);
    assert_eq!(faulty.appended(), 4);
}

#[tokio::test]
async fn a_host_that_dies_of_one_is_counted_as_of_any_activity() {
    let (faulty, work) = (one_shard(), Work::slow());
    let bound = || on_the_tests_runtime().max_host_deaths(2);
    let first = start_on(&faulty, &work, bound()).await;
    // Durable when it has taken too long to be waited for.
    guard(first.start_new(row, 1).id("i")).await.unwrap();
    guard(first.abort()).await;
    for runs in 2..=3 {
        let next = start_on(&faulty, &work, bound()).await;
        work.until_run(runs).await;
        guard(next.abort()).await;
    }
    let last = start_on(&faulty, &work, bound()).await;
    let failed = guard(last.instance::<u64>("i").result()).await.unwrap_err();
    assert!(failed.to_string().contains("the host died"), "{failed}");
    assert_eq!(work.inputs(), [1, 1, 1]);
    let keys = work.keys();
    assert!(
        keys.iter().all(|key| *key == keys[0]),
        "it is the same call for the service that is called: {keys:?}"
    );
}

#[tokio::test]
async fn logs_with_them_are_verified_and_a_change_is_found_with_its_place() {
    #[orchestration(name = "numbers")]
    async fn changed(ctx: OrchestrationContext) -> Result<Vec<u64>, OrchestrationError> {
        let number: u64 = ctx.wait_external("Number").await?;
        Ok(vec![local(&ctx, number + 1).await?])
    }
    let (faulty, work) = (one_shard(), Work::quick());
    let first = host(&faulty, &work).await;
    let instance = guard(first.start_new(numbers, ()).id("i")).await.unwrap();
    guard(instance.raise_event("Number", 1)).await.unwrap();
    guard(first.shutdown()).await.unwrap();

    let fits = Host::builder().provider(faulty.clone()).orchestration(numbers);
    assert_eq!(guard(work.on(fits).verify_histories()).await.unwrap(), []);
    let other = Host::builder().provider(faulty.clone()).orchestration(changed);
    let unfit = guard(work.on(other).verify_histories()).await.unwrap();
    let [unfit] = &unfit[..] else { panic!("one does not fit: {unfit:?}") };
    let why = unfit.reason.to_string();
    assert!(why.contains("event 3") && why.contains('2'), "{why}");
}
