//! Quick steps that need no commit of their own: two look-ups and a calculation run in a row, before
//! anything of them is stored; the payment is scheduled as usual, and begins when all of it is durable.
//!
//!     cargo run --example local_activities

use reenact::EventKind;
use reenact::prelude::*;

/// Reads a price list: quick, and changes nothing.
#[activity]
async fn price_of(_ctx: ActivityContext, item: String) -> Result<u64, ActivityError> {
    match item.as_str() {
        "lamp" => Ok(2_000),
        other => Err(ActivityError::fatal(format!("there is no {other}"))),
    }
}

/// Is away now and then: tried again in place.
#[activity]
async fn tax_on(ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
    match ctx.attempt() {
        1 => Err(ActivityError::retryable("the table of taxes is being loaded")),
        _ => Ok(cents / 5),
    }
}

/// Moves money: never before it is durable that it is to be moved.
#[activity]
async fn charge(ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
    println!("{cents} cents under the key {}", ctx.idempotency_key());
    Ok(format!("paid {cents}"))
}

#[orchestration]
async fn order(ctx: OrchestrationContext, item: String) -> Result<String, OrchestrationError> {
    let price = ctx.call_local(price_of, item).await?;
    let again = ActivityOptions::new().retry(RetryPolicy::new(3).first_delay(Duration::ZERO));
    let tax = ctx.call_local(tax_on.with(again), price).await?;
    Ok(ctx.call_activity(charge, price + tax).await?)
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let host = Host::builder()
        .provider(InMemory::new())
        .orchestration(order)
        .activity(price_of)
        .activity(tax_on)
        .activity(charge)
        .start()
        .await?;
    let instance = host.start_new(order, "lamp".to_string()).await?;
    let result = instance.result().await?;
    println!("{result}");
    assert_eq!(result, "paid 2400");

    // The history has them as any activity, with a mark.
    let history = host.history(instance.id()).await?;
    print!("{history}");
    let local = history.events().filter(|event| event.event.kind() == EventKind::TaskLocal);
    assert_eq!(local.count(), 2);
    host.shutdown().await
}
