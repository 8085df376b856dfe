//! Activities with a tag: on one host, and between hosts that share a store.

#[path = "support/kit.rs"]
mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kit::{guard, id, options, store};
use reenact::prelude::*;
use reenact::{HostBuilder, InvalidName, Provider};

/// Calls `train` with the tag `gpu`, and whatever else.
fn learns(host: HostBuilder, with: ActivityOptions) -> HostBuilder {
    host.register_orchestration("learn", move |ctx: OrchestrationContext, input: u64| async move {
        let train = NamedActivity::new("train").with(with.tag("gpu"));
        let output: u64 = ctx.call_activity_by_name(train, &input).await?;
        Ok(output)
    })
}

#[tokio::test]
async fn a_host_that_has_its_store_alone_runs_everything() {
    let host =
        learns(Host::builder().provider(store().0).options(options()), ActivityOptions::new())
            .register_activity("train", |_ctx, input: u64| async move { Ok(input * 2) });
    let host = guard(host.start()).await.expect("it starts");
    let learn = guard(host.start_new_by_name::<u64>("learn", 21_u64)).await.expect("it starts");
    assert_eq!(guard(learn.result()).await.expect("it completes"), 42);
    guard(host.shutdown()).await.expect("it ends");
}

#[tokio::test]
async fn there_an_activity_that_is_not_registered_parks_its_instance_as_ever() {
    let host =
        learns(Host::builder().provider(store().0).options(options()), ActivityOptions::new());
    let host = guard(host.start()).await.expect("it starts");
    let refused = guard(host.start_new_by_name::<u64>("learn", 21_u64)).await.expect_err("no code");
    assert!(refused.to_string().contains("`train`"), "{refused}");
    guard(host.shutdown()).await.expect("it ends");
}

#[tokio::test]
async fn a_tag_that_is_no_name_is_refused_at_the_start() {
    let options = HostOptions { tags: ["g\npu".to_string()].into(), ..options() };
    let refused = guard(Host::builder().provider(store().0).options(options).start()).await;
    let Err(reenact::Error::InvalidTag { tag, source }) = refused else { panic!("it starts") };
    assert_eq!(tag, "g\npu");
    assert!(matches!(source, InvalidName::ControlCharacter { .. }));
}

#[tokio::test]
async fn on_a_shared_store_the_owner_runs_nothing_that_has_a_tag_it_does_not_declare() {
    let (memory, _clock) = store();
    let memory = memory.shared();
    let runs = Arc::new(AtomicU32::new(0));
    let count = runs.clone();
    let host = Host::builder().provider(memory.clone()).options(options());
    let host = learns(host, ActivityOptions::new());
    let host = host.register_activity("train", move |_ctx, input: u64| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { Ok(input) }
    });
    let host = guard(host.start()).await.expect("it starts");
    let learn = host.start_new_by_name::<u64>("learn", 21_u64).id("i");
    guard(learn).await.expect("it starts");
    let status = guard(host.get_status(&id("i"))).await.expect("it is there");
    assert_eq!(status.activities[0].tag.as_ref().map(|tag| tag.as_str()), Some("gpu"));
    let sharing = memory.sharing().expect("it is shared");
    let tag = reenact::Name::new("gpu").expect("a name");
    let sent = guard(sharing.receive_from(&tag, 9)).await.expect("a store in memory");
    assert_eq!(sent.len(), 1, "it waits for somebody who declares it");
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    guard(host.shutdown()).await.expect("it ends");
}
