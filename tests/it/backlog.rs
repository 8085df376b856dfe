//! Instances that take one event an execution out of a long backlog: what that costs grows as the backlog
//! does, and no event is lost or taken twice, wherever a host dies.

use std::future::IntoFuture;

use crate::kit::{Faulty, guard, id, options, store};
use futures::future::join_all;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, ExecutionId};

/// Adds the numbers that come as "Job", each in an execution of its own, until 0 comes.
#[orchestration]
async fn adds(ctx: OrchestrationContext, sum: u64) -> Result<u64, OrchestrationError> {
    match ctx.wait_external::<u64>("Job").await? {
        0 => Ok(sum),
        more => ctx.continue_as_new(adds, sum + more),
    }
}

#[activity]
async fn double(_ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    Ok(number * 2)
}

/// As [`adds`], with an activity for each number; they come under two names.
#[orchestration]
async fn works(ctx: OrchestrationContext, sum: u64) -> Result<u64, OrchestrationError> {
    let jobs = ["Job", "Other"].map(|name| ctx.schedule_wait::<u64>(name));
    match ctx.when_any(jobs).await.output? {
        0 => Ok(sum),
        more => {
            let doubled = ctx.call_activity(double, more).await?;
            ctx.continue_as_new(works, sum + doubled)
        }
    }
}

async fn host(provider: impl Provider) -> Host {
    let host = Host::builder().provider(provider).options(options());
    host.orchestration(adds).orchestration(works).activity(double).start().await.unwrap()
}

/// Gathers this many jobs under these names while the instance is suspended.
async fn gather(instance: &InstanceHandle<u64>, names: &[&str], jobs: usize) {
    guard(instance.suspend("gather")).await.unwrap();
    let job = |number: usize| {
        let key = format!("job {number}");
        instance.raise_event(names[number % names.len()], 1).key(&key).into_future()
    };
    guard(join_all((0..jobs).map(job))).await.into_iter().for_each(Result::unwrap);
}

/// What is written from the resumption to the end: turns and bytes.
async fn written_for(works_too: bool, jobs: usize) -> (usize, usize) {
    let faulty = Faulty::new(store().0);
    let host = host(faulty.clone()).await;
    let (instance, names): (_, &[&str]) = match works_too {
        true => (guard(host.start_new(works, 0).id("i")).await.unwrap(), &["Job", "Other"]),
        false => (guard(host.start_new(adds, 0).id("i")).await.unwrap(), &["Job"]),
    };
    gather(&instance, names, jobs).await;
    guard(instance.raise_event(names[names.len() - 1], 0)).await.unwrap();
    let before = faulty.written();
    guard(instance.resume()).await.unwrap();
    let sum = guard(instance.result()).await.unwrap();
    assert_eq!(sum, jobs as u64 * if works_too { 2 } else { 1 });
    let after = faulty.written();
    guard(host.shutdown()).await.unwrap();
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_times_as_many_jobs_are_about_four_times_the_turns_and_bytes() {
    for works_too in [false, true] {
        let few = written_for(works_too, 500).await;
        let many = written_for(works_too, 2_000).await;
        assert!(many.0 < 5 * few.0, "{few:?}, {many:?} turns and bytes, working: {works_too}");
        assert!(many.1 < 5 * few.1, "{few:?}, {many:?} turns and bytes, working: {works_too}");
    }
}

/// Between any two appends, of those that a renewal takes part in and of those that make a copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_worked_off_once_wherever_the_host_dies() {
    const JOBS: usize = 100;
    for append in (0..).step_by(7) {
        let (memory, _) = store();
        let faulty = Faulty::new(memory.clone());
        let first = host(faulty.clone()).await;
        let instance = guard(first.start_new(works, 0).id("i")).await.unwrap();
        gather(&instance, &["Job", "Other"], JOBS).await;
        guard(instance.raise_event("Job", 0)).await.unwrap();
        faulty.stop_at(faulty.appended() + append);
        let worked_off = async {
            instance.resume().await.unwrap();
            instance.result().await.unwrap()
        };
        let died = guard(async {
            tokio::select! {
                biased;
                () = faulty.stopped() => true,
                sum = worked_off => sum != 2 * JOBS as u64,
            }
        })
        .await;
        guard(first.abort()).await;

        let second = host(memory).await;
        let instance = second.instance::<u64>(&id("i"));
        // Those that came before are known, in whatever log their keys are by now.
        for number in [JOBS - 1, JOBS - 2] {
            let again = instance.raise_event("Job", 1).key(&format!("job {number}"));
            assert!(is_taken_or_late(guard(again).await));
        }
        assert!(is_taken_or_late(guard(instance.resume()).await));
        assert_eq!(guard(instance.result()).await.unwrap(), 2 * JOBS as u64, "at {append}");
        let status = guard(instance.status()).await.unwrap();
        assert!(status.execution > ExecutionId(1), "copies were made as well");
        guard(second.shutdown()).await.unwrap();
        if !died {
            assert!(append > JOBS, "there are several appends for each: {append}");
            break;
        }
    }
}

/// Whether that came in time, or when everything was done.
fn is_taken_or_late(answer: reenact::Result<()>) -> bool {
    matches!(answer, Ok(()) | Err(Error::Finished { .. }))
}
