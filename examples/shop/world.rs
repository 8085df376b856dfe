//! The world outside of the shop: a warehouse, a bank, a printer of labels. In a real shop these are a database
//! and two services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reenact::prelude::*;
use serde::{Deserialize, Serialize};

use crate::orders::Parcel;

/// A parcel above this weight needs a carrier that the shop does not have.
const HEAVIEST_GRAMS: u32 = 10_000;

/// The warehouse. It knows each reservation by the key of its activity: so it counts once, however often the
/// activity runs.
#[derive(Clone)]
pub(crate) struct Warehouse(Arc<Mutex<Stock>>);

struct Stock {
    left: BTreeMap<String, u32>,
    seen: BTreeSet<String>,
}

impl Warehouse {
    pub(crate) fn stocked() -> Self {
        let items = [("lamp", 40), ("desk", 12), ("chair", 60), ("piano", 1), ("mirror", 9)];
        let left = items.map(|(item, count)| (item.to_owned(), count)).into();
        Self(Arc::new(Mutex::new(Stock { left, seen: BTreeSet::new() })))
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes items out of stock. No other attempt helps when there are too few.
#[activity]
pub(crate) async fn reserve(
    ctx: ActivityContext,
    State(warehouse): State<Warehouse>,
    (item, quantity): (String, u32),
) -> Result<(), ActivityError> {
    let mut stock = warehouse.stock();
    if stock.seen.contains(&ctx.idempotency_key()) {
        return Ok(());
    }
    let left = stock.left.get(&item).copied().unwrap_or(0);
    let Some(rest) = left.checked_sub(quantity) else {
        return Err(ActivityError::fatal(format!("{item}: {quantity} wanted, {left} in stock")));
    };
    stock.left.insert(item, rest);
    stock.seen.insert(ctx.idempotency_key());
    Ok(())
}

/// Puts items back into stock.
#[activity]
pub(crate) async fn restock(
    ctx: ActivityContext,
    State(warehouse): State<Warehouse>,
    (item, quantity): (String, u32),
) -> Result<(), ActivityError> {
    let mut stock = warehouse.stock();
    if stock.seen.insert(ctx.idempotency_key()) {
        *stock.left.entry(item).or_default() += quantity;
    }
    Ok(())
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) number: String,
    pub(crate) cents: u64,
}

/// The bank. It is busy now and then, and does not take the cards of some customers.
pub(crate) struct Payments {
    pub(crate) account: u32,
}

#[activities]
impl Payments {
    /// The bank knows a payment by its key, which is the same for all attempts.
    #[activity]
    pub(crate) async fn charge(
        &self,
        ctx: ActivityContext,
        (customer, cents): (String, u64),
    ) -> Result<Payment, ActivityError> {
        // Like a call over the network, it takes a moment.
        tokio::time::sleep(Duration::from_millis(120)).await;
        if customer == "mallory" {
            return Err(ActivityError::fatal("the card of mallory was declined"));
        }
        // Every third amount meets a busy bank twice.
        if cents.is_multiple_of(3) && ctx.attempt() < 3 {
            return Err(ActivityError::retryable("the bank is busy"));
        }
        let number = format!("{}-{}", self.account, ctx.idempotency_key());
        Ok(Payment { number, cents })
    }

    #[activity]
    pub(crate) async fn refund(
        &self,
        _ctx: ActivityContext,
        payment: Payment,
    ) -> Result<u64, ActivityError> {
        Ok(payment.cents)
    }
}

/// Prints the label of a parcel, and gives its number.
#[activity]
pub(crate) async fn print_label(
    _ctx: ActivityContext,
    parcel: Parcel,
) -> Result<String, ActivityError> {
    tokio::time::sleep(Duration::from_millis(80)).await;
    if parcel.weight_grams > HEAVIEST_GRAMS {
        let weight = parcel.weight_grams;
        return Err(ActivityError::fatal(format!("no carrier takes a parcel of {weight} g")));
    }
    Ok(format!("parcel of {}, for {}", parcel.order, parcel.customer))
}
