//! Hosts on the local provider: what ends with one is taken up by the next, in the same process and
//! in others.
#![cfg(feature = "local")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::kit::{HOUR, guard, pass_time_until, until};
use reenact::prelude::*;
use reenact::testing::ManualClock;
use reenact::{Error, InstanceFilter, InstanceState, OpenError};

/// A directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("hosts-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The store, in which everything goes to the archive almost at once.
    fn open(&self, clock: &ManualClock) -> Local {
        let mut options = LocalOptions::new().clock(clock.clone());
        options = options.flush_bytes(2_000);
        options.open(self.0.join("store")).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[activity]
async fn double(_ctx: ActivityContext, n: u64) -> Result<u64, ActivityError> {
    Ok(2 * n)
}

/// A step, a day, an event, a step.
#[orchestration]
async fn slow(ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    let n = ctx.call_activity(double, n).await?;
    ctx.timer(HOUR * 24).await;
    let more: u64 = ctx.wait_external("More").await?;
    Ok(ctx.call_activity(double, n + more).await?)
}

/// Cancels another instance, and tells whether it was there.
#[orchestration]
async fn recalls(ctx: OrchestrationContext, to: String) -> Result<bool, OrchestrationError> {
    Ok(ctx.cancel_instance(to, "recalled").await.is_ok())
}

async fn host(store: Local) -> Host {
    let host = Host::builder().provider(store).orchestration(slow).activity(double);
    let host = host.orchestration(recalls);
    host.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_can_be_opened_again_as_soon_as_its_host_has_ended() {
    let (scratch, clock) = (Scratch::new(), ManualClock::default());
    for round in 0..12 {
        let host = host(scratch.open(&clock)).await;
        for n in 0..20 {
            guard(host.start_new(slow, n)).await.unwrap();
        }
        match round % 3 {
            0 => guard(host.shutdown()).await.unwrap(),
            _ => guard(host.abort()).await,
        }
    }
    let host = host(scratch.open(&clock)).await;
    let counted = guard(host.count(&InstanceFilter::new())).await.unwrap();
    assert_eq!(counted, 12 * 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_goes_on_in_the_next_host_and_the_one_after_that() {
    let (scratch, clock) = (Scratch::new(), ManualClock::default());
    let ids: Vec<String> = (0..30).map(|n| format!("slow-{n}")).collect();
    let first = host(scratch.open(&clock)).await;
    for (n, id) in (0..).zip(&ids) {
        guard(first.start_new(slow, n).id(id)).await.unwrap();
    }
    for id in &ids {
        let id = InstanceId::new(id).unwrap();
        guard(first.raise_event(&id, "More", 1_u64)).await.unwrap();
    }
    guard(first.abort()).await;

    // Its timers become due while nobody is there.
    clock.advance(HOUR * 23);
    let second = host(scratch.open(&clock)).await;
    guard(second.abort()).await;
    clock.advance(HOUR * 2);
    let third = host(scratch.open(&clock)).await;
    for (n, id) in (0..).zip(&ids) {
        let instance = third.instance::<u64>(&InstanceId::new(id).unwrap());
        let result = pass_time_until(&clock, HOUR, instance.result()).await.unwrap();
        assert_eq!(result, 2 * (2 * n + 1));
    }
    let states = vec![InstanceState::Completed];
    let completed = InstanceFilter::new().states(states);
    assert_eq!(guard(third.count(&completed)).await.unwrap(), 30);
    guard(third.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_waits_leaves_memory_and_comes_back_from_the_archive() {
    let (scratch, clock) = (Scratch::new(), ManualClock::default());
    let host = host(scratch.open(&clock)).await;
    for n in 0..40 {
        guard(host.start_new(slow, n).id(format!("slow-{n}"))).await.unwrap();
    }
    let idle = Duration::from_secs(30);
    pass_time_until(&clock, idle, until(|| host.in_memory() == 0)).await;
    for n in 0..40 {
        let instance = host.instance::<u64>(&InstanceId::new(format!("slow-{n}")).unwrap());
        guard(instance.raise_event("More", 1_u64)).await.unwrap();
        let result = pass_time_until(&clock, HOUR, instance.result()).await.unwrap();
        assert_eq!(result, 2 * (2 * n + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_from_code_arrives_although_hosts_end_in_between() {
    let (scratch, clock) = (Scratch::new(), ManualClock::default());
    for n in 0..12 {
        let (to, from) = (format!("slow-{n}"), format!("recalls-{n}"));
        let first = host(scratch.open(&clock)).await;
        guard(first.start_new(slow, n).id(&to)).await.unwrap();
        guard(first.start_new(recalls, to.clone()).id(&from)).await.unwrap();
        // Wherever the command is by now.
        match n % 2 {
            0 => guard(first.shutdown()).await.unwrap(),
            _ => guard(first.abort()).await,
        }
        let second = host(scratch.open(&clock)).await;
        let recall = second.instance::<bool>(&InstanceId::new(from).unwrap());
        assert!(guard(recall.result()).await.unwrap(), "{to}");
        let waiting = second.instance::<u64>(&InstanceId::new(to).unwrap());
        let ended = guard(waiting.result()).await.unwrap_err();
        assert!(matches!(ended, Error::Cancelled { .. }), "{ended}");
        guard(second.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn a_store_that_is_in_use_is_an_error_of_a_program_that_says_who_has_it() {
    let (scratch, clock) = (Scratch::new(), ManualClock::default());
    let _held = scratch.open(&clock);
    let opened: reenact::Result<Local> = (|| Ok(Local::open(scratch.0.join("store"))?))();
    let Err(Error::Open { source }) = opened else { panic!("{opened:?}") };
    assert!(matches!(&*source, OpenError::InUse { .. }), "{source}");
    let process = format!("process {}", std::process::id());
    assert!(source.to_string().contains(&process), "{source}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_is_found_in_the_archive_whatever_came_after_it() {
    let (scratch, clock) = (Scratch::new(), ManualClock::default());
    let host_on = async |store: Local| {
        let host = Host::builder().provider(store).register_orchestration(
            "shows",
            |ctx: OrchestrationContext, ()| async move {
                ctx.set_status("since the beginning");
                let mut words = ctx.events::<String>("Word");
                while words.next().await? != "Stop" {}
                Ok(())
            },
        );
        host.start().await.unwrap()
    };
    let host = host_on(scratch.open(&clock)).await;
    let instance = guard(host.start_new_by_name::<()>("shows", ()).id("i")).await.unwrap();
    for _ in 0..200 {
        guard(instance.raise_event("Word", "some more words")).await.unwrap();
    }
    guard(host.shutdown()).await.unwrap();
    drop(instance);

    let host = host_on(scratch.open(&clock)).await;
    let instance = host.instance::<()>(&crate::kit::id("i"));
    for word in ["more", "Stop"] {
        let status = guard(instance.status()).await.unwrap();
        assert_eq!(status.custom_status_as::<String>().unwrap(), "since the beginning");
        guard(instance.raise_event("Word", word)).await.unwrap();
    }
    guard(instance.result()).await.unwrap();
    let status = guard(instance.status()).await.unwrap();
    assert_eq!(status.custom_status_as::<String>().unwrap(), "since the beginning");
    guard(host.shutdown()).await.unwrap();
}
