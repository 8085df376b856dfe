use reenact::prelude::*;

#[orchestration(allow(std::clock))]
async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    Ok(name)
}

fn main() {}
