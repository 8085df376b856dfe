//! Instances that nobody asks for, on one host in a world with all faults, among them that nothing can be read for longer than a
//! host tries it. They come to rest by themselves.

use std::time::Duration;

use reenact::prelude::*;
use reenact::testing::simulation::{Dice, Plan, World, simulate};
use reenact::{Client, ErrorKind, HostBuilder, InstanceFilter, InstanceState, NamedActivity};
use reenact::{PageRequest, RetryPolicy};
use tokio::time::{Instant, sleep, timeout};

/// How long the faults last, in virtual time.
const FAULTS_LAST: Duration = Duration::from_secs(20);

/// How long everything may take to come to rest without faults, in virtual time.
const REST: Duration = Duration::from_secs(300);

/// How long a client waits for the answer to one call, in virtual time.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many there are.
const INSTANCES: usize = 4;

/// How often each waits, and calls an activity.
const ROUNDS: u64 = 8;

pub(super) fn run(seed: u64) -> Result<(), String> {
    simulate(&Plan { hosts: 1, ..Plan::new(seed) }, host, play).result
}

fn host(_: &Dice) -> HostBuilder {
    Host::builder()
        .orchestration(alone)
        .register_activity("work", async |_ctx: ActivityContext, it: u64| Ok(it))
}

#[orchestration]
async fn alone(ctx: OrchestrationContext, pause: u64) -> Result<u64, OrchestrationError> {
    let retry = ActivityOptions::new().retry(RetryPolicy::new(1_000));
    let mut done = 0;
    for round in 0..ROUNDS {
        ctx.timer(Duration::from_millis(pause)).await;
        let work = NamedActivity::new("work").with(retry);
        done += ctx.call_activity_by_name::<_, u64>(work, &round).await?;
    }
    Ok(done)
}

async fn play(world: World) -> Result<(), String> {
    let starts: Vec<_> =
        (0..INSTANCES).map(|number| tokio::spawn(start(world.clone(), number))).collect();
    sleep(FAULTS_LAST).await;
    world.heal().await;
    for start in starts {
        let started = timeout(REST, start).await.map_err(|_| "a start is not answered")?;
        started.map_err(|panic| format!("a client has panicked: {panic}"))??;
    }
    until_all_have_ended(&world).await
}

async fn start(world: World, number: usize) -> Result<(), String> {
    let id = format!("alone-{number}");
    let pause = 500 + world.dice().below("pause", 2_500);
    loop {
        let start = world.client().start_new(alone, pause).id(id.as_str());
        match timeout(PATIENCE, start.into_future()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
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

/// Looks at the store only: what asks a host for an instance would bring it into memory.
async fn until_all_have_ended(world: &World) -> Result<(), String> {
    let client = Client::read_only(world.store());
    let healed = Instant::now();
    loop {
        let all = client.list(&InstanceFilter::new(), &PageRequest::new()).await;
        let all = all.map_err(|error| error.to_string())?.instances;
        let ended = all.iter().filter(|it| it.state == InstanceState::Completed).count();
        if ended == INSTANCES {
            return Ok(());
        }
        if healed.elapsed() > REST {
            let all: Vec<_> = all.iter().map(|it| (it.instance.as_str(), it.state)).collect();
            return Err(format!("nobody goes on with these: {all:?}"));
        }
        sleep(Duration::from_secs(5)).await;
    }
}
