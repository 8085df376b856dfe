use reenact::prelude::*;

struct Refusal;

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64) -> Result<u64, Refusal> {
    Ok(cents)
}

#[orchestration]
async fn order(_ctx: OrchestrationContext, cents: u64) -> Result<u64, Refusal> {
    Ok(cents)
}

fn main() {}
