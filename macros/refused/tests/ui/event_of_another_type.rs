use reenact::prelude::*;

const PACKED: EventName<u32> = EventName::new("packed");

async fn raise(client: Client) -> reenact::Result<()> {
    client.raise_event("order-7", PACKED, "two").await
}

#[orchestration]
async fn order(ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let packed: String = ctx.wait_external(PACKED).await?;
    Ok(packed)
}

fn main() {}
