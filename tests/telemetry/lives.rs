//! The life of a host: what it says at its start and its end, and that nothing of it needs a person.

use reenact::prelude::*;
use reenact::{HostBuilder, InMemory, Local};
use tracing::Level;

use crate::listener::{Line, Listener};

#[activity]
async fn double(_ctx: ActivityContext, n: u32) -> Result<u32, ActivityError> {
    Ok(n * 2)
}

#[orchestration]
async fn doubles(ctx: OrchestrationContext, n: u32) -> Result<u32, OrchestrationError> {
    Ok(ctx.call_activity(double, n).await?)
}

async fn life(builder: HostBuilder) -> reenact::Result<()> {
    let host = builder.activity(double).orchestration(doubles).start().await?;
    assert_eq!(host.start_new(doubles, 2_u32).await?.result().await?, 4);
    host.shutdown().await.unwrap();
    Ok(())
}

#[tokio::test]
async fn a_host_says_what_it_has_and_when_it_ends() {
    let listener = Listener::begin();
    let store = InMemory::new().with_shards(2);
    life(Host::builder().provider(store).options(HostOptions::new().host_name("north")))
        .await
        .unwrap();
    let infos = listener.all().into_iter().filter(|line| line.level == Level::INFO);
    let infos: Vec<_> = infos.filter(|line| line.target.starts_with("reenact::")).collect();
    let said: Vec<_> = infos.iter().map(|line| line.message.as_str()).collect();
    let (taken, given_up) = ("this host has taken a shard", "this host has given up a shard");
    let ends = "a host ends: it finishes what is under way";
    assert_eq!(
        said,
        [taken, taken, "a host has started", ends, given_up, given_up, "a host has ended"]
    );
    let started = &infos[2];
    let field = |name| started.fields.get(name).map(String::as_str);
    assert_eq!(field("host"), Some("north"));
    assert_eq!(field("shards"), Some("2"));
    assert_eq!(
        (field("orchestrations"), field("activities")),
        (Some("1: doubles"), Some("1: double"))
    );
}

#[tokio::test]
async fn a_healthy_life_has_no_warning_and_no_error() {
    let listener = Listener::begin();
    let directory = std::env::temp_dir().join(format!("reenact-telemetry-{}", std::process::id()));
    life(Host::builder().provider(InMemory::new())).await.unwrap();
    for _ in 0..2 {
        life(Host::builder().provider(Local::open(&directory).unwrap())).await.unwrap();
    }
    std::fs::remove_dir_all(&directory).unwrap();
    let lines = listener.all().into_iter();
    let grave: Vec<Line> = lines.filter(|line| line.level <= Level::WARN).collect();
    assert!(grave.is_empty(), "{grave:#?}");
}

#[tokio::test]
async fn a_purge_is_said_once_it_is_done() {
    let listener = Listener::begin();
    let host = Host::builder().provider(InMemory::new()).activity(double).orchestration(doubles);
    let host = host.start().await.unwrap();
    let instance = host.start_new(doubles, 2).id("purged").await.unwrap();
    assert_eq!(instance.result().await.unwrap(), 4);
    let purged = "an instance was purged";
    let said = |listener: &Listener| {
        listener.of("purged").iter().filter(|line| line.contains(purged)).count()
    };
    assert_eq!(said(&listener), 0);
    host.purge("purged").await.unwrap();
    assert_eq!(said(&listener), 1);
    host.purge("purged").await.unwrap_err();
    assert_eq!(said(&listener), 1, "there was nothing left to purge");
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn no_line_stands_in_a_span_of_the_actors() {
    let listener = Listener::begin();
    life(Host::builder().provider(InMemory::new())).await.unwrap();
    let lines = listener.all();
    let ours = || lines.iter().filter(|line| line.target.starts_with("reenact::"));
    assert!(ours().count() > 5);
    let in_a_span: Vec<_> = ours().filter(|line| line.is_in_a_span).collect();
    assert!(in_a_span.is_empty(), "{in_a_span:#?}");
}
