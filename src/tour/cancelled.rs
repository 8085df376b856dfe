//! Step 5: a cancel, and what is undone because of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use reenact::prelude::*;
use reenact::{Error, Event, InstanceState};

use super::failure::{Failure, Held, same};
use super::follow::Follower;
use super::page::Page;
use super::place::Place;

const BOOKINGS: [&str; 3] = ["flight", "hotel", "car"];

const REASON: &str = "they stay at home";

/// The world outside: what was done there, in its order.
static DONE: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn done() -> MutexGuard<'static, Vec<String>> {
    DONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Books something.
#[activity]
async fn book(_ctx: ActivityContext, what: String) -> Result<(), ActivityError> {
    done().push(format!("+{what}"));
    Ok(())
}

/// Undoes a booking.
#[activity]
async fn undo(_ctx: ActivityContext, what: String) -> Result<(), ActivityError> {
    done().push(format!("-{what}"));
    Ok(())
}

/// Books all of it, and undoes that unless it is confirmed.
#[orchestration]
async fn trip(ctx: OrchestrationContext, wishes: Vec<String>) -> Result<(), OrchestrationError> {
    let shielded = ctx.shielded();
    for wish in wishes.clone() {
        shielded.call_activity(book, wish).await?;
    }
    let confirmed = ctx.wait_external::<()>("Confirm").await;
    if confirmed.is_err() {
        for wish in wishes.into_iter().rev() {
            shielded.call_activity(undo, wish).await?;
        }
    }
    Ok(confirmed?)
}

/// Cancels a trip while it waits, and looks at what is left of it.
pub(crate) async fn show(page: &mut Page, place: &Place) -> Held {
    page.title(5, "A cancel: what waits ends, and what was done is undone under a shield")?;
    let host = place.host().orchestration(trip).activity(book).activity(undo).start().await?;
    let instance = host.start_new(trip, BOOKINGS.map(str::to_owned).to_vec()).await?;
    let mut follower = Follower::new(&instance);
    let waits = |event: &Event| matches!(event, Event::ExternalSubscribed { .. });
    follower.until(page, waits).await?;
    page.say("All is booked, and it waits for Confirm. Now it is cancelled.")?;
    instance.cancel(REASON).await?;
    let history = follower.until_the_end(page).await?;
    match instance.result().await {
        Err(Error::Cancelled { reason, .. }) => same("the reason", &&*reason, &REASON)?,
        other => return Err(Failure::new(format!("it was not cancelled: {other:?}"))),
    }
    same("the state", &instance.status().await?.state, &InstanceState::Cancelled)?;
    let cancels =
        history.events().filter(|entry| matches!(entry.event, Event::CancelRequested { .. }));
    same("the cancels in the log", &cancels.count(), &1)?;
    let done = std::mem::take(&mut *done());
    same(
        "what was done outside",
        &done,
        &["+flight", "+hotel", "+car", "-car", "-hotel", "-flight"].map(str::to_owned).to_vec(),
    )?;
    page.say(format_args!("Result: cancelled, as {REASON}. Done outside, and undone:"))?;
    page.say(format_args!("        {}", done.join(" ")))?;
    host.shutdown().await?;
    Ok(())
}
