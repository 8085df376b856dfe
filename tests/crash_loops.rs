//! Code that takes its process down, again and again: the host comes back, the code is found, and the
//! others go on.
//!
//! The process that dies is this program itself, started again as a worker.
#![cfg(all(unix, feature = "local"))]
#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use reenact::prelude::*;
use reenact::{ActivityErrorKind, InstanceState};

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
fn work(store: &Path) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let host = Host::builder()
            .provider(Local::open(store).unwrap())
            .orchestration(handles)
            .orchestration(innocent)
            .activity(abort)
            .activity(nap)
            .start()
            .await
            .unwrap();
        let names = ["killer", "one", "two", "three"];
        if std::env::var_os(START).is_some() {
            for name in &names[1..] {
                host.start_new(innocent, ()).id(*name).await.unwrap();
            }
            host.start_new(handles, ()).id("killer").await.unwrap();
        }
        for name in names {
            let said = host.instance::<String>(name).result().await.unwrap();
            let expected = if name == "killer" { "handled" } else { "slept 7" };
            assert_eq!(said, expected, "{name}");
            assert_eq!(host.get_status(name).await.unwrap().state, InstanceState::Completed);
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

#[test]
fn an_activity_that_aborts_the_process_is_found_and_its_neighbours_complete() {
    if let Some(store) = order() {
        return work(&store);
    }
    let test = "an_activity_that_aborts_the_process_is_found_and_its_neighbours_complete";
    let died = deaths(test, "crash_loops_activity");
    assert!((2..=7).contains(&died), "{died} processes died");
}
