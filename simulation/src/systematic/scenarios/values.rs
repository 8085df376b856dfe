//! What instances show and draw: published values, streams, attributes, chance, large payloads.

use std::collections::BTreeSet;

use reenact::HostBuilder;
use reenact::prelude::*;

use super::{Answers, Scenario};
use crate::systematic::play::{Effects, Play};

pub(super) const ALL: &[Scenario] = &[
    Scenario { name: "publish", hosts: &[1], host, play: |play| Box::pin(publish(play)) },
    Scenario { name: "stream", hosts: &[1], host, play: |play| Box::pin(stream(play)) },
    Scenario { name: "attributes", hosts: &[1], host, play: |play| Box::pin(attributes(play)) },
    Scenario { name: "chance", hosts: &[1], host, play: |play| Box::pin(chance(play)) },
    Scenario {
        name: "large-payload",
        hosts: &[1],
        host,
        play: |play| Box::pin(large_payload(play)),
    },
];

/// The bytes of a large payload.
const LARGE: usize = 40_000;

fn host() -> HostBuilder {
    Host::builder()
        .orchestration(publishes)
        .orchestration(emits)
        .orchestration(sets_attributes)
        .orchestration(draws)
        .orchestration(carries)
        .activity(work)
        .activity(emit_three)
        .activity(enlarge)
}

#[activity]
async fn work(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    number: u64,
) -> Result<u64, ActivityError> {
    effects.happen(&ctx, format!("work {number}"));
    Ok(number)
}

#[orchestration]
async fn publishes(ctx: OrchestrationContext, count: u64) -> Result<u64, OrchestrationError> {
    for number in 1..=count {
        ctx.publish("done", &number);
        ctx.call_activity(work, number).await?;
    }
    ctx.set_status("ready");
    Ok(count)
}

async fn publish(play: Play) -> Answers {
    play.start(publishes, "shows", 2).await?;
    let result = play.result::<u64>("shows").await?;
    let query = |client: Client| async move { client.query::<u64>("shows", "done").await };
    let shown = play.call("query", query).await?;
    Ok(vec![result, format!("{shown:?}")])
}

/// Items of the code are emitted once; those of an activity again when it runs again.
#[orchestration]
async fn emits(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    ctx.emit("code", "before");
    ctx.call_activity(emit_three, ()).await?;
    ctx.emit("code", "after");
    Ok(ctx.next_offset("code"))
}

#[activity]
async fn emit_three(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    _: (),
) -> Result<(), ActivityError> {
    effects.happen(&ctx, "emitted");
    for item in ["one", "two", "three"] {
        ctx.emit("activity", item).await?;
    }
    Ok(())
}

async fn stream(play: Play) -> Answers {
    play.start(emits, "speaks", ()).await?;
    let mut answers = vec![play.result::<u64>("speaks").await?];
    for name in ["code", "activity"] {
        let page =
            |client: Client| async move { client.stream_page("speaks", name, None, 100).await };
        let items = play.call("stream", page).await?.items;
        let items: Vec<String> =
            items.iter().filter_map(|item| item.value.decode::<String>().ok()).collect();
        answers.push(match name {
            "code" => format!("{items:?}"),
            _ => format!("{:?}", items.iter().collect::<BTreeSet<_>>()),
        });
    }
    Ok(answers)
}

#[orchestration]
async fn sets_attributes(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    ctx.set_attribute("customer", "ada")?;
    ctx.call_activity(work, 1).await?;
    ctx.set_attribute("total", 12)?;
    ctx.clear_attribute("customer");
    Ok(ctx.call_activity(work, 2).await?)
}

async fn attributes(play: Play) -> Answers {
    play.start(sets_attributes, "found", ()).await?;
    let result = play.result::<u64>("found").await?;
    let all = play.instances().await?;
    Ok(vec![result, all.iter().map(|summary| summary.attributes.to_string()).collect()])
}

/// What is drawn once stays, however often the code runs again.
#[orchestration]
async fn draws(ctx: OrchestrationContext, _: ()) -> Result<bool, OrchestrationError> {
    let (number, guid, began) = (ctx.random(), ctx.new_guid(), ctx.now());
    let computed = ctx.side_effect(|| 7_u64).await;
    ctx.publish("drawn", &(number, guid.to_string(), computed));
    ctx.call_activity(work, 1).await?;
    let drawn = (number, guid.to_string(), computed);
    let is_same = ctx.published::<(u64, String, u64)>("drawn").ok().flatten() == Some(drawn);
    Ok(is_same && ctx.random() != number && ctx.now() >= began)
}

async fn chance(play: Play) -> Answers {
    play.start(draws, "draws", ()).await?;
    Ok(vec![play.result::<bool>("draws").await?])
}

#[activity]
async fn enlarge(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    text: String,
) -> Result<String, ActivityError> {
    effects.happen(&ctx, "enlarged");
    Ok(text.repeat(LARGE / text.len().max(1)))
}

#[orchestration]
async fn carries(ctx: OrchestrationContext, text: String) -> Result<usize, OrchestrationError> {
    let large = ctx.call_activity(enlarge, text).await?;
    Ok(ctx.call_activity(enlarge, large).await?.len())
}

async fn large_payload(play: Play) -> Answers {
    play.start(carries, "carries", "0123456789".to_owned()).await?;
    Ok(vec![play.result::<usize>("carries").await?])
}
