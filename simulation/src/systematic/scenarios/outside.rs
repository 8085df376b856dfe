//! What comes from outside: completions, starts that wait, time limits, new versions.

use reenact::HostBuilder;
use reenact::prelude::*;
use reenact::{ErrorKind, InstanceState};
use tokio::time::sleep;

use super::{Answers, Scenario};
use crate::systematic::play::{Effects, Play};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "completed-from-outside",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(completes(play)),
    },
    Scenario { name: "delayed-start", hosts: &[1], host, play: |play| Box::pin(delayed(play)) },
    Scenario { name: "time-limit", hosts: &[1], host, play: |play| Box::pin(limited(play)) },
    Scenario {
        name: "start-with-event",
        hosts: &[2],
        host,
        play: |play| Box::pin(with_event(play)),
    },
    Scenario { name: "new-version", hosts: &[1], host, play: |play| Box::pin(upgrades(play)) },
];

fn host() -> HostBuilder {
    Host::builder()
        .orchestration(approved)
        .orchestration(takes_event)
        .orchestration(eternal_1)
        .orchestration(eternal_2)
        .activity(ask)
}

/// Leaves its token, and is completed by who has it.
#[activity]
async fn ask(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    _: (),
) -> Result<bool, ActivityError> {
    effects.happen(&ctx, "asked");
    effects.leave(ctx.token().to_string());
    Err(ActivityError::later())
}

#[orchestration]
async fn approved(ctx: OrchestrationContext, _: ()) -> Result<bool, OrchestrationError> {
    Ok(ctx.call_activity(ask, ()).await?)
}

async fn completes(play: Play) -> Answers {
    play.start(approved, "order", ()).await?;
    // A token is of one attempt; there is another when its host has died.
    loop {
        sleep(Duration::from_secs(2)).await;
        let Some(token) = play.effects().left() else { continue };
        let over = [ErrorKind::Finished];
        let heartbeat = |client: Client| {
            let token = token.clone();
            async move { client.heartbeat_activity(token.as_str(), &"half").await }
        };
        play.command("heartbeat", heartbeat, &over).await?;
        let complete = |client: Client| {
            let token = token.clone();
            async move { client.complete_activity(token.as_str(), &true).await }
        };
        play.command("complete", complete, &over).await?;
        sleep(Duration::from_secs(10)).await;
        let all = play.instances().await?;
        if all.iter().all(|summary| summary.state == InstanceState::Completed) {
            return Ok(vec![play.result::<bool>("order").await?]);
        }
    }
}

#[orchestration]
async fn takes_event(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

async fn delayed(play: Play) -> Answers {
    let start = |client: Client| async move {
        client.start_new(takes_event, ()).id("later").delay(Duration::from_secs(60)).await.map(drop)
    };
    play.command("start", start, &[ErrorKind::AlreadyExists]).await?;
    play.raise("later", "Go", "go", "now".to_owned()).await?;
    Ok(vec![play.result::<String>("later").await?])
}

/// Ends when its time is over, without its code.
async fn limited(play: Play) -> Answers {
    let start = |client: Client| async move {
        client
            .start_new(takes_event, ())
            .id("limited")
            .timeout(Duration::from_secs(30))
            .await
            .map(drop)
    };
    play.command("start", start, &[ErrorKind::AlreadyExists]).await?;
    Ok(vec![play.result::<String>("limited").await?])
}

async fn with_event(play: Play) -> Answers {
    let start = |client: Client| async move {
        let starting = client.start_new(takes_event, ()).id("begun");
        starting.and_raise("Go", "at once").event_key("go").or_attach().await.map(drop)
    };
    play.call("start", start).await?;
    Ok(vec![play.result::<String>("begun").await?])
}

/// Goes on as the newest version.
#[orchestration(name = "eternal", version = "1.0.0")]
async fn eternal_1(
    ctx: OrchestrationContext,
    mut seen: Vec<String>,
) -> Result<Vec<String>, OrchestrationError> {
    seen.push("1".to_owned());
    seen.push(ctx.wait_external("Next").await?);
    ctx.continue_as_new(eternal_2, seen)
}

#[orchestration(name = "eternal", version = "2.0.0")]
async fn eternal_2(
    ctx: OrchestrationContext,
    mut seen: Vec<String>,
) -> Result<Vec<String>, OrchestrationError> {
    seen.push("2".to_owned());
    seen.push(ctx.wait_external("Next").await?);
    Ok(seen)
}

async fn upgrades(play: Play) -> Answers {
    let start = |client: Client| async move {
        client.start_new(eternal_1, Vec::new()).id("eternal").version("1.0.0").await.map(drop)
    };
    play.command("start", start, &[ErrorKind::AlreadyExists]).await?;
    for key in ["a", "b"] {
        play.raise("eternal", "Next", key, "next".to_owned()).await?;
    }
    Ok(vec![play.result::<Vec<String>>("eternal").await?])
}
