//! Code that does not give its thread back is found, and named.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::kit::{guard, id, options, store};
use reenact::prelude::*;
use reenact::{HostBuilder, Stalled};

/// Ends the loops.
#[derive(Clone, Default)]
struct Enough(Arc<AtomicBool>);

impl Enough {
    fn say(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Ends the loops also where the test fails: a runtime waits for them.
    fn at_the_end(&self) -> SaidAtTheEnd {
        SaidAtTheEnd(self.clone())
    }

    fn spin(&self) {
        while !self.0.load(Ordering::Acquire) {
            thread::yield_now();
        }
    }
}

struct SaidAtTheEnd(Enough);

impl Drop for SaidAtTheEnd {
    fn drop(&mut self) {
        self.0.say();
    }
}

/// A host on which "spins" and the activity "blocks" hold their threads until it is enough.
fn host(enough: &Enough) -> HostBuilder {
    let (in_orchestration, in_activity) = (enough.clone(), enough.clone());
    Host::builder()
        .provider(store().0.with_shards(1))
        .options(options().stalls_after(Duration::from_millis(20)))
        .register_orchestration("spins", move |ctx: OrchestrationContext, ()| {
            let enough = in_orchestration.clone();
            async move {
                ctx.wait_external::<()>("Go").await?;
                enough.spin();
                Ok(7)
            }
        })
        .register_orchestration("calls", |ctx: OrchestrationContext, ()| async move {
            Ok(ctx.call_activity_by_name::<_, u64>("blocks", &()).await?)
        })
        .register_activity("blocks", move |_, (): ()| {
            let enough = in_activity.clone();
            async move {
                enough.spin();
                Ok(7)
            }
        })
}

async fn until_stalled(host: &Host, instance: &str) -> Stalled {
    guard(async {
        loop {
            if let Some(stalled) = host.get_status(instance).await.unwrap().stalled {
                return stalled;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

async fn until_no_stall(host: &Host) {
    guard(async {
        while !host.stalled().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_in_an_orchestration_is_named_in_its_status_as_long_as_it_lasts() {
    let enough = Enough::default();
    let _at_the_end = enough.at_the_end();
    let host = host(&enough).start().await.unwrap();
    let instance = host.start_new_by_name::<u64>("spins", ()).id("i").await.unwrap();
    assert_eq!(instance.status().await.unwrap().stalled, None);
    let raised = tokio::spawn({
        let instance = instance.clone();
        async move { instance.raise_event("Go", ()).await }
    });
    let stalled = until_stalled(&host, "i").await;
    assert_eq!(
        (stalled.instance, stalled.code.as_str(), stalled.is_activity),
        (id("i"), "spins", false)
    );
    enough.say();
    guard(raised).await.unwrap().unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
    until_no_stall(&host).await;
    assert_eq!(instance.status().await.unwrap().stalled, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_blocks_its_thread_is_named() {
    let enough = Enough::default();
    let _at_the_end = enough.at_the_end();
    let host = host(&enough).start().await.unwrap();
    let instance = host.start_new_by_name::<u64>("calls", ()).id("i").await.unwrap();
    let stalled = until_stalled(&host, "i").await;
    assert_eq!((stalled.code.as_str(), stalled.is_activity), ("blocks", true));
    enough.say();
    assert_eq!(guard(instance.result()).await.unwrap(), 7);
    until_no_stall(&host).await;
}

#[test]
fn it_is_found_when_the_only_thread_of_the_runtime_is_blocked() {
    let (enough, (tell, received)) = (Enough::default(), mpsc::channel());
    let running = thread::spawn({
        let enough = enough.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let host = Arc::new(host(&enough).start().await.unwrap());
                let instance = host.start_new_by_name::<u64>("spins", ()).await.unwrap();
                tell.send(host.clone()).unwrap();
                instance.raise_event("Go", ()).await.unwrap();
                assert_eq!(guard(instance.result()).await.unwrap(), 7);
            });
        }
    });
    let host = received.recv().unwrap();
    let stalled = loop {
        if let Some(stalled) = host.stalled().pop() {
            break stalled;
        }
        assert!(!running.is_finished(), "it ends when the test lets it, and not before");
        thread::yield_now();
    };
    assert_eq!(stalled.code.as_str(), "spins");
    enough.say();
    running.join().unwrap();
}
