//! What an order does: it takes stock, waits for a decision if it is large, is paid and shipped. When a step
//! fails, or somebody cancels the order, what was done is undone.

use reenact::prelude::*;
use serde::{Deserialize, Serialize};

use crate::world::{Payment, Payments, reserve, restock};

/// An order of this amount or more waits for a person.
pub(crate) const ASK_FROM_CENTS: u64 = 50_000;

/// How long it waits for that person.
const DECIDE_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a parcel is on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

/// The decision about a large order. What is raised with another type does not compile.
pub(crate) const DECISION: EventName<Decision> = EventName::new("decision");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) customer: String,
    pub(crate) item: String,
    pub(crate) quantity: u32,
    pub(crate) cents: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) by: String,
    pub(crate) approved: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) payment: String,
    pub(crate) parcel: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Parcel {
    pub(crate) order: String,
    pub(crate) customer: String,
    pub(crate) weight_grams: u32,
}

/// What was done for an order, and must be undone when the order is not fulfilled.
enum Done {
    Reserved { item: String, quantity: u32 },
    Charged(Payment),
}

/// An order from its beginning to its end.
#[orchestration(events(DECISION))]
pub(crate) async fn order(
    ctx: OrchestrationContext,
    wanted: Order,
) -> Result<Receipt, OrchestrationError> {
    let mut done = Vec::new();
    let fulfilled = fulfil(&ctx, &wanted, &mut done).await;
    if fulfilled.is_err() {
        undo(&ctx, done).await?;
    }
    fulfilled
}

async fn fulfil(
    ctx: &OrchestrationContext,
    wanted: &Order,
    done: &mut Vec<Done>,
) -> Result<Receipt, OrchestrationError> {
    ctx.set_status("takes stock");
    let Order { item, quantity, .. } = wanted.clone();
    // A cancel does not touch it in the middle: whether there was stock would not be known.
    ctx.shielded().call_activity(reserve, (item.clone(), quantity)).await?;
    done.push(Done::Reserved { item, quantity });

    if wanted.cents >= ASK_FROM_CENTS {
        ctx.set_status("waits for a decision");
        let decision = ctx.wait_external(DECISION);
        let Ok(decision) = ctx.timeout(DECIDE_WITHIN, decision).await else {
            return Err(OrchestrationError::new("nobody decided in time"));
        };
        let Decision { by, approved } = decision?;
        if !approved {
            return Err(OrchestrationError::new(format!("{by} has refused the order")));
        }
    }

    ctx.set_status("is being paid");
    ctx.check_cancelled()?;
    let again = RetryPolicy::new(6).first_delay(Duration::from_millis(500)).jitter(0.2);
    let options = ActivityOptions::new().retry(again).start_to_close(Duration::from_secs(10));
    let charge = Payments::charge.with(options);
    let payment =
        ctx.shielded().call_activity(charge, (wanted.customer.clone(), wanted.cents)).await?;
    done.push(Done::Charged(payment.clone()));

    ctx.set_status("is being shipped");
    let parcel = Parcel {
        order: ctx.instance_id().to_string(),
        customer: wanted.customer.clone(),
        weight_grams: 400 * wanted.quantity,
    };
    let child = ChildOptions::new().id(format!("{}/parcel", ctx.instance_id()));
    let parcel = ctx.call_orchestration(ship.with(child), parcel).await?;
    ctx.set_status("has arrived");
    Ok(Receipt { payment: payment.number, parcel })
}

/// The last step first. A crash in the middle of it loses nothing, and a cancel does not touch it.
async fn undo(ctx: &OrchestrationContext, done: Vec<Done>) -> Result<(), OrchestrationError> {
    let shielded = ctx.shielded();
    for step in done.into_iter().rev() {
        ctx.set_status("is being undone");
        match step {
            Done::Reserved { item, quantity } => {
                shielded.call_activity(restock, (item, quantity)).await?;
            }
            Done::Charged(payment) => {
                shielded.call_activity(Payments::refund, payment).await?;
            }
        }
    }
    Ok(())
}

/// A parcel: a child of its order, with a label, a courier and a time on its way.
#[orchestration]
pub(crate) async fn ship(
    ctx: OrchestrationContext,
    parcel: Parcel,
) -> Result<String, OrchestrationError> {
    let label = ctx.call_activity(crate::world::print_label, parcel).await?;
    ctx.set_status("on its way");
    ctx.timer(ON_ITS_WAY).await;
    ctx.set_status("delivered");
    Ok(label)
}
