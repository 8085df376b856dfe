//! A decision by a person, with a deadline.
//!
//!     cargo run --example approval

use reenact::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Expense {
    euros: u64,
    decide_within: Duration,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Decision {
    Paid { approved_by: String },
    Refused { by: String },
    TooLate,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    by: String,
    approved: bool,
}

#[activity]
async fn pay(ctx: ActivityContext, euros: u64) -> Result<(), ActivityError> {
    // The key is the same whenever this payment is tried again: so the bank pays it once.
    println!("paying {euros} euros under the key {}", ctx.idempotency_key());
    Ok(())
}

#[orchestration]
async fn reimburse(
    ctx: OrchestrationContext,
    expense: Expense,
) -> Result<Decision, OrchestrationError> {
    let answer = ctx.wait_external::<Answer>("Answer");
    let Ok(answer) = ctx.timeout(expense.decide_within, answer).await else {
        return Ok(Decision::TooLate);
    };
    let Answer { by, approved } = answer?;
    if !approved {
        return Ok(Decision::Refused { by });
    }
    ctx.call_activity(pay, expense.euros).await?;
    Ok(Decision::Paid { approved_by: by })
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let host = Host::builder()
        .provider(InMemory::new())
        .orchestration(reimburse)
        .activity(pay)
        .start()
        .await?;
    let week = Duration::from_secs(7 * 24 * 60 * 60);

    let approved = host.start_new(reimburse, Expense { euros: 120, decide_within: week }).await?;
    approved.raise_event("Answer", Answer { by: "Ada".into(), approved: true }).await?;
    assert_eq!(approved.result().await?, Decision::Paid { approved_by: "Ada".into() });

    let refused = host.start_new(reimburse, Expense { euros: 9_000, decide_within: week }).await?;
    refused.raise_event("Answer", Answer { by: "Grace".into(), approved: false }).await?;
    assert_eq!(refused.result().await?, Decision::Refused { by: "Grace".into() });

    let moment = Duration::from_millis(50);
    let forgotten = host.start_new(reimburse, Expense { euros: 15, decide_within: moment }).await?;
    assert_eq!(forgotten.result().await?, Decision::TooLate);

    println!("one paid, one refused, one too late");
    host.shutdown().await
}
