use reenact::prelude::*;

#[orchestration]
async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let naps = vec![tokio::time::sleep(std::time::Duration::from_secs(1))];
    Ok(format!("{name} {}", naps.len()))
}

fn main() {}
