use reenact::prelude::*;

#[orchestration(version = "1.2")]
async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    Ok(name)
}

fn main() {}
