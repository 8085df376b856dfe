//! How long the runs of a workflow of ten steps take, with all that goes wrong.
//!
//! `cargo bench -p reenact-simulation --bench scenario`

use std::time::Instant;

use reenact::prelude::*;
use reenact::testing::{Effects, Scenario};

const SEEDS: u64 = 1_000;

#[activity]
async fn step(
    ctx: ActivityContext,
    State(effects): State<Effects>,
    number: u64,
) -> Result<u64, ActivityError> {
    effects.happen(&ctx, format!("step {number}")).await?;
    Ok(number)
}

#[orchestration]
async fn ten_steps(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let patient = step.with(ActivityOptions::new().retry(RetryPolicy::new(1_000)));
    let mut sum = 0;
    for number in 0..10 {
        sum += ctx.call_activity(patient, number).await?;
    }
    Ok(sum)
}

fn main() {
    let builder = || Host::builder().orchestration(ten_steps).activity(step);
    let began = Instant::now();
    let report = Scenario::new(ten_steps, (), builder)
        .check(|result, effects| match result {
            Ok(45) if effects.all().len() == 10 => Ok(()),
            other => Err(format!("{other:?} with {:?}", effects.all())),
        })
        .run(SEEDS);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} seeds with {} faults in {seconds:.1} s, {:.0} a second",
        report.seeds,
        report.faults,
        report.seeds as f64 / seconds
    );
}
