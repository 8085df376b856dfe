use std::time::{Instant, SystemTime};

use reenact::prelude::*;

#[orchestration]
async fn welcome(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let began = Instant::now();
    let at = SystemTime::now();
    Ok(format!("{name} {at:?} {:?}", began.elapsed()))
}

// The name stays usable: one mistake, one message.
fn main() {
    let _ = welcome;
}
