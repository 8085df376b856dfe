//! Timers, and what they race with.

use reenact::HostBuilder;
use reenact::prelude::*;

use super::{Answers, Scenario};
use crate::systematic::play::{Effects, Play};

pub(super) const ALL: &[Scenario] = &[
    Scenario { name: "timer", hosts: &[1], host, play: |play| Box::pin(waits(play)) },
    Scenario {
        name: "activity-too-late",
        hosts: &[1],
        host,
        play: |play| Box::pin(gives_up(play)),
    },
    Scenario {
        name: "event-or-timer",
        hosts: &[1],
        host,
        play: |play| Box::pin(event_or_timer(play)),
    },
];

fn host() -> HostBuilder {
    Host::builder()
        .orchestration(three_timers)
        .orchestration(impatient)
        .orchestration(race)
        .activity(slow)
}

/// The timers fire one after the other, none early.
#[orchestration]
async fn three_timers(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let mut seen = String::new();
    for seconds in [3, 1, 2] {
        let before = ctx.now();
        ctx.timer(Duration::from_secs(seconds)).await;
        let is_early = ctx.now() < before + Duration::from_secs(seconds);
        seen += if is_early { "early " } else { "due " };
    }
    Ok(seen)
}

async fn waits(play: Play) -> Answers {
    play.start(three_timers, "timers", ()).await?;
    Ok(vec![play.result::<String>("timers").await?])
}

/// Takes a day, so that no crash makes it win.
#[activity]
async fn slow(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    _: (),
) -> Result<(), ActivityError> {
    effects.happen(&ctx, "slow began");
    ctx.cancelled().await;
    Err(ActivityError::fatal("cancelled"))
}

#[orchestration]
async fn impatient(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let call = ctx.schedule_activity(slow, ());
    Ok(match ctx.timeout(Duration::from_secs(60), call).await {
        Ok(_) => "it was done".to_owned(),
        Err(_) => "too late".to_owned(),
    })
}

async fn gives_up(play: Play) -> Answers {
    play.start(impatient, "impatient", ()).await?;
    Ok(vec![play.result::<String>("impatient").await?])
}

/// One wins by far, whatever happens.
#[orchestration]
async fn race(ctx: OrchestrationContext, seconds: u64) -> Result<String, OrchestrationError> {
    let event = ctx.wait_external::<u64>("Go");
    Ok(match ctx.timeout(Duration::from_secs(seconds), event).await {
        Ok(number) => format!("event {}", number?),
        Err(_) => "timer".to_owned(),
    })
}

async fn event_or_timer(play: Play) -> Answers {
    play.start(race, "timer-wins", 2).await?;
    play.start(race, "event-wins", 24 * 60 * 60).await?;
    play.raise("event-wins", "Go", "go", 7_u64).await?;
    Ok(vec![play.result::<String>("event-wins").await?, play.result::<String>("timer-wins").await?])
}
