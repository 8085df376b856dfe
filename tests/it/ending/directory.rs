//! When a host has ended, its directory can be opened again at once.

use std::future::IntoFuture;
use std::time::Duration;

use futures::poll;
use reenact::prelude::*;
use reenact::providers::{Provider, ProviderError};
use reenact::{Error, InstanceFilter};

use super::scene::{Scratch, echo, has_children, host, waits, works};
use crate::kit::{Gate, guard, id, options};

#[derive(Clone, Copy, Debug)]
enum End {
    Shutdown,
    Abort,
    Drop,
    /// A shutdown that is given up after it has begun.
    Cancelled,
}

const ENDS: [End; 4] = [End::Shutdown, End::Abort, End::Drop, End::Cancelled];

async fn end(host: Host, how: End) {
    match how {
        End::Shutdown => guard(host.shutdown()).await.unwrap(),
        End::Abort => guard(host.abort()).await,
        End::Drop => drop(host),
        End::Cancelled => {
            let mut ending = Box::pin(host.shutdown());
            let _ = poll!(&mut ending);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_that_nobody_waits_for_any_more_do_not_hold_it() {
    for how in ENDS {
        // On a disk each takes its time.
        let many_more = if matches!(how, End::Shutdown) { 1_000 } else { 100 };
        for many in [1, many_more] {
            let scratch = Scratch::new();
            let host = host(scratch.open().unwrap(), &Gate::open()).start().await.unwrap();
            let start = |n: u64| {
                let client = host.client().clone();
                tokio::spawn(async move {
                    client.start_new(echo, n).id(format!("i{n}")).await.map(drop)
                })
            };
            let starts: Vec<_> = (0..many).map(start).collect();
            tokio::task::yield_now().await;
            for start in starts {
                start.abort();
                let _ = start.await;
            }
            end(host, how).await;
            assert!(scratch.open().is_ok(), "{how:?} after {many} starts");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_still_hold_does_not_hold_it() {
    for how in ENDS {
        let scratch = Scratch::new();
        let gate = Gate::closed();
        let options = options().shutdown_deadline(Duration::ZERO);
        let host = host(scratch.open().unwrap(), &gate).options(options).start().await.unwrap();
        let instance = host.start_new(waits, ()).id("waits").await.unwrap();
        let working = host.start_new(works, ()).id("works").await.unwrap();
        gate.until_came(1).await;
        let _parents: Vec<_> =
            (0..10).map(|_| host.start_new(has_children, ()).into_future()).collect();
        let (client, everything) = (host.client().clone(), InstanceFilter::new());
        let actor = host.actor(&id("waits")).await.unwrap();
        // Each has begun, and is never polled again.
        let mut result = Box::pin(instance.result());
        let mut status = Box::pin(working.wait_for_status(|_| false));
        let mut histories: Vec<_> =
            (0..100).map(|_| Box::pin(client.history(instance.id()))).collect();
        let mut counts: Vec<_> = (0..100).map(|_| Box::pin(client.count(&everything))).collect();
        let mut parent = Box::pin(host.start_new(has_children, ()).id("p").into_future());
        let mut event = Box::pin(instance.raise_event("Other", ()).into_future());
        let _ = (poll!(&mut result), poll!(&mut status), poll!(&mut parent), poll!(&mut event));
        for history in &mut histories {
            let _ = poll!(history);
        }
        for count in &mut counts {
            let _ = poll!(count);
        }

        end(host, how).await;
        let again = scratch.open().unwrap_or_else(|error| panic!("{how:?}: {error}"));

        for waiting in [guard(result).await.map(drop), guard(status).await.map(drop)] {
            assert!(matches!(waiting, Err(Error::ShuttingDown)), "{how:?}: {waiting:?}");
        }
        let read = guard(instance.status()).await;
        assert!(matches!(read, Err(Error::ShuttingDown)), "{how:?}: {read:?}");
        drop((again, actor, histories, counts, parent, event));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_instances_tell_each_other_does_not_hold_it() {
    for how in ENDS {
        for pause in [0, 30] {
            let scratch = Scratch::new();
            let host = host(scratch.open().unwrap(), &Gate::open()).start().await.unwrap();
            for _ in 0..5 {
                host.start_new(has_children, ()).await.unwrap();
            }
            for _ in 0..pause {
                tokio::task::yield_now().await;
            }
            end(host, how).await;
            assert!(scratch.open().is_ok(), "{how:?} after {pause}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_goes_on_for_ever_does_not_hold_it() {
    let ends = [End::Shutdown, End::Abort, End::Drop];
    // On the thread of its shard, and on one of its own.
    for (how, blocks) in ends.into_iter().flat_map(|how| [(how, false), (how, true)]) {
        let scratch = Scratch::new();
        let blocking = blocks.then_some("work");
        let options = options().blocking_activities(blocking);
        let (open, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = std::sync::Arc::new(std::sync::Mutex::new(blocked));
        let came = Gate::open();
        let coming = came.clone();
        let host = Host::builder()
            .provider(scratch.open().unwrap())
            .options(options.shutdown_deadline(Duration::ZERO))
            .orchestration(works)
            .register_activity("work", move |_: ActivityContext, (): ()| {
                let (coming, blocked) = (coming.clone(), blocked.clone());
                async move {
                    coming.pass().await;
                    let _ = blocked.lock().unwrap().recv();
                    Ok::<_, ActivityError>(7_u64)
                }
            });
        let host = host.start().await.unwrap();
        host.start_new(works, ()).await.unwrap();
        came.until_came(1).await;
        end(host, how).await;
        assert!(scratch.open().is_ok(), "{how:?} {blocks}");
        drop(open);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_that_the_program_keeps_holds_it_and_takes_the_next_host() {
    let scratch = Scratch::new();
    let kept = scratch.open().unwrap();
    for _ in 0..3 {
        let host = host(kept.clone(), &Gate::open()).start().await.unwrap();
        let instance = host.start_new(echo, 3).await.unwrap();
        assert_eq!(guard(instance.result()).await.unwrap(), 3);
        guard(host.shutdown()).await.unwrap();
        assert!(scratch.open().is_err(), "the program has it open");
    }
    drop(kept);
    assert_eq!(scratch.open().unwrap().shards(), 2);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_directory_is_replaced_takes_nothing_more_and_says_so() {
    let scratch = Scratch::new();
    let host = host(scratch.open().unwrap(), &Gate::open()).start().await.unwrap();
    let instance = host.start_new(waits, ()).id("waits").await.unwrap();
    let aside = scratch.store().with_extension("aside");
    std::fs::rename(scratch.store(), &aside).unwrap();
    std::fs::create_dir(scratch.store()).unwrap();

    let refused = guard(instance.raise_event("Go", 1_u64)).await.unwrap_err();
    let Error::Store { source } = &refused else { panic!("{refused}") };
    assert!(matches!(**source, ProviderError::Moved { .. }), "{source}");
    guard(host.shutdown()).await.unwrap();
    assert_eq!(std::fs::read_dir(scratch.store()).unwrap().count(), 0, "it is left alone");

    std::fs::remove_dir(scratch.store()).unwrap();
    std::fs::rename(&aside, scratch.store()).unwrap();
    let next = self::host(scratch.open().unwrap(), &Gate::open()).start().await.unwrap();
    let instance = next.instance::<u64>(&id("waits"));
    guard(instance.raise_event("Go", 2_u64)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 2, "the first was refused");
}
