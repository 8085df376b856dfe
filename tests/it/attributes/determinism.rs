//! What looks like a broken rule but is not one, and what is allowed on purpose.

use std::time::{Duration, Instant};

use reenact::prelude::*;

mod time {
    pub(super) async fn sleep(_: std::time::Duration) {}
}

#[orchestration]
async fn lookalikes(_ctx: OrchestrationContext) -> Result<u32, OrchestrationError> {
    let rand = 4;
    time::sleep(Duration::from_secs(rand)).await;
    tokio::select! {
        biased;
        () = std::future::ready(()) => Ok(1),
        () = std::future::pending() => Ok(2),
    }
}

#[orchestration(allow(std::time, std::thread))]
async fn allowed(_ctx: OrchestrationContext) -> Result<String, OrchestrationError> {
    let began = Instant::now();
    let here = std::thread::current().id();
    Ok(format!("{here:?} {:?}", began.elapsed()))
}

#[test]
fn what_only_looks_like_a_broken_rule_compiles() {
    let _ = (lookalikes, allowed);
}
