use reenact::prelude::*;

#[orchestration]
async fn welcome(_ctx: &OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    Ok(name)
}

fn main() {}
