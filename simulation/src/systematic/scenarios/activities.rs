//! Activities: one, several, together, tried again.

use reenact::HostBuilder;
use reenact::prelude::*;

use super::{Answers, Scenario};
use crate::systematic::play::{Effects, Play};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "one-activity",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(one(play, one_activity, 1)),
    },
    Scenario { name: "sequence", hosts: &[1], host, play: |play| Box::pin(one(play, sequence, 3)) },
    Scenario { name: "fan-out", hosts: &[1], host, play: |play| Box::pin(one(play, fan_out, 4)) },
    Scenario {
        name: "activity-tried-again",
        hosts: &[1],
        host,
        play: |play| Box::pin(one(play, tried_again, 3)),
    },
    Scenario {
        name: "activity-that-fails",
        hosts: &[1],
        host,
        play: |play| Box::pin(one(play, fails, 0)),
    },
    Scenario {
        name: "local-activity",
        hosts: &[1],
        host,
        play: |play| Box::pin(one(play, local, 2)),
    },
];

fn host() -> HostBuilder {
    Host::builder()
        .orchestration(one_activity)
        .orchestration(sequence)
        .orchestration(fan_out)
        .orchestration(tried_again)
        .orchestration(fails)
        .orchestration(local)
        .activity(work)
        .activity(third_time)
        .activity(refuse)
}

/// Starts an instance and waits for its result.
async fn one<O>(play: Play, orchestration: O, input: u64) -> Answers
where
    O: Orchestration<Input = u64, Output = u64> + Copy,
{
    play.start(orchestration, "one", input).await?;
    Ok(vec![play.result::<u64>("one").await?])
}

#[activity]
async fn work(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    number: u64,
) -> Result<u64, ActivityError> {
    effects.happen(&ctx, format!("work {number}"));
    Ok(number * 10)
}

/// Fails until its third attempt.
#[activity]
async fn third_time(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    number: u64,
) -> Result<u64, ActivityError> {
    effects.happen(&ctx, format!("third time {number}"));
    if ctx.attempt() < 3 { Err(ActivityError::retryable("not yet")) } else { Ok(number) }
}

#[activity]
async fn refuse(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    _: u64,
) -> Result<u64, ActivityError> {
    effects.happen(&ctx, "refuse");
    Err(ActivityError::fatal("no"))
}

#[orchestration]
async fn one_activity(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity(work, number).await?)
}

#[orchestration]
async fn sequence(ctx: OrchestrationContext, count: u64) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    for number in 1..=count {
        sum += ctx.call_activity(work, number).await?;
    }
    Ok(sum)
}

#[orchestration]
async fn fan_out(ctx: OrchestrationContext, count: u64) -> Result<u64, OrchestrationError> {
    let calls: Vec<_> = (1..=count).map(|number| ctx.schedule_activity(work, number)).collect();
    let results: Result<Vec<u64>, _> = ctx.when_all(calls).await.into_iter().collect();
    Ok(results?.iter().sum())
}

#[orchestration]
async fn tried_again(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    let retry = RetryPolicy::new(5).first_delay(Duration::from_millis(500));
    let call = third_time.with(ActivityOptions::new().retry(retry));
    Ok(ctx.call_activity(call, number).await?)
}

#[orchestration]
async fn fails(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    ctx.call_activity(work, 1).await?;
    Ok(ctx.call_activity(refuse, number).await?)
}

#[orchestration]
async fn local(ctx: OrchestrationContext, count: u64) -> Result<u64, OrchestrationError> {
    let mut sum = 0;
    for number in 1..=count {
        sum += ctx.call_local(work, number).await?;
    }
    Ok(sum + ctx.call_activity(work, 7).await?)
}
