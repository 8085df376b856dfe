//! What must hold when everything is at rest.

use std::collections::{BTreeMap, BTreeSet};

use reenact::transfer::{ExportOptions, export};
use reenact::{Access, Event, InstanceFilter, verify};

use super::play::Play;
use super::run::Outcome;
use super::scenarios::Scenario;
use crate::history;

/// What came out, if all logs are in order.
pub(super) async fn outcome(
    play: &Play,
    scenario: Scenario,
    answers: Vec<String>,
) -> Result<Outcome, String> {
    let mut instances = BTreeMap::new();
    for summary in play.instances().await? {
        let id = summary.instance.as_str();
        let wrong = |wrong: String| format!("`{id}`: {wrong}");
        history::check(play.world(), id).await.map_err(wrong)?;
        each_event_once(play, id).await.map_err(wrong)?;
        let kind = format!("{} {:?}", summary.name, summary.state);
        *instances.entry(kind).or_default() += 1;
    }
    replays(play, scenario).await?;
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for (what, _) in play.effects().all() {
        *effects.entry(what).or_default() += 1;
    }
    Ok(Outcome { answers, effects, instances })
}

/// No event is recorded under a key a second time.
async fn each_event_once(play: &Play, id: &str) -> Result<(), String> {
    let history = play.reader().history(id).await;
    let history = history.map_err(|error| format!("no history: {error}"))?;
    let mut keys = BTreeSet::new();
    for event in history.events() {
        if let Event::ExternalRaised { name, key: Some(key), .. } = event.event
            && !keys.insert(key.to_string())
        {
            return Err(format!("the event `{name}` has come twice under the key {key}"));
        }
    }
    Ok(())
}

/// The code does on each log what it did when the log was written.
async fn replays(play: &Play, scenario: Scenario) -> Result<(), String> {
    let mut exported = Vec::new();
    let access = Access::read_only(&play.world().store());
    let (filter, options) = (InstanceFilter::default(), ExportOptions::default());
    let exporting = export(&access, &filter, options, &mut exported, |_| {});
    exporting.await.map_err(|error| format!("no export: {error}"))?;
    let builder = (scenario.host)().state(play.effects().clone());
    let checked = verify::check(&builder, &exported[..], |_, _, _| {}).await;
    let checked = checked.map_err(|error| format!("no replay: {error}"))?;
    match checked.unfit.first() {
        Some(unfit) => Err(format!("a replay from the beginning differs: {unfit}")),
        None => Ok(()),
    }
}

/// Why a run is not at rest.
pub(super) async fn what_waits(play: &Play) -> String {
    let mut waits = Vec::new();
    for summary in play.instances().await.unwrap_or_default() {
        let id = summary.instance.as_str();
        let open = match play.reader().view(id).await {
            Ok(view) => format!("{:?}", view.execution),
            Err(error) => format!("not to be looked at: {error}"),
        };
        waits.push(format!("`{id}`, {:?}, wakes {:?}: {open}", summary.state, summary.wake_at));
    }
    format!("it does not come to rest; there are {}", waits.join("; "))
}
