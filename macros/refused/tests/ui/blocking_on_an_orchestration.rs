use reenact::prelude::*;

#[orchestration(blocking)]
async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    Ok(name)
}

#[orchestration]
fn plain(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    Ok(name)
}

fn main() {}
