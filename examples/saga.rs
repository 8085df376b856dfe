//! A saga: several bookings, and when one fails, those before it are undone.
//!
//!     cargo run --example saga

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact::OrchestrationErrorKind;
use reenact::prelude::*;

/// What the travel agency has booked: the world outside.
static BOOKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn booked() -> MutexGuard<'static, BTreeSet<String>> {
    BOOKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Can run twice for one call: booking what is booked already changes nothing.
#[activity]
async fn book(_ctx: ActivityContext, what: String) -> Result<(), ActivityError> {
    if what.ends_with("on the moon") {
        return Err(ActivityError::fatal(format!("there is no {what}")));
    }
    println!("booked     {what}");
    booked().insert(what);
    Ok(())
}

/// Undoing what is not there changes nothing either.
#[activity]
async fn cancel(_ctx: ActivityContext, what: String) -> Result<(), ActivityError> {
    println!("cancelled  {what}");
    booked().remove(&what);
    Ok(())
}

#[orchestration]
async fn trip(ctx: OrchestrationContext, wishes: Vec<String>) -> Result<usize, OrchestrationError> {
    let mut done = Vec::new();
    for wish in wishes {
        if let Err(why) = ctx.call_activity(book, wish.clone()).await {
            // The compensation, last booking first. A crash in the middle of it loses nothing.
            for wish in done.into_iter().rev() {
                ctx.call_activity(cancel, wish).await?;
            }
            return Err(why.into());
        }
        done.push(wish);
    }
    Ok(done.len())
}

fn wishes(wishes: [&str; 3]) -> Vec<String> {
    wishes.map(str::to_string).to_vec()
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let host = Host::builder()
        .provider(InMemory::new())
        .orchestration(trip)
        .activity(book)
        .activity(cancel)
        .start()
        .await?;

    let failing = wishes(["flight to Oslo", "hotel in Oslo", "hotel on the moon"]);
    match host.run_to_completion("failing", trip, failing).await {
        Err(reenact::Error::Failed { source, .. }) => {
            assert_eq!(source.kind(), OrchestrationErrorKind::Failed);
            assert_eq!(source.message(), "there is no hotel on the moon");
        }
        other => panic!("the trip to the moon should have failed: {other:?}"),
    }
    assert!(booked().is_empty(), "everything was undone");

    let working = wishes(["flight to Rome", "hotel in Rome", "car in Rome"]);
    assert_eq!(host.run_to_completion("working", trip, working).await?, 3);
    assert_eq!(booked().len(), 3);

    println!("one trip undone, one trip booked");
    host.shutdown().await
}
