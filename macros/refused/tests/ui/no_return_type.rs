use reenact::prelude::*;

#[orchestration]
async fn welcome(_ctx: OrchestrationContext, _name: String) {}

fn main() {}
