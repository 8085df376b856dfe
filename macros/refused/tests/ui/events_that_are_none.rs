use reenact::prelude::*;

#[orchestration(events("packed"))]
async fn by_text(_ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(())
}

#[orchestration(events())]
async fn none(_ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    Ok(())
}

#[activity(events(PACKED))]
async fn pack(_ctx: ActivityContext) -> Result<(), ActivityError> {
    Ok(())
}

fn main() {}
