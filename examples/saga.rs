//! A saga: several bookings, which are undone when a later one fails, or when somebody cancels the
//! trip before it is confirmed.
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
async fn undo(_ctx: ActivityContext, what: String) -> Result<(), ActivityError> {
    println!("undone     {what}");
    booked().remove(&what);
    Ok(())
}

#[orchestration]
async fn trip(ctx: OrchestrationContext, wishes: Vec<String>) -> Result<usize, OrchestrationError> {
    let mut done = Vec::new();
    let confirmed = book_all(&ctx, wishes, &mut done).await;
    if confirmed.is_err() {
        // The compensation, last booking first. A crash in the middle of it loses nothing, and with
        // the shield a cancel does not touch it.
        let shielded = ctx.shielded();
        for wish in done.into_iter().rev() {
            shielded.call_activity(undo, wish).await?;
        }
    }
    confirmed
}

/// Ends with an error when a booking fails, and when a cancel comes before the trip is confirmed.
async fn book_all(
    ctx: &OrchestrationContext,
    wishes: Vec<String>,
    done: &mut Vec<String>,
) -> Result<usize, OrchestrationError> {
    for wish in wishes {
        ctx.check_cancelled()?;
        // Not cut in the middle: whether it was booked would not be known.
        ctx.shielded().call_activity(book, wish.clone()).await?;
        done.push(wish);
    }
    ctx.set_status("booked");
    ctx.wait_external::<()>("Confirm").await?;
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
        .activity(undo)
        .start()
        .await?;

    let failing = wishes(["flight to Oslo", "hotel in Oslo", "hotel on the moon"]);
    match host.run_to_completion("failing", trip, failing).await {
        Err(reenact::Error::Failed { source, .. }) => {
            assert_eq!(source.kind(), OrchestrationErrorKind::Failed);
            assert!(source.message().ends_with("there is no hotel on the moon"), "{source}");
        }
        other => panic!("the trip to the moon should have failed: {other:?}"),
    }
    assert!(booked().is_empty(), "everything was undone");

    let working = wishes(["flight to Rome", "hotel in Rome", "car in Rome"]);
    let working = host.start_new(trip, working).await?;
    working.raise_event("Confirm", ()).await?;
    assert_eq!(working.result().await?, 3);
    assert_eq!(booked().len(), 3);

    let doubtful = wishes(["flight to Bern", "hotel in Bern", "car in Bern"]);
    let doubtful = host.start_new(trip, doubtful).await?;
    doubtful.wait_for_status(|status| status.custom_status.is_some()).await?;
    assert_eq!(booked().len(), 6);
    doubtful.cancel("they stay at home").await?;
    match doubtful.result().await {
        Err(reenact::Error::Cancelled { reason, .. }) => assert_eq!(reason, "they stay at home"),
        other => panic!("the trip to Bern should have been cancelled: {other:?}"),
    }
    assert_eq!(booked().len(), 3, "Rome is still booked");

    println!("one trip failed, one was booked, one was cancelled");
    host.shutdown().await
}
