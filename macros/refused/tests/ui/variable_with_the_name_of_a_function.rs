use reenact::prelude::*;

#[activity]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(name)
}

#[orchestration]
async fn welcome(ctx: OrchestrationContext, welcome: String) -> Result<String, OrchestrationError> {
    let greet = ctx.call_activity(greet, welcome).await?;
    Ok(greet)
}

fn main() {}
