//! What code computes, and in which order things come to it, in a world with all faults.

use std::time::Duration;

use futures_util::future::join_all;
use reenact::prelude::*;
use reenact::testing::simulation::{Dice, Plan, World, simulate};
use reenact::{ErrorKind, HostBuilder, InstanceHandle, NamedActivity};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

/// How long the faults last, in virtual time.
const FAULTS_LAST: Duration = Duration::from_secs(20);

/// How long everything may take to come to rest without faults, in virtual time.
const REST: Duration = Duration::from_secs(900);

/// How long a client waits for the answer to one call, in virtual time.
const PATIENCE: Duration = Duration::from_secs(120);

/// More than combinators poll in a row.
const WIDE: u64 = 40;

/// A number that takes all digits that a `f64` has.
const NUMBER: f64 = 0.1 + 0.2;

/// A value that is not recorded as it is.
#[derive(Serialize, Deserialize)]
struct Lossy {
    recorded: u64,
    #[serde(skip)]
    forgotten: u64,
}

pub(super) fn run(seed: u64) -> Result<(), String> {
    simulate(&Plan::new(seed), host, play).result
}

fn host(_: &Dice) -> HostBuilder {
    Host::builder()
        .orchestration(values)
        .register_activity("double", async |_ctx: ActivityContext, it: f64| Ok(it * 2.0))
}

fn double() -> NamedActivity<'static> {
    NamedActivity::new("double").with(ActivityOptions::new().retry(RetryPolicy::new(1_000)))
}

/// The number of each part whose outcome is wrong.
#[orchestration]
async fn values(ctx: OrchestrationContext, number: f64) -> Result<Vec<u64>, OrchestrationError> {
    let mut wrong = Vec::new();
    let doubled: f64 = ctx.call_activity_by_name(double(), &number).await?;
    wrong.extend((doubled != NUMBER * 2.0).then_some(1));

    let value = ctx.side_effect(|| Lossy { recorded: 5, forgotten: 7 }).await;
    let sum = (value.recorded + value.forgotten) as f64;
    let doubled: f64 = ctx.call_activity_by_name(double(), &sum).await?;
    wrong.extend((doubled != 10.0).then_some(2));

    // When the code looks, both have fired, and the second one was due first.
    let timers = [2, 1].map(|seconds| ctx.schedule_timer(Duration::from_secs(seconds)));
    ctx.timer(Duration::from_secs(4)).await;
    wrong.extend((ctx.when_any(timers).await.index != 1).then_some(3));

    // A combinator with wakers of its own.
    let calls = (0..WIDE).map(|n| ctx.schedule_activity_by_name(double(), &(n as f64)));
    let all = join_all(calls).await.into_iter().collect::<Result<Vec<f64>, _>>()?;
    wrong.extend((all.iter().sum::<f64>() != (WIDE * (WIDE - 1)) as f64).then_some(4));
    Ok(wrong)
}

async fn play(world: World) -> Result<(), String> {
    let client = tokio::spawn(client(world.clone()));
    sleep(FAULTS_LAST).await;
    world.heal().await;
    match timeout(REST, client).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(format!("the client has panicked: {panic}")),
        Err(_) => Err("it does not come to rest without faults".to_owned()),
    }
}

async fn client(world: World) -> Result<(), String> {
    loop {
        let start = world.client().start_new(values, NUMBER).id("values");
        let result = async {
            match start.await {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let handle: InstanceHandle<Vec<u64>> = world.client().instance("values");
            handle.result().await
        };
        match timeout(PATIENCE, result).await {
            Ok(Ok(wrong)) if wrong.is_empty() => return Ok(()),
            Ok(Ok(wrong)) => return Err(format!("these parts are wrong: {wrong:?}")),
            Ok(Err(error)) if is_final(error.kind()) => return Err(error.to_string()),
            _ => sleep(Duration::from_millis(500)).await,
        }
    }
}

fn is_final(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Busy | ErrorKind::ShuttingDown | ErrorKind::Uncertain | ErrorKind::Store
    )
}
