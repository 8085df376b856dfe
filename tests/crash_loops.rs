//! Code that takes its process down, again and again: the host comes back, the code is found, and the
//! others go on.
//!
//! The process that dies is this program itself, started again as a worker.
#![cfg(all(unix, feature = "local"))]
#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use reenact::prelude::*;
use reenact::{ActivityErrorKind, Error, ParkReason};

/// Where the worker's store is.
const STORE: &str = "REENACT_TEST_CRASH_LOOPS_STORE";

/// What the worker is to start first.
const START: &str = "REENACT_TEST_CRASH_LOOPS_START";

/// More starts than it may take.
const MANY: usize = 12;

#[activity]
async fn abort(_ctx: ActivityContext) -> Result<(), ActivityError> {
    std::process::abort()
}

#[activity]
async fn nap(_ctx: ActivityContext) -> Result<u64, ActivityError> {
    tokio::time::sleep(Duration::from_millis(30)).await;
    Ok(7)
}

/// Handles that an activity takes its hosts down.
#[orchestration]
async fn handles(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    match ctx.call_activity(abort, ()).await {
        Err(error) if error.kind() == ActivityErrorKind::HostDied => Ok("handled".into()),
        other => Ok(format!("{other:?}")),
    }
}

fn die() -> ! {
    std::process::abort()
}

/// Takes its host down in its own code, behind an activity.
#[orchestration]
async fn falls(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let slept = ctx.call_activity(nap, ()).await?;
    if slept == 7 {
        die();
    }
    Ok("never".into())
}

/// Takes its host down when its timer is due.
#[orchestration]
async fn falls_later(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let _ = ctx.timer(Duration::from_millis(20)).await;
    die()
}

/// Does nothing wrong, beside the others.
#[orchestration]
async fn innocent(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let slept = ctx.call_activity(nap, ()).await?;
    Ok(format!("slept {slept}"))
}

/// The store that the process is to work on, if it is a worker.
fn order() -> Option<PathBuf> {
    std::env::var_os(STORE).map(PathBuf::from)
}

/// Runs a host until all instances have ended or are parked.
fn work(store: &Path, killer: &str) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let host = Host::builder()
            .provider(Local::open(store).unwrap())
            .orchestration(handles)
            .orchestration(falls)
            .orchestration(falls_later)
            .orchestration(innocent)
            .activity(abort)
            .activity(nap)
            .start()
            .await
            .unwrap();
        let innocents = ["one", "two", "three"];
        if std::env::var_os(START).is_some() {
            for name in innocents {
                host.start_new(innocent, ()).id(name).await.unwrap();
            }
            host.start_new_by_name::<String>(killer, ()).id("killer").await.unwrap();
        }
        let end = host.instance::<String>("killer").result().await;
        match (killer, end) {
            ("handles", Ok(said)) => assert_eq!(said, "handled"),
            (_, Err(Error::Parked { reason: ParkReason::HostDied { times }, .. })) => {
                assert_eq!(times, 5);
                // The way out.
                host.terminate("killer", "it kills").await.unwrap();
            }
            (_, other) => panic!("{other:?}"),
        }
        for name in innocents {
            assert_eq!(host.instance::<String>(name).result().await.unwrap(), "slept 7", "{name}");
        }
        host.shutdown().await.unwrap();
    });
}

fn run_worker(test: &str, store: &Path, start: bool) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(STORE, store);
    if start {
        command.env(START, "yes");
    }
    command.stderr(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    command.status().unwrap()
}

/// Starts workers until one ends by itself; how many have died.
fn deaths(test: &str, store: &str) -> usize {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(store);
    let _ = std::fs::remove_dir_all(&path);
    let died = (0..MANY).take_while(|run| !run_worker(test, &path, *run == 0).success()).count();
    let _ = std::fs::remove_dir_all(&path);
    died
}

fn check(test: &str, killer: &str) {
    if let Some(store) = order() {
        return work(&store, killer);
    }
    let died = deaths(test, &format!("crash_loops_{killer}"));
    assert!((2..=7).contains(&died), "{died} processes died");
}

#[test]
fn an_activity_that_aborts_is_found_and_its_neighbours_complete() {
    check("an_activity_that_aborts_is_found_and_its_neighbours_complete", "handles");
}

#[test]
fn an_orchestration_that_aborts_behind_an_activity_is_parked_and_its_neighbours_complete() {
    let test =
        "an_orchestration_that_aborts_behind_an_activity_is_parked_and_its_neighbours_complete";
    check(test, "falls");
}

#[test]
fn an_orchestration_that_aborts_behind_a_timer_is_parked_and_its_neighbours_complete() {
    let test = "an_orchestration_that_aborts_behind_a_timer_is_parked_and_its_neighbours_complete";
    check(test, "falls_later");
}
