//! Hosts whose shards have threads of their own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};

use crate::kit::{guard, options, store};
use reenact::limits::MAX_SHARD_THREADS;
use reenact::prelude::*;
use reenact::{Error, HostBuilder, ShardThreads};

/// The threads that activities have run on.
type Seen = Arc<Mutex<BTreeSet<String>>>;

/// Calls "work" this many times, one after the other.
#[orchestration]
async fn row(ctx: OrchestrationContext, steps: u64) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    for step in 0..steps {
        sum += ctx.call_activity_by_name::<_, u64>("work", &step).await?;
    }
    Ok(sum)
}

fn host(threads: ShardThreads, shards: u32, seen: &Seen) -> HostBuilder {
    let seen = seen.clone();
    Host::builder()
        .provider(store().0.with_shards(shards))
        .options(options().threads(threads))
        .orchestration(row)
        .register_activity("work", move |_: ActivityContext, step: u64| {
            let name = thread::current().name().unwrap_or_default().to_owned();
            seen.lock().unwrap().insert(name);
            async move { Ok(step) }
        })
}

async fn run_many(host: &Host) {
    let mut started = Vec::new();
    for _ in 0..64 {
        started.push(guard(host.start_new(row, 5)).await.unwrap());
    }
    for instance in started {
        assert_eq!(guard(instance.result()).await.unwrap(), 10);
    }
}

#[tokio::test]
async fn the_activities_of_a_shard_run_on_its_thread() {
    let seen = Seen::default();
    let host = host(ShardThreads::Exactly(3), 8, &seen).start().await.unwrap();
    run_many(&host).await;
    let names: Vec<_> = seen.lock().unwrap().iter().cloned().collect();
    assert_eq!(names, ["reenact-shards-0", "reenact-shards-1", "reenact-shards-2"]);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_no_more_threads_than_shards() {
    let seen = Seen::default();
    let host = host(ShardThreads::Exactly(16), 2, &seen).start().await.unwrap();
    run_many(&host).await;
    assert_eq!(seen.lock().unwrap().len(), 2);
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn no_threads_and_too_many_are_refused_before_anything_starts() {
    for threads in [0, MAX_SHARD_THREADS + 1] {
        let refused = host(ShardThreads::Exactly(threads), 2, &Seen::default()).start().await;
        let refused = refused.map(drop).unwrap_err();
        assert!(matches!(refused, Error::InvalidThreads { threads: n } if n == threads));
        assert!(refused.to_string().contains("ask for 1 to 1024"), "{refused}");
    }
}

#[test]
fn a_host_goes_on_while_the_runtime_that_it_was_started_on_stands_still() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (tell, received) = mpsc::channel::<ThreadId>();
    let host = runtime.block_on(async {
        let host = Host::builder().provider(store().0.with_shards(1));
        let host = host.options(options().threads(ShardThreads::PerCore));
        let host = host.orchestration(row).register_activity("work", move |_, step: u64| {
            tell.send(thread::current().id()).unwrap();
            async move { Ok(step) }
        });
        let host = host.start().await.unwrap();
        host.start_new(row, 3).id("i").await.unwrap();
        host
    });
    // Nobody drives the runtime now.
    for _ in 0..3 {
        assert_ne!(received.recv().unwrap(), thread::current().id());
    }
    runtime.block_on(async {
        assert_eq!(guard(host.instance::<u64>("i").result()).await.unwrap(), 3);
        guard(host.shutdown()).await.unwrap();
    });
}

#[test]
fn a_host_on_threads_of_its_own_can_be_dropped_anywhere() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = || host(ShardThreads::PerCore, 2, &Seen::default()).start();
    let outside = runtime.block_on(start()).unwrap();
    runtime.block_on(async { drop(start().await.unwrap()) });
    drop(outside);
    let later = runtime.block_on(start()).unwrap();
    drop(runtime);
    drop(later);
}
