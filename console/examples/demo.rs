//! The console over a host in memory with instances of every kind, to look at the pages:
//! `cargo run -p reenact-console --example demo`, then open the address that it prints.

use std::time::Duration;

use reenact::prelude::*;
use reenact_console::{Console, ConsoleOptions};
use serde_json::{Value, json};

#[activity]
async fn reserve_stock(_: ActivityContext, wanted: Value) -> Result<Value, ActivityError> {
    tokio::time::sleep(Duration::from_millis(40)).await;
    Ok(json!({ "reserved": wanted["items"], "warehouse": "Hall 3", "until": "2026-12-24" }))
}

#[activity]
async fn charge_card(ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
    tokio::time::sleep(Duration::from_millis(90)).await;
    if ctx.attempt() < 3 {
        return Err(ActivityError::retryable(format!(
            "bank answered 503 to attempt {}",
            ctx.attempt()
        )));
    }
    Ok(format!("paid {cents}"))
}

#[activity]
async fn call_carrier(ctx: ActivityContext, parcel: String) -> Result<String, ActivityError> {
    tokio::time::sleep(Duration::from_millis(30)).await;
    match parcel.as_str() {
        "glass" => Err(ActivityError::fatal("the carrier takes no glass")),
        "slow" => {
            ctx.heartbeat(&json!({ "step": 2, "of": 5 }))?;
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok("late".to_owned())
        }
        "down" => Err(ActivityError::retryable("connection refused: carrier.example:443")),
        _ => Ok("on its way".to_owned()),
    }
}

fn retries() -> ActivityOptions {
    let policy = RetryPolicy::new(5).first_delay(Duration::from_millis(250));
    ActivityOptions::new().retry(policy)
}

#[orchestration]
async fn ship(ctx: OrchestrationContext, parcel: String) -> Result<String, OrchestrationError> {
    let patient = RetryPolicy::new(100).first_delay(Duration::from_secs(45));
    let options = ActivityOptions::new().retry(patient).heartbeat(Duration::from_secs(3000));
    Ok(ctx.call_activity(call_carrier.with(options), parcel).await?)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, input: Value) -> Result<Value, OrchestrationError> {
    ctx.set_status(&json!({ "step": "stock" }));
    let stock = ctx.call_activity(reserve_stock, input.clone()).await?;
    ctx.set_status(&json!({ "step": "payment" }));
    let paid = ctx
        .call_activity(charge_card.with(retries()), input["cents"].as_u64().unwrap_or(1))
        .await?;
    ctx.set_status(&json!({ "step": "approval" }));
    if input["ask"] == true {
        let answer = ctx.wait_external::<Value>("Approve");
        let answer = ctx.timeout(Duration::from_secs(6 * 3600), answer).await;
        let _ = answer;
    }
    ctx.timer(Duration::from_millis(300)).await;
    ctx.set_status(&json!({ "step": "shipping" }));
    let parcel = input["parcel"].as_str().unwrap_or("book").to_owned();
    let shipped = ctx.call_orchestration(ship, parcel).await?;
    Ok(json!({ "stock": stock, "paid": paid, "shipped": shipped }))
}

#[orchestration]
async fn fan_out(ctx: OrchestrationContext, wide: u64) -> Result<u64, OrchestrationError> {
    let calls = (0..wide).map(|nth| ctx.schedule_activity(charge_card.with(retries()), nth));
    let all = ctx.when_all(calls.collect::<Vec<_>>()).await;
    Ok(all.into_iter().filter(Result::is_ok).count() as u64)
}

/// Many small steps: a history that nobody reads as a whole.
#[orchestration]
async fn long_story(ctx: OrchestrationContext, steps: u64) -> Result<u64, OrchestrationError> {
    for nth in 0..steps {
        ctx.side_effect(|| nth).await;
        ctx.timer(Duration::from_micros(10)).await;
    }
    ctx.wait_external::<Value>("End").await?;
    Ok(steps)
}

type Done = Result<(), Box<dyn std::error::Error>>;

/// A first host, with earlier code of `invoice`.
async fn earlier(store: &InMemory) -> Done {
    let host = Host::builder()
        .provider(store.clone())
        .activity(charge_card)
        .activity(reserve_stock)
        .register_orchestration("invoice", async |ctx: OrchestrationContext, cents: u64| {
            ctx.call_activity_by_name::<_, Value>("reserve_stock", &json!({ "items": 1 })).await?;
            ctx.set_status("sent");
            ctx.wait_external::<Value>("Paid").await?;
            Ok(cents)
        })
        .start()
        .await?;
    for nth in 0..3 {
        let instance = host
            .start_new_by_name::<u64>("invoice", 4_200 + nth)
            .id(format!("invoice-{nth}"))
            .await?;
        instance.wait_for_status(|status| status.custom_status.is_some()).await?;
    }
    host.shutdown().await?;
    Ok(())
}

async fn fill(host: &Host) -> Done {
    for nth in 0..9 {
        let input = json!({ "items": ["book", "lamp"], "cents": 1_999 + nth, "customer": { "name": "Ada Lovelace", "street": "St James's Square 12", "city": "London" } });
        host.start_new(order, input).id(format!("order-{:04}", 1001 + nth)).await?;
    }
    for nth in 0..4 {
        host.start_new(order, json!({ "cents": 52_000, "ask": true }))
            .id(format!("order-{}", 2001 + nth))
            .await?;
    }
    for (nth, parcel) in ["glass", "slow", "down", "glass"].into_iter().enumerate() {
        host.start_new(order, json!({ "cents": 700, "parcel": parcel }))
            .id(format!("order-{}", 3001 + nth))
            .await?;
    }
    host.start_new(fan_out, 24).id("fan-out/today").await?;
    host.start_new(
        order,
        json!({ "cents": 1, "note": "<img src=x onerror=alert(1)>", "ask": true }),
    )
    .id("<script>alert(1)</script>")
    .await?;
    host.start_new(order, json!({ "cents": 1 })).id("../../etc/passwd").await?;
    host.start_new(fan_out, 3).id("x".repeat(180)).await?;
    host.start_new(long_story, 3_000).id("long-story").await?;
    let client = host.client();
    for id in ["held-1", "held-2"] {
        host.start_new(order, json!({ "cents": 5, "ask": true })).id(id).await?;
        client.suspend(id, "the bank is in maintenance until 06:00").await?;
        client.raise_event(id, "Approve", json!({ "by": "grace", "approved": true })).await?;
    }
    for id in ["wrong-1", "wrong-2"] {
        host.start_new(order, json!({ "cents": 5, "ask": true })).id(id).await?;
    }
    client.terminate("wrong-1", "started by mistake").await?;
    client.cancel("wrong-2", "the customer called").await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Done {
    let store = InMemory::new();
    earlier(&store).await?;
    let host = Host::builder()
        .provider(store)
        .orchestration(order)
        .orchestration(ship)
        .orchestration(fan_out)
        .orchestration(long_story)
        .activity(reserve_stock)
        .activity(charge_card)
        .activity(call_carrier)
        .register_orchestration("invoice", async |ctx: OrchestrationContext, cents: u64| {
            ctx.call_activity_by_name::<_, String>("charge_card", &cents).await?;
            ctx.wait_external::<Value>("Paid").await?;
            Ok(cents)
        })
        .start()
        .await?;
    fill(&host).await?;
    let until_somebody_approves = Duration::from_millis(2_000);
    tokio::time::sleep(until_somebody_approves).await;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7070".to_owned());
    let console = Console::serve(host.client(), address, ConsoleOptions::new()).await?;
    host.client()
        .raise_event("order-2004", "Approve", json!({ "by": "grace", "approved": true }))
        .await?;
    println!("http://{}/", console.local_addr());
    // Something always happens, now more and now less.
    for nth in 0_u64.. {
        let parcel = if nth % 23 == 3 { "glass" } else { "book" };
        let id = format!("order-{}", 5001 + nth);
        host.start_new(order, json!({ "cents": nth, "parcel": parcel })).id(id).await?;
        let wave = (nth as f64 / 90.0).sin() + 0.5 * (nth as f64 / 17.0).sin();
        tokio::time::sleep(Duration::from_millis((260.0 + 120.0 * wave) as u64)).await;
    }
    Ok(())
}
