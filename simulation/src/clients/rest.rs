//! What must hold when everything has come to rest.

use std::time::Duration;

use reenact::core::Listed;
use reenact::testing::simulation::World;
use reenact::{Client, EntityHandle, InstanceFilter, InstanceState, PageRequest};
use serde::de::IgnoredAny;
use tokio::time::sleep;

use super::call::{insist_for, not_answered};
use super::{QUEUES_REST, REST, Run};
use crate::workload::{Entries, LEDGERS, Ledger};

/// The time between two looks at all instances.
const LOOK: Duration = Duration::from_secs(5);

/// Waits until each instance that is no entity has ended: also children of those that were stopped.
pub(super) async fn until_all_rest(world: &World) -> Result<(), String> {
    let client = Client::read_only(world.store());
    let open = InstanceFilter::new().states([
        InstanceState::Running,
        InstanceState::Suspended,
        InstanceState::Parked,
    ]);
    let mut waited = Duration::ZERO;
    loop {
        let page =
            client.list(&open, &PageRequest::new()).await.map_err(|error| error.to_string())?;
        let open = page.instances.iter().map(|it| (it.instance.as_str(), it.state));
        let open: Vec<_> = open
            .filter(|(id, state)| !id.starts_with('@') || *state != InstanceState::Running)
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        if waited > REST {
            let mut wrong = Vec::new();
            for (id, _) in open {
                wrong.push(format!("`{id}`: {}", what_it_waits_for(world, id).await));
            }
            return Err(format!("not at rest: {}", wrong.join("; ")));
        }
        sleep(LOOK).await;
        waited += LOOK;
    }
}

/// What an instance waits for that has not come to rest.
pub(super) async fn what_it_waits_for(world: &World, id: &str) -> String {
    let view = match Client::read_only(world.store()).view(id).await {
        Ok(view) => view,
        Err(error) => return format!("it cannot be looked at: {error}"),
    };
    let it = &view.execution;
    let open = [
        ("activities", names(&it.activities, |it| it.name.to_string())),
        ("timers", names(&it.timers, |it| it.fire_at.to_string())),
        ("events", names(&it.waits, |it| it.name.to_string())),
        ("children", names(&it.children, |it| it.instance.to_string())),
        ("updates", names(&it.updates, |it| format!("{} of {}", it.name, it.to))),
        ("locks", names(&it.locks, |it| it.of.to_string())),
        ("messages", names(&it.messages, |it| format!("{:?} to {}", it.kind, it.to))),
        ("events that are buffered", names(&it.buffered, |it| it.name.to_string())),
    ];
    let open: Vec<_> = open
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!("{kind} {}", names.join(", ")))
        .collect();
    let (state, parked) = (view.summary.state, &it.parked);
    format!("it is {state:?}, parked: {parked:?}, and has open: {}", open.join("; "))
}

fn names<T>(open: &Listed<T>, name: impl Fn(&T) -> String) -> Vec<String> {
    open.items.iter().map(name).collect()
}

/// The ledgers have what they must have, nobody holds their locks, and they answer.
pub(super) async fn check_ledgers(run: &Run, entries: &Entries) -> Result<(), String> {
    let client = Client::read_only(run.world.store());
    let mut waited = Duration::ZERO;
    // Signals come through queues, and for later.
    while let Err(wrong) = check_states(&client, entries).await {
        if waited > QUEUES_REST {
            return Err(wrong);
        }
        sleep(LOOK).await;
        waited += LOOK;
    }
    for key in LEDGERS {
        let ledger = client.entity::<Ledger>(key);
        let state = async || ledger.state().await.map_err(|error| error.to_string());
        let Some(before) = state().await? else { continue };
        until_unlocked(&client, &ledger).await?;
        let count = |client: Client| {
            let counting = client.entity::<Ledger>(key).count();
            async move { counting.await.map_err(not_answered) }
        };
        let count = insist_for(run, "count", count).await?;
        // What a program sent that was stopped may have come meanwhile.
        let after = state().await?.unwrap_or_default();
        if !(before.done.len()..=after.done.len()).contains(&count) {
            return Err(format!("ledger `{key}` counts {count} operations, and has {after:?}"));
        }
    }
    Ok(())
}

/// What gives a lock back comes through queues.
async fn until_unlocked(
    client: &Client,
    ledger: &EntityHandle<Ledger, Client>,
) -> Result<(), String> {
    let id = ledger.id().map_err(|error| error.to_string())?;
    let mut waited = Duration::ZERO;
    loop {
        let lock = client.query::<IgnoredAny>(id.clone(), "@lock").await;
        if matches!(lock, Ok(None)) {
            return Ok(());
        }
        if waited > QUEUES_REST {
            return Err(format!("`{id}` is locked: {lock:?}"));
        }
        sleep(LOOK).await;
        waited += LOOK;
    }
}

async fn check_states(client: &Client, entries: &Entries) -> Result<(), String> {
    for (number, key) in LEDGERS.iter().enumerate() {
        let state = client.entity::<Ledger>(key).state().await;
        let state = state.map_err(|error| error.to_string())?;
        entries.check(number, &state.unwrap_or_default())?;
    }
    Ok(())
}
