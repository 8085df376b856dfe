//! A warehouse that is given to the host once, payments as methods of a struct, `?` on any error,
//! and events whose names know what they carry.
//!
//! `cargo run --example warehouse`

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use reenact::prelude::*;
use reenact::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    item: String,
    cents: u64,
}

#[derive(Serialize, Deserialize)]
struct Packed {
    parcels: u32,
}

/// The events of an order. What is raised with another type does not compile.
const PACKED: EventName<Packed> = EventName::new("packed");
const CALLED_OFF: EventName<String> = EventName::new("called off");

/// What is in stock. In a real shop: a pool of connections to a database.
#[derive(Clone, Default)]
struct Warehouse(Arc<Mutex<BTreeMap<String, u32>>>);

#[derive(Debug)]
struct SoldOut(String);

impl fmt::Display for SoldOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is sold out", self.0)
    }
}

impl std::error::Error for SoldOut {}

impl Warehouse {
    fn take(&self, item: &str) -> Result<u32, SoldOut> {
        let mut stock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = stock.get_mut(item).filter(|left| **left > 0);
        let left = left.ok_or_else(|| SoldOut(item.to_string()))?;
        *left -= 1;
        Ok(*left)
    }
}

/// Takes the warehouse as an argument. No other attempt helps when the item is sold out.
#[activity]
async fn reserve(
    _ctx: ActivityContext,
    State(warehouse): State<Warehouse>,
    item: String,
) -> Result<u32, ActivityError> {
    warehouse.take(&item).fatal()
}

/// What payments need.
struct Payments {
    bank: String,
}

#[activities]
impl Payments {
    /// Any error will do: another attempt can help then.
    #[activity]
    async fn charge(&self, ctx: ActivityContext, cents: u64) -> Result<String, BoxError> {
        let account: u32 = self.account().parse()?;
        Ok(format!("{cents} cents to {account}, under {}", ctx.idempotency_key()))
    }

    /// No activity, and so a method as any other.
    fn account(&self) -> &str {
        self.bank.trim_start_matches("bank-")
    }
}

/// Says which events it takes: any other is refused where it is raised.
#[orchestration(events(PACKED, CALLED_OFF))]
async fn buy(ctx: OrchestrationContext, order: Order) -> Result<String, BoxError> {
    ctx.call_activity(reserve, order.item.clone()).await?;
    let packed = ctx.schedule_wait(PACKED);
    let called_off = ctx.schedule_wait(CALLED_OFF);
    tokio::select! {
        biased;
        why = called_off => Ok(format!("{} was called off: {}", order.item, why?)),
        packed = packed => {
            let receipt = ctx.call_activity(Payments::charge, order.cents).await?;
            Ok(format!("{} in {} parcels; {receipt}", order.item, packed?.parcels))
        }
    }
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let warehouse = Warehouse::default();
    warehouse.0.lock().unwrap_or_else(PoisonError::into_inner).insert("a lamp".to_string(), 2);
    let host = Host::builder()
        .provider(InMemory::new())
        .orchestration(buy)
        .activity(reserve)
        .state(warehouse)
        .activities(Payments { bank: "bank-4711".to_string() })
        .start()
        .await?;
    let lamp = Order { item: "a lamp".to_string(), cents: 4_900 };

    let first = host.start_new(buy, lamp.clone()).id("order-1").await?;
    host.raise_event("order-1", PACKED, Packed { parcels: 2 }).await?;
    println!("{}", first.result().await?);

    let second = host.start_new(buy, lamp.clone()).id("order-2").await?;
    // By its plain name it is the same event; one that the order does not declare is refused.
    let refused = host.raise_event("order-2", "calledoff", "no need").await;
    println!("{}", refused.err().map_or_else(String::new, |error| error.to_string()));
    host.raise_event("order-2", "called off", "no need").await?;
    println!("{}", second.result().await?);

    let third = host.start_new(buy, lamp).id("order-3").await?;
    match third.result().await {
        Err(Error::Failed { source, .. }) => println!("{source:#}"),
        Err(error) if error.kind() == ErrorKind::Stopped => println!("somebody stopped it"),
        other => println!("{other:?}"),
    }
    host.shutdown().await
}
