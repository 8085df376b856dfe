//! Step 6: a parent with children, which are instances of their own.

use std::collections::BTreeMap;

use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::{Event, History, InstanceFilter, InstanceSummary, PageRequest};

use super::failure::{Failure, Held, same};
use super::page::Page;
use super::place::Place;
use super::texts::{self, Counts, LICENCE};

/// Each gets its share of the lines.
const CHILDREN: usize = 60;

/// Counts the words of each part, of a fixed number of lines.
#[activity]
async fn count_share(
    _ctx: ActivityContext,
    (name, share): (String, usize),
) -> Result<usize, ActivityError> {
    let lines = texts::text(&name)?.lines().skip(share).step_by(CHILDREN);
    Ok(lines.map(|line| Counts::of(line).words).sum())
}

/// A child: counts its share.
#[orchestration]
async fn counter(
    ctx: OrchestrationContext,
    share: (String, usize),
) -> Result<usize, OrchestrationError> {
    Ok(ctx.call_activity(count_share, share).await?)
}

/// The parent: what all of its children have counted.
#[orchestration]
async fn counters(ctx: OrchestrationContext, name: String) -> Result<usize, OrchestrationError> {
    let share = |share| ctx.schedule_orchestration(counter, (name.clone(), share));
    let mut words = 0;
    for counted in ctx.when_all((0..CHILDREN).map(share)).await {
        words += counted?;
    }
    Ok(words)
}

/// Runs a parent, and looks at each of its children.
pub(crate) async fn show(page: &mut Page, place: &Place) -> Held {
    page.title(6, "A parent and its children, each with a log of its own")?;
    let host = place
        .host()
        .orchestration(counters)
        .orchestration(counter)
        .activity(count_share)
        .start()
        .await?;
    let parent = host.start_new(counters, LICENCE.to_owned()).await?;
    let words = parent.result().await?;
    same("the number of words", &words, &Counts::of(texts::text(LICENCE)?).words)?;
    verify_parent(&parent.history().await?)?;

    let children = children_of(&host, parent.id()).await?;
    let mut shards = BTreeMap::<ShardId, usize>::new();
    for child in &children {
        *shards.entry(ShardId::of(child, place.shards())).or_default() += 1;
        verify_child(&host.history(child).await?, parent.id())?;
    }
    page.say(format_args!("The parent `{}` has called {CHILDREN} children;", parent.id()))?;
    for (shard, number) in &shards {
        page.say(format_args!("  {number:>3} of them are in shard {shard}"))?;
    }
    if let Some(child) = children.first() {
        page.say(format_args!("The log of `{child}`:"))?;
        page.history(&host.history(child).await?)?;
    }
    page.say(format_args!("Result: {words} words, the sum of {CHILDREN} results."))?;
    page.say(format_args!("Check:  wc -w {LICENCE}"))?;
    host.shutdown().await?;
    // Sixty ids in one shard are no accident.
    if shards.len() < 2 {
        return Err(Failure::new("all of the children are in one shard"));
    }
    Ok(())
}

async fn children_of(host: &Host, parent: &InstanceId) -> Held<Vec<InstanceId>> {
    let filter = InstanceFilter::new().id_prefix(format!("{parent}/"));
    let page = PageRequest::new().limit(CHILDREN + 1);
    let children = host.list(&filter, &page).await?.instances;
    same("the children", &children.len(), &CHILDREN)?;
    Ok(children.into_iter().map(|summary: InstanceSummary| summary.instance).collect())
}

/// Each child was called once, and each result counts once.
fn verify_parent(history: &History) -> Held {
    let count =
        |wanted: fn(&Event) -> bool| history.events().filter(|entry| wanted(entry.event)).count();
    let calls = count(|event| matches!(event, Event::ChildScheduled { .. }));
    let results = count(|event| matches!(event, Event::ChildCompleted { .. }));
    same("the calls", &calls, &CHILDREN)?;
    same("the results", &results, &CHILDREN)
}

/// It was started by its parent, once, and has ended.
fn verify_child(history: &History, parent: &InstanceId) -> Held {
    let mut origins = history.events().filter_map(|entry| match entry.event {
        Event::StartedBy { origin } => Some(&origin.instance),
        _ => None,
    });
    same("who has started a child", &origins.next(), &Some(parent))?;
    same("who has started it again", &origins.next(), &None)?;
    match history.outcome() {
        Some(_) => Ok(()),
        None => Err(Failure::new("a child has not ended")),
    }
}
