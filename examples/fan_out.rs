//! Fan-out and fan-in: a parent with a hundred children, each of which fans out to activities, and the
//! sum of what they return.
//!
//!     cargo run --example fan_out

use futures::future::try_join_all;
use reenact::prelude::*;

/// Children of the parent.
const CHILDREN: u64 = 100;

/// Activities of each child.
const STEPS: u64 = 5;

#[activity]
async fn square(_ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    Ok(number * number)
}

/// An instance of its own for each, with a history of its own.
#[orchestration]
async fn part(ctx: OrchestrationContext, from: u64) -> Result<u64, OrchestrationError> {
    // Scheduled one by one, under way all at once. Any combinator will do.
    let squares = (from..from + STEPS).map(|number| ctx.schedule_activity(square, number));
    Ok(try_join_all(squares).await?.into_iter().sum())
}

#[orchestration]
async fn whole(ctx: OrchestrationContext, parts: u64) -> Result<u64, OrchestrationError> {
    let children = (0..parts).map(|number| {
        let own_id = ChildOptions::new().id(format!("part-{number}"));
        ctx.schedule_orchestration(part.with(own_id), number * STEPS)
    });
    Ok(try_join_all(children).await?.into_iter().sum())
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let host = Host::builder()
        .provider(InMemory::new())
        .orchestration(whole)
        .orchestration(part)
        .activity(square)
        .start()
        .await?;
    let sum = host.run_to_completion("whole", whole, CHILDREN).await?;
    let events = host.history("whole").await?.len();
    println!("{sum}, the sum of {CHILDREN} children, in {events} events of their parent");
    assert_eq!(sum, (0..CHILDREN * STEPS).map(|number| number * number).sum::<u64>());
    assert_eq!(host.count(&Default::default()).await?, CHILDREN + 1);
    host.shutdown().await
}
