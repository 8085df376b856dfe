//! Hosts that have nothing to do hold nothing.

use std::time::Duration;

use reenact::metrics::HostMetrics;
use reenact::providers::Provider;
use reenact::testing::simulation::World;
use tokio::time::sleep;

use super::QUEUES_REST;

/// The time between two looks at the hosts.
const LOOK: Duration = Duration::from_secs(5);

/// Waits until no host runs, awaits or keeps anything, and each shard has one host.
pub(super) async fn until_hosts_hold_nothing(world: &World) -> Result<(), String> {
    let mut waited = Duration::ZERO;
    loop {
        let hosts = world.metrics();
        let Some(held) = held(&hosts, world.store().shards()) else { return Ok(()) };
        if waited > QUEUES_REST {
            return Err(format!("nothing is open, and yet: {held}"));
        }
        sleep(LOOK).await;
        waited += LOOK;
    }
}

/// What hosts hold, if they hold anything.
fn held(hosts: &[HostMetrics], shards: u32) -> Option<String> {
    let all = |count: fn(&HostMetrics) -> u64| hosts.iter().map(count).sum::<u64>();
    let counts = [
        ("attempts run", all(|host| host.activities.values().map(|it| it.running).sum())),
        ("attempts wait", all(|host| host.activities.values().map(|it| it.waiting).sum())),
        ("instances are in memory", all(|host| host.instances.in_memory)),
        ("bytes of instances are in memory", all(|host| host.instances.in_memory_bytes)),
        ("instances are parked", all(|host| host.instances.parked_now.values().sum())),
        ("timers are armed", all(|host| host.timers.armed)),
        ("messages wait to be let in", all(|host| host.admission.messages_waiting)),
        ("instances wait to be let in", all(|host| host.admission.instances_waiting)),
        ("threads are stalled", all(|host| host.stalled)),
    ];
    if let Some((what, count)) = counts.into_iter().find(|(_, count)| *count > 0) {
        return Some(format!("{count} {what}"));
    }
    let held = all(|host| host.shards.held);
    (held != u64::from(shards)).then(|| format!("{held} of {shards} shards have a host"))
}
