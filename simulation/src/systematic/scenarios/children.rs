//! Children, and other instances that are started or sent to.

use reenact::HostBuilder;
use reenact::prelude::*;

use super::{Answers, Scenario};
use crate::systematic::play::{Effects, Play};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "child",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(of_parent(play, parent, 2)),
    },
    Scenario {
        name: "child-that-fails",
        hosts: &[2],
        host,
        play: |play| Box::pin(of_parent(play, parent_of_failing, 3)),
    },
    Scenario {
        name: "child-tried-again",
        hosts: &[1],
        host,
        play: |play| Box::pin(of_parent(play, patient_parent, 5)),
    },
    Scenario {
        name: "detached-start-and-send",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(starts_and_sends(play)),
    },
    Scenario {
        name: "child-that-continues-as-new",
        hosts: &[2],
        host,
        play: |play| Box::pin(of_parent(play, parent_of_continued, 2)),
    },
    Scenario {
        name: "children-that-are-left",
        hosts: &[1, 2],
        host,
        play: |play| Box::pin(leaves_children(play)),
    },
];

fn host() -> HostBuilder {
    Host::builder()
        .orchestration(parent)
        .orchestration(parent_of_failing)
        .orchestration(patient_parent)
        .orchestration(parent_of_continued)
        .orchestration(child)
        .orchestration(failing)
        .orchestration(second_time)
        .orchestration(continued)
        .orchestration(sender)
        .orchestration(receiver)
        .orchestration(leaves)
        .orchestration(lingers)
        .activity(work)
        .activity(once_enough)
}

async fn of_parent<O>(play: Play, orchestration: O, number: u64) -> Answers
where
    O: Orchestration<Input = u64, Output = u64> + Copy,
{
    play.start(orchestration, "parent", number).await?;
    Ok(vec![play.result::<u64>("parent").await?])
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

/// Calls two children at a time.
#[orchestration]
async fn parent(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    let calls = [number, number + 1].map(|number| ctx.schedule_orchestration(child, number));
    let results: Result<Vec<u64>, _> = ctx.when_all(calls).await.into_iter().collect();
    Ok(results?.iter().sum())
}

#[orchestration]
async fn child(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity(work, number).await?)
}

#[orchestration]
async fn parent_of_failing(
    ctx: OrchestrationContext,
    number: u64,
) -> Result<u64, OrchestrationError> {
    match ctx.call_orchestration(failing, number).await {
        Ok(never) => Ok(never),
        Err(_) => Ok(ctx.call_activity(work, number).await?),
    }
}

#[orchestration]
async fn failing(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    ctx.call_activity(work, number + 1).await?;
    Err(OrchestrationError::new("it fails"))
}

/// Its child is another instance for each attempt.
#[orchestration]
async fn patient_parent(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    let retry = RetryPolicy::new(3).first_delay(Duration::from_secs(1));
    let call = second_time.with(ChildOptions::new().retry(retry));
    Ok(ctx.call_orchestration(call, number).await?)
}

#[orchestration]
async fn second_time(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    Ok(ctx.call_activity(once_enough, number).await?)
}

/// Refuses the first instance that asks.
#[activity]
async fn once_enough(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    number: u64,
) -> Result<u64, ActivityError> {
    effects.happen(&ctx, "asked");
    let keys = effects.keys_of("asked");
    if keys.len() < 2 { Err(ActivityError::fatal("not yet")) } else { Ok(number) }
}

#[orchestration]
async fn parent_of_continued(
    ctx: OrchestrationContext,
    number: u64,
) -> Result<u64, OrchestrationError> {
    let sum = ctx.call_orchestration(continued, (number, 0)).await?;
    Ok(sum + 1)
}

#[orchestration]
async fn continued(
    ctx: OrchestrationContext,
    (left, sum): (u64, u64),
) -> Result<u64, OrchestrationError> {
    let sum = sum + ctx.call_activity(work, left).await?;
    if left == 0 { Ok(sum) } else { ctx.continue_as_new(continued, (left - 1, sum)) }
}

/// Starts another instance that goes on by itself, and sends it three events.
#[orchestration]
async fn sender(ctx: OrchestrationContext, _: ()) -> Result<String, OrchestrationError> {
    let call = receiver.with(ChildOptions::new().id("receiver"));
    let to = ctx.start_orchestration(call, ()).await?;
    for number in 1..=3_u64 {
        ctx.raise_event(to.clone(), "Number", &number).await?;
    }
    Ok("sent".to_owned())
}

/// What one instance sends comes in its order.
#[orchestration]
async fn receiver(ctx: OrchestrationContext, _: ()) -> Result<Vec<u64>, OrchestrationError> {
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(ctx.wait_external::<u64>("Number").await?);
    }
    Ok(taken)
}

/// Does not wait for its children: one goes on after its end, the other one is cancelled.
#[orchestration]
async fn leaves(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    let ways = [("kept", ParentClose::Abandon), ("dropped", ParentClose::Cancel)];
    let _left = ways.map(|(id, at_end)| {
        let options = ChildOptions::new().id(id).parent_close(at_end);
        ctx.schedule_orchestration(lingers.with(options), number)
    });
    for _ in 0..ways.len() {
        ctx.wait_external::<()>("Begun").await?;
    }
    Ok(number)
}

#[orchestration]
async fn lingers(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    ctx.raise_event("parent", "Begun", &()).await?;
    ctx.timer(Duration::from_secs(60)).await;
    Ok(ctx.call_activity(work, number).await?)
}

async fn leaves_children(play: Play) -> Answers {
    play.start(leaves, "parent", 2).await?;
    let mut answers = Vec::new();
    for id in ["parent", "kept", "dropped"] {
        answers.push(play.result::<u64>(id).await?);
    }
    Ok(answers)
}

async fn starts_and_sends(play: Play) -> Answers {
    play.start(sender, "sender", ()).await?;
    let sent = play.result::<String>("sender").await?;
    Ok(vec![sent, play.result::<Vec<u64>>("receiver").await?])
}
