//! Events from outside, also over continuations.

use reenact::HostBuilder;
use reenact::prelude::*;

use super::{Answers, Scenario};
use crate::systematic::play::{Effects, Play};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "event-before-its-wait",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(events(play, early)),
    },
    Scenario {
        name: "event-after-its-wait",
        hosts: &[1],
        host,
        play: |play| Box::pin(events(play, late)),
    },
    Scenario {
        name: "continue-as-new-with-events",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(events(play, one_each)),
    },
];

fn host() -> HostBuilder {
    Host::builder().orchestration(early).orchestration(late).orchestration(one_each).activity(note)
}

/// Starts an instance, raises three events for it, each when the one before it was acknowledged, and gives its result.
async fn events<O>(play: Play, orchestration: O) -> Answers
where
    O: Orchestration<Input = Vec<u64>, Output = Vec<u64>> + Copy,
{
    play.start(orchestration, "taker", Vec::new()).await?;
    for number in 1..=3 {
        play.raise("taker", "Number", &format!("number {number}"), number).await?;
    }
    Ok(vec![play.result::<Vec<u64>>("taker").await?])
}

#[activity]
async fn note(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    numbers: Vec<u64>,
) -> Result<(), ActivityError> {
    effects.happen(&ctx, format!("noted {numbers:?}"));
    Ok(())
}

/// Their order is that of their arrival, which a crash may change when one goes by way of a queue.
fn sorted(mut numbers: Vec<u64>) -> Vec<u64> {
    numbers.sort_unstable();
    numbers
}

/// Waits when the events are there already.
#[orchestration]
async fn early(ctx: OrchestrationContext, _: Vec<u64>) -> Result<Vec<u64>, OrchestrationError> {
    ctx.timer(Duration::from_secs(10)).await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(ctx.wait_external::<u64>("Number").await?);
    }
    Ok(sorted(taken))
}

/// Waits from the beginning on, and does something with each.
#[orchestration]
async fn late(ctx: OrchestrationContext, _: Vec<u64>) -> Result<Vec<u64>, OrchestrationError> {
    let mut taken = Vec::new();
    for _ in 0..3 {
        let number = ctx.wait_external::<u64>("Number").await?;
        ctx.call_activity(note, vec![number]).await?;
        taken.push(number);
    }
    Ok(sorted(taken))
}

/// Takes one in each execution: the others go on to the next one.
#[orchestration]
async fn one_each(
    ctx: OrchestrationContext,
    mut taken: Vec<u64>,
) -> Result<Vec<u64>, OrchestrationError> {
    taken.push(ctx.wait_external::<u64>("Number").await?);
    ctx.timer(Duration::from_secs(1)).await;
    if taken.len() < 3 {
        return ctx.continue_as_new(one_each, taken);
    }
    let taken = sorted(taken);
    ctx.call_activity(note, taken.clone()).await?;
    Ok(taken)
}
