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

/// The code that kills is not mended yet, and its instance is left as it is.
const LEAVE: &str = "REENACT_TEST_CRASH_LOOPS_LEAVE";

/// The code that kills is mended.
const MENDED: &str = "REENACT_TEST_CRASH_LOOPS_MENDED";

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

fn is_mended() -> bool {
    std::env::var_os(MENDED).is_some()
}

fn die() -> ! {
    std::process::abort()
}

/// Takes its host down in its own code, after an activity.
#[orchestration]
async fn falls(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let slept = ctx.call_activity(nap, ()).await?;
    if slept == 7 && !is_mended() {
        die();
    }
    Ok("mended".into())
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
        if is_mended() {
            // Also when it has not looked at it.
            host.resume("killer").await.unwrap();
        }
        let end = host.instance::<String>("killer").result().await;
        match (killer, end) {
            ("falls", Ok(said)) => assert_eq!(said, "mended"),
            ("falls", Err(Error::Parked { .. })) if std::env::var_os(LEAVE).is_some() => {
                // It is kept, and its code does not run.
                host.raise_event("killer", "Whatever", 1).await.unwrap();
                let parked = host.get_status("killer").await.unwrap().parked;
                assert_eq!(parked, Some(ParkReason::HostDied { times: 5 }));
            }
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

fn run_worker(test: &str, store: &Path, says: &[&str]) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(STORE, store);
    command.envs(says.iter().map(|said| (said, "yes")));
    command.stderr(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    command.status().unwrap()
}

/// Starts workers until one ends by itself; how many have died.
fn deaths(test: &str, store: &str) -> usize {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(store);
    let _ = std::fs::remove_dir_all(&path);
    let died = deaths_on(test, &path, &[]);
    let _ = std::fs::remove_dir_all(&path);
    died
}

fn deaths_on(test: &str, store: &Path, says: &[&str]) -> usize {
    let with_start = [says, &[START]].concat();
    let says = |run| if run == 0 { &with_start[..] } else { says };
    (0..MANY).take_while(|run| !run_worker(test, store, says(*run)).success()).count()
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
fn an_orchestration_that_aborts_after_an_activity_is_parked_and_its_neighbours_complete() {
    let test =
        "an_orchestration_that_aborts_after_an_activity_is_parked_and_its_neighbours_complete";
    check(test, "falls");
}

#[test]
fn an_orchestration_that_aborts_after_a_timer_is_parked_and_its_neighbours_complete() {
    let test = "an_orchestration_that_aborts_after_a_timer_is_parked_and_its_neighbours_complete";
    check(test, "falls_later");
}

#[test]
fn an_orchestration_that_aborts_stays_parked_at_each_restart_and_completes_once_it_is_mended() {
    let test =
        "an_orchestration_that_aborts_stays_parked_at_each_restart_and_completes_once_it_is_mended";
    if let Some(store) = order() {
        return work(&store, "falls");
    }
    let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash_loops_restarts");
    let _ = std::fs::remove_dir_all(&store);
    let died = deaths_on(test, &store, &[LEAVE]);
    assert!((2..=7).contains(&died), "{died} processes died");
    for _ in 0..2 {
        assert!(run_worker(test, &store, &[LEAVE]).success(), "its code has run");
    }
    assert!(run_worker(test, &store, &[MENDED]).success(), "it goes on");
    let _ = std::fs::remove_dir_all(&store);
}
