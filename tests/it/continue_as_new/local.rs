//! The same on a directory: many executions, and a host that is killed between them.

use std::path::{Path, PathBuf};

use reenact::limits;
use reenact::testing::ManualClock;

use super::*;

/// A directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("continue-as-new-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The store, in which everything goes to the archive almost at once.
    fn open(&self) -> Local {
        let mut options = LocalOptions::new().clock(ManualClock::default()).shards(1);
        options = options.flush_bytes(20_000);
        options = options.segment_bytes(64 * 1024, 64 * 1024);
        options.open(self.0.join("store")).unwrap()
    }

    fn bytes(&self) -> u64 {
        fn of(path: &Path) -> u64 {
            let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
            let sizes = entries.map(|entry| match entry.metadata() {
                Ok(found) if found.is_dir() => of(&entry.path()),
                Ok(found) => found.len(),
                // A segment that was removed meanwhile.
                Err(_) => 0,
            });
            sizes.sum()
        }
        of(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_executions_leave_one_history_on_the_disk() {
    let scratch = Scratch::new("eternal");
    let host = host(scratch.open()).start().await.unwrap();
    let (left, ballast) = (1_000, "x".repeat(10_000));
    let instance = guard(host.start_new(carrier, (left, ballast))).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 1_001);
    guard(host.shutdown()).await.unwrap();
    drop(instance);
    let bytes = scratch.bytes();
    assert!(bytes < 1_000_000, "of 20 MB that were written there are {bytes} bytes");
}

/// As many as a test has time for: each is synced. `benches/eternal.rs` does a hundred thousand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_executions_leave_no_trace_on_the_disk() {
    let scratch = Scratch::new("bare-eternal");
    let host = host(scratch.open()).start().await.unwrap();
    let instance = guard(host.start_new(countdown, 2_000)).await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap(), 2_001);
    guard(host.shutdown()).await.unwrap();
    drop(instance);
    let bytes = scratch.bytes();
    assert!(bytes < 300_000, "of all that was written there are {bytes} bytes");
}

/// More turns than there are in an append otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_events_as_can_wait_come_along() {
    const MANY: usize = limits::MAX_BUFFERED_EVENTS - 1;
    let scratch = Scratch::new("wide");
    let hoarder = async |ctx: OrchestrationContext, execution: u32| {
        ctx.wait_external::<()>("Next").await?;
        if execution < 3 {
            return ctx.continue_as_new_untyped(&(execution + 1));
        }
        let mut taken = Vec::new();
        while taken.len() < MANY {
            taken.push(ctx.wait_external::<usize>("N").await?);
        }
        Ok(taken)
    };
    let options = options().max_messages(100_000);
    let builder = Host::builder().provider(scratch.open()).options(options);
    let host = builder.register_orchestration("hoarder", hoarder).start().await.unwrap();
    let start = host.start_new_by_name::<Vec<usize>>("hoarder", 1).id("i");
    let instance = guard(start).await.unwrap();
    let raised = (0..MANY).map(|n| instance.raise_event("N", n).into_future());
    for raised in guard(futures::future::join_all(raised)).await {
        raised.unwrap();
    }
    for _ in 0..3 {
        guard(instance.raise_event("Next", ())).await.unwrap();
    }
    let taken = guard(instance.result()).await.unwrap();
    assert_eq!(taken, (0..MANY).collect::<Vec<_>>());
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_goes_on_where_the_process_before_left_it() {
    let scratch = Scratch::new("reopened");
    for number in 0..12 {
        let host = host(scratch.open()).start().await.unwrap();
        let instance = match number {
            0 => start_accountant(&host).await,
            _ => host.instance(&id("i")),
        };
        let raise = || instance.raise_event("Note", number).key(&format!("{number}"));
        guard(raise()).await.unwrap();
        guard(raise()).await.unwrap();
        if number % 2 == 0 {
            guard(host.abort()).await;
        } else {
            guard(host.shutdown()).await.unwrap();
        }
    }
    let host = host(scratch.open()).start().await.unwrap();
    assert_books(&host.instance(&id("i")), 12).await;
    guard(host.shutdown()).await.unwrap();
}
