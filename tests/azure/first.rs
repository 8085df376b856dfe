//! One host.

use reenact::prelude::*;
use reenact::{Azure, AzureOptions, Connection};

use crate::emulator;

#[activity]
async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
    Ok(format!("Hello, {name}!"))
}

#[orchestration]
async fn welcome(ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    let greeting = ctx.call_activity(greet, name).await?;
    ctx.timer(Duration::from_millis(50)).await;
    let go: String = ctx.wait_external("Go").await?;
    Ok(format!("{greeting} {go}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_program_runs() {
    let emulator = emulator().await;
    let hub = Azure::connect(&emulator.connection_string(), "first").await.unwrap();
    let host = Host::builder().provider(hub.clone()).orchestration(welcome).activity(greet);
    let host = host.start().await.unwrap();
    let instance = host.start_new(welcome, "Ada".to_owned()).await.unwrap();
    instance.raise_event("Go", "Come in.").await.unwrap();
    assert_eq!(instance.result().await.unwrap(), "Hello, Ada! Come in.");

    let connection = Connection::parse(&emulator.connection_string()).unwrap();
    let elsewhere = AzureOptions::new().connect(&connection, "first").await.unwrap();
    let client = reenact::Client::connect(elsewhere).unwrap();
    let other = client.start_new(welcome, "Grace".to_owned()).await.unwrap();
    other.raise_event("Go", "You too.").await.unwrap();
    assert_eq!(other.result().await.unwrap(), "Hello, Grace! You too.");
    println!("{:?}", hub.transactions());
    host.shutdown().await.unwrap();
}
