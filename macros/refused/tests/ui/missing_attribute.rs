use reenact::prelude::*;

async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(name)
}

async fn welcome(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    Ok(ctx.call_activity(greet, name).await?)
}

fn main() {
    let _ = Host::builder().orchestration(welcome).activity(greet);
}
