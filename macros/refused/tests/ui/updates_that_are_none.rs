use reenact::prelude::*;

#[orchestration(updates("add"))]
async fn by_text(_ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(())
}

#[orchestration(updates())]
async fn none(_ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(())
}

#[orchestration(updates(ADD if))]
async fn without_a_check(_ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(())
}

#[activity(updates(ADD))]
async fn pack(_ctx: ActivityContext) -> Result<(), ActivityError> {
    Ok(())
}

fn main() {}
