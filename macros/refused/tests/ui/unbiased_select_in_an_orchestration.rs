use reenact::prelude::*;

#[orchestration]
async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    tokio::select! {
        () = std::future::ready(()) => Ok(name),
        () = std::future::pending() => Ok(String::new()),
    }
}

fn main() {}
