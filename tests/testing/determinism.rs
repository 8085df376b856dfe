//! The same test does the same each time: in one process, and in another.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use reenact::prelude::*;
use reenact::testing::{self, Double, TestHost};

use crate::{HOUR, MINUTE};

/// Set where the history of a run is to be printed.
const PRINT: &str = "REENACT_TEST_PRINTS_A_RUN";

#[activity]
async fn work(_ctx: ActivityContext, _: (u32, u32)) -> Result<u64, ActivityError> {
    Ok(1)
}

#[activity(blocking)]
fn compute(_ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    std::thread::yield_now();
    Ok(number * 2)
}

/// Draws, waits, fans out, and races.
#[orchestration]
async fn busy(ctx: OrchestrationContext, number: u32) -> Result<String, OrchestrationError> {
    let (drawn, guid) = (ctx.random(), ctx.new_guid());
    let many = (0..5).map(|place| ctx.schedule_activity(work, (number, place)));
    let sum: u64 = futures::future::try_join_all(many).await?.into_iter().sum();
    ctx.timer(MINUTE * (number % 7)).await;
    let child = ChildOptions::new();
    let computed = ctx.call_orchestration(part.with(child), sum).await?;
    let answer = ctx.wait_external::<u32>("go");
    let answer = match ctx.timeout(HOUR, answer).await {
        Ok(answer) => answer?,
        Err(_) => 0,
    };
    Ok(format!("{drawn} {guid} {computed} {answer}"))
}

#[orchestration]
async fn part(ctx: OrchestrationContext, sum: u64) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity(compute, sum).await?)
}

/// Runs many instances through crashes and back into memory, and gives all that is in the store.
fn a_run(seed: u64) -> String {
    testing::run(async {
        let often = |double: Double<(u32, u32), u64>| {
            double
                .takes(Duration::from_millis(250))
                .fail(10, ActivityError::retryable("busy"))
                .takes(Duration::from_millis(750))
                .then(|(number, place)| Ok(u64::from(number + place)))
        };
        let builder = Host::builder().orchestration(busy).orchestration(part);
        let builder = builder.activity(work).activity(compute);
        let host = TestHost::of(builder).seed(seed).passivate_after(MINUTE);
        let mut host = host.double(often(Double::of(work))).start().await.unwrap();
        let mut ids = Vec::new();
        for number in 0..20 {
            ids.push(host.start_new(busy, number).await.unwrap().id().clone());
        }
        host.pass(MINUTE * 3).await;
        let wait = |id| {
            let handle = host.instance::<String>(id);
            tokio::spawn(async move { handle.result().await })
        };
        let waiting: Vec<_> = ids.iter().map(wait).collect();
        host.crash_and_restart().await.unwrap();
        for waiting in waiting {
            let _ = waiting.await;
        }
        for (number, id) in (1_u32..).zip(&ids).filter(|(number, _)| number % 2 == 0) {
            // The first ones have failed.
            let _ = host.raise_event(id, "go", number).await;
        }
        for id in &ids {
            let _ = host.instance::<String>(id).result().await;
        }
        let page = host.list(&Default::default(), &reenact::PageRequest::new().limit(1_000)).await;
        let mut all = String::new();
        for summary in page.unwrap().instances {
            let page = host.history_page(&summary.instance, None, 10_000).await.unwrap();
            writeln!(all, "{summary:?}").unwrap();
            for event in page.events {
                writeln!(all, "{event:?}").unwrap();
            }
        }
        all
    })
}

#[test]
fn the_same_test_gives_the_same_histories_byte_for_byte() {
    let first = a_run(1);
    assert!(first.lines().count() > 500, "{first}");
    for _ in 0..3 {
        assert!(first == a_run(1), "{}", difference(&first, &a_run(1)));
    }
}

#[test]
fn another_seed_draws_other_ids() {
    let ids = |run: &str| {
        let summaries = run.lines().filter(|line| line.starts_with("InstanceSummary"));
        summaries.map(str::to_owned).collect::<Vec<_>>()
    };
    let (one, two) = (a_run(1), a_run(2));
    assert_ne!(ids(&one), ids(&two));
}

#[test]
fn another_process_gives_the_same_histories() {
    let here = a_run(7);
    if std::env::var_os(PRINT).is_some() {
        println!("{here}");
        return;
    }
    let test = "determinism::another_process_gives_the_same_histories";
    let there = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PRINT, "1")
        .output()
        .unwrap();
    assert!(there.status.success());
    let there = String::from_utf8(there.stdout).unwrap();
    let histories = |text: &str| {
        let lines = text.lines().filter(|line| line.contains(" { "));
        lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    assert!(histories(&there).len() > 10_000, "{there}");
    assert!(histories(&here) == histories(&there), "{}", difference(&here, &there));
}

/// The first lines that are different.
fn difference(one: &str, two: &str) -> String {
    let different = one.lines().zip(two.lines()).enumerate().find(|(_, (one, two))| one != two);
    let counts: BTreeMap<_, _> =
        [("one", one.lines().count()), ("two", two.lines().count())].into();
    format!("{different:#?} {counts:?}")
}
