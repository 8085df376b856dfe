//! A service that is away now and then: a payment that is tried again, and a long copy that goes on
//! where the attempt before it stopped.
//!
//!     cargo run --example retries

use std::sync::atomic::{AtomicU32, Ordering};

use reenact::EventKind;
use reenact::prelude::*;

/// How often the bank was asked: the world outside.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// The bank is busy twice, and answers the third time. It knows the payment by its key, which is the
/// same for all attempts.
#[activity]
async fn charge(ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
    let attempt = ctx.attempt();
    ASKED.fetch_add(1, Ordering::Relaxed);
    if attempt < 3 {
        println!("attempt {attempt}: the bank is busy");
        return Err(ActivityError::retryable("the bank is busy"));
    }
    println!("attempt {attempt}: {cents} cents under the key {}", ctx.idempotency_key());
    Ok(format!("paid {cents}"))
}

/// Copies a hundred pages. Its first attempt hangs in the middle: it is silent for too long, and the
/// next one goes on from the last page that was reported.
#[activity]
async fn copy(ctx: ActivityContext, pages: u32) -> Result<u32, ActivityError> {
    let first = ctx.heartbeat_details().unwrap_or(0);
    for page in first..pages {
        if page == 60 && ctx.attempt() == 1 {
            println!("page {page}: hangs");
            ctx.cancelled().await;
            return Err(ActivityError::retryable("cancelled: it took too long"));
        }
        ctx.heartbeat(&(page + 1))?;
    }
    println!("attempt {}: pages {first} to {pages}", ctx.attempt());
    Ok(pages - first)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    let policy = RetryPolicy::new(5).first_delay(Duration::from_millis(20)).jitter(0.2);
    let patient = ActivityOptions::new().retry(policy);
    let limited = patient.start_to_close(Duration::from_secs(10));
    let paid = ctx.call_activity(charge.with(limited), cents).await?;
    let watched = patient.heartbeat(Duration::from_millis(200));
    let copied = ctx.call_activity(copy.with(watched), 100).await?;
    Ok(format!("{paid}, the last attempt copied {copied} pages"))
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let host = Host::builder()
        .provider(InMemory::new())
        .orchestration(order)
        .activity(charge)
        .activity(copy)
        .start()
        .await?;
    let instance = host.start_new(order, 500).await?;
    let result = instance.result().await?;
    println!("{result}");
    assert_eq!(result, "paid 500, the last attempt copied 40 pages");
    assert_eq!(ASKED.load(Ordering::Relaxed), 3);

    // Of the attempts that failed, the history has the last.
    let history = host.history(instance.id()).await?;
    print!("{history}");
    let failed =
        history.events().filter(|event| event.event.kind() == EventKind::TaskAttemptFailed);
    assert_eq!(failed.count(), 2, "one of each activity");
    host.shutdown().await
}
