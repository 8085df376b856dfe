use reenact::prelude::*;

#[orchestration]
async fn welcome(_ctx: ActivityContext, name: String) -> Result<String, OrchestrationError> {
    Ok(name)
}

fn main() {}
