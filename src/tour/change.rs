//! Step 8: a change of code that the log does not allow.

use reenact::prelude::*;
use reenact::{Event, InstanceState, InstanceStatus, ParkReason};

use super::failure::{Failure, Held, same};
use super::follow::Follower;
use super::page::Page;
use super::place::{Place, make_room, until_here};
use super::texts::{self, Counts, README, count_text, count_word};

const ID: &str = "review";

/// Counts a text, and says so once somebody has approved.
#[orchestration(name = "review")]
async fn review(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let Counts { words, .. } = ctx.call_activity(count_text, name).await?;
    let by: String = ctx.wait_external("Approve").await?;
    Ok(format!("{words} words, approved by {by}"))
}

/// The same orchestration after a change that breaks running instances: another first activity.
#[orchestration(name = "review")]
async fn changed_review(
    ctx: OrchestrationContext,
    name: String,
) -> Result<String, OrchestrationError> {
    let times = ctx.call_activity(count_word, (name, "reenact".to_owned())).await?;
    let by: String = ctx.wait_external("Approve").await?;
    Ok(format!("{times} times, approved by {by}"))
}

/// Starts an instance, changes the code under it, and changes it back.
pub(crate) async fn show(page: &mut Page, place: &Place) -> Held {
    page.title(8, "A change of code that the log does not allow")?;
    let before = started(page, place).await?;
    parked(page, place, before).await?;
    finished(page, place).await
}

async fn host_of(place: &Place, orchestration: impl Orchestration) -> Held<Host> {
    let host = place.host().orchestration(orchestration).activity(count_text).activity(count_word);
    Ok(host.start().await?)
}

/// Gives the length of the log at the crash.
async fn started(page: &mut Page, place: &Place) -> Held<u64> {
    let host = host_of(place, review).await?;
    make_room(&host, ID).await?;
    let instance = host.start_new(review, README.to_owned()).id(ID).await?;
    let waits = |event: &Event| matches!(event, Event::ExternalSubscribed { .. });
    let history = Follower::new(&instance).until(page, waits).await?;
    page.say("The host ends as in a crash. Another one starts on the same store, with code")?;
    page.say("that calls another activity first; then the event Approve is raised.")?;
    host.abort().await;
    Ok(history.len())
}

async fn parked(page: &mut Page, place: &Place, before: u64) -> Held {
    let host = host_of(place, changed_review).await?;
    let instance = host.instance::<String>(ID);
    until_here(&host, instance.id()).await;
    instance.raise_event("Approve", "Ada").await?;
    let status = instance.status().await?;
    let Some(ParkReason::Nondeterministic(found)) = &status.parked else {
        return Err(Failure::new(format!("the instance is not parked: {status:?}")));
    };
    let expected = "nondeterministic at event 1: expected TaskScheduled #1 `count_text`, \
                    found TaskScheduled #1 `count_word`";
    same("the reason", &found.to_string(), &expected.to_owned())?;
    // That it is parked, and the event, which is kept.
    same("the events in the log", &status.history_length, &(before + 2))?;
    print_status(page, &status)?;
    host.abort().await;
    Ok(())
}

fn print_status(page: &mut Page, status: &InstanceStatus) -> Held {
    let InstanceStatus { id, name, state, history_length, .. } = status;
    page.say(format_args!("The status of `{id}`:"))?;
    page.say(format_args!("  orchestration  {name}"))?;
    page.say(format_args!("  state          {state:?}"))?;
    if let Some(ParkReason::Nondeterministic(found)) = &status.parked {
        page.say(format_args!("  position       event {}", found.position))?;
        page.say(format_args!("  expected       {}", found.expected))?;
        page.say(format_args!("  found          {}", found.found))?;
    }
    page.say(format_args!(
        "  history        {history_length} events; the last one waits for the old code"
    ))
}

async fn finished(page: &mut Page, place: &Place) -> Held {
    page.say("The old code comes back on a third host, and the instance goes on:")?;
    let host = host_of(place, review).await?;
    let instance = host.instance::<String>(ID);
    let result = instance.result().await?;
    let words = Counts::of(texts::text(README)?).words;
    same("the result", &result, &format!("{words} words, approved by Ada"))?;
    same("the state", &instance.status().await?.state, &InstanceState::Completed)?;
    page.say(format_args!("Result: {result}."))?;
    host.shutdown().await?;
    Ok(())
}
