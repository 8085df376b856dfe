//! Code that changes while instances run: two versions side by side, a patch inside one, and a failed
//! step that is done again.
//!
//!     cargo run --example versions

use std::sync::atomic::{AtomicBool, Ordering};

use reenact::prelude::*;
use reenact::{Event, Version};

/// Whether the carrier answers.
static CARRIER_IS_UP: AtomicBool = AtomicBool::new(false);

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
    Ok(format!("{cents} cents"))
}

#[activity]
async fn ship(_ctx: ActivityContext, (): ()) -> Result<(), ActivityError> {
    match CARRIER_IS_UP.load(Ordering::SeqCst) {
        true => Ok(()),
        false => Err(ActivityError::fatal("the carrier does not answer")),
    }
}

/// The first version: instances of it run when the second comes.
#[orchestration(name = "order", version = "1.0.0")]
async fn order_1(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    let () = ctx.wait_external("Confirmed").await?;
    // Added later. An instance that had passed this place goes on without it.
    if ctx.patched("say so") {
        ctx.set_status("confirmed");
    }
    Ok(ctx.call_activity(charge, cents).await?)
}

/// The second version ships as well: other steps, in another order.
#[orchestration(name = "order", version = "2.0.0")]
async fn order_2(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    let charged = ctx.call_activity(charge, cents).await?;
    ctx.call_activity(ship, ()).await?;
    Ok(format!("{charged}, shipped"))
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let store = InMemory::new();
    let builder = || Host::builder().provider(store.clone()).activity(charge).activity(ship);

    let monday = builder().orchestration(order_1).start().await?;
    let old = monday.start_new(order_1, 500).id("old").await?.id().clone();
    monday.shutdown().await?;

    // Without the version that runs, its instance would be parked: that is found before.
    let unfit = builder().orchestration(order_2).verify_histories().await?;
    println!("{}", unfit[0]);
    assert_eq!(unfit[0].instance, old);

    let tuesday = builder().orchestration(order_1).orchestration(order_2).start().await?;
    let old = tuesday.instance::<String>(&old);
    let new = tuesday.start_new(order_2, 700).id("new").await?;
    let of = |status: InstanceStatus| status.version.as_ref().map(Version::to_string);
    println!("old: {:?}, new: {:?}", of(old.status().await?), of(new.status().await?));
    assert_eq!(of(old.status().await?).as_deref(), Some("1.0.0"));
    assert_eq!(of(new.status().await?).as_deref(), Some("2.0.0"));

    old.raise_event("Confirmed", ()).await?;
    assert_eq!(old.result().await?, "500 cents");
    let status = old.status().await?.custom_status_as::<String>();
    assert_eq!(status.as_deref(), Some("confirmed"), "it had not passed the patch");

    // The new one fails. The carrier is called, and the failed step is done again.
    println!("{}", new.result().await.expect_err("the carrier is down"));
    CARRIER_IS_UP.store(true, Ordering::SeqCst);
    let history = new.history().await?;
    let failed = history.events().find(|event| matches!(event.event, Event::TaskFailed { .. }));
    let failed = failed.expect("it failed there").position;
    new.rewind(failed, "the carrier is up again").await?;
    assert_eq!(new.result().await?, "700 cents, shipped");
    print!("{}", new.history().await?);
    tuesday.shutdown().await
}
