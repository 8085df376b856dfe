//! Checks of the log of an instance that has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use reenact::testing::simulation::World;
use reenact::{Client, Event};

use crate::overdue;

/// Each completion is of something that was scheduled, and the only one of it; no timer has fired early, by the time
/// of the log.
pub(crate) async fn check(world: &World, id: &str) -> Result<(), String> {
    let client = Client::read_only(world.store());
    let history = client.history(id).await.map_err(|error| format!("no history: {error}"))?;
    overdue::check(&history)?;
    let (mut scheduled, mut completed) = (BTreeSet::new(), BTreeSet::new());
    let mut timers = BTreeMap::new();
    let mut before = None;
    for event in history.events() {
        if before.is_some_and(|before| event.at < before) {
            return Err(format!(
                "the time of event {} is before the one before it",
                event.position
            ));
        }
        before = Some(event.at);
        match event.event {
            Event::TaskScheduled { id, .. } if !scheduled.insert(*id) => {
                return Err(format!("{id:?} was scheduled twice"));
            }
            Event::TaskCompleted { id, .. }
                if !completed.insert(*id) || !scheduled.contains(id) =>
            {
                return Err(format!("{id:?} has completed twice, or was never scheduled"));
            }
            Event::TimerCreated { id, fire_at } => {
                timers.insert(*id, *fire_at);
            }
            Event::TimerFired { id } => match timers.remove(id) {
                Some(fire_at) if fire_at <= event.at => {}
                Some(fire_at) => {
                    return Err(format!("a timer for {fire_at} has fired at {}", event.at));
                }
                None => return Err(format!("timer {id:?} has fired twice, or was never set")),
            },
            _ => {}
        }
    }
    Ok(())
}
