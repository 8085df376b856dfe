//! The first program: one activity, one timer, one event.
//!
//!     cargo run --example hello

use reenact::prelude::*;

#[activity]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(format!("Hello, {name}!"))
}

#[orchestration]
async fn welcome(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let greeting = ctx.call_activity(greet, name).await?;
    ctx.timer(Duration::from_millis(100)).await;
    let go: String = ctx.wait_external("Go").await?;
    Ok(format!("{greeting} {go}"))
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let host = Host::builder()
        .provider(Local::open("hello.reenact")?) // a directory; it is made if it is not there
        .orchestration(welcome)
        .activity(greet)
        .start()
        .await?;
    let instance = host.start_new(welcome, "Ada".to_string()).await?;
    // The event may come before anybody waits for it: it is kept.
    instance.raise_event("Go", "Come in.").await?;
    let said = instance.result().await?;
    println!("{said}");
    assert_eq!(said, "Hello, Ada! Come in.");
    host.shutdown().await
}
