//! A message that cannot be read, in a world with all faults: it ends in quarantine, and is not delivered for ever.

use std::time::Duration;

use reenact::Host;
use reenact::core::{InstanceId, ShardId};
use reenact::providers::{Message, Provider};
use reenact::testing::simulation::{Plan, World, simulate};
use tokio::time::{Instant, sleep};

/// How long the faults last, in virtual time.
const FAULTS_LAST: Duration = Duration::from_secs(20);

/// How long it may take without faults, in virtual time.
const REST: Duration = Duration::from_secs(300);

pub(super) fn run(seed: u64) -> Result<(), String> {
    simulate(&Plan::new(seed), |_| Host::builder(), play).result
}

async fn play(world: World) -> Result<(), String> {
    let sharing = world.store().sharing().ok_or("the store is not shared")?;
    let to = InstanceId::new("anyone").map_err(|error| error.to_string())?;
    let shard = ShardId::of(&to, world.store().shards());
    let message = Message { key: "poison".to_owned(), to, bytes: b"no command".as_slice().into() };
    sleep(Duration::from_millis(world.dice().below("poison at", 10_000))).await;
    sharing.router().send(shard, message).await.map_err(|error| error.to_string())?;
    sleep(FAULTS_LAST).await;
    world.heal().await;
    let healed = Instant::now();
    while healed.elapsed() < REST {
        let found = sharing.quarantined(None, 1).await.map_err(|error| error.to_string())?;
        if !found.is_empty() {
            return Ok(());
        }
        sleep(Duration::from_secs(1)).await;
    }
    Err("a message that cannot be read is not in quarantine".to_owned())
}
