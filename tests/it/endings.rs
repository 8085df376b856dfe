//! What becomes of what an orchestration has open when it ends, or is cancelled, through the public API.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::{HOUR, events, guard, options, store};
use reenact::prelude::*;
use reenact::{DurableOutput, Error, HostBuilder, Winner};

/// What the event "Go" carries.
#[orchestration]
async fn leaf(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    Ok(ctx.wait_external("Go").await?)
}

/// Holds an abandoned child with the id "leaf", and ends as its input says.
#[orchestration]
async fn abandons(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let abandoned = ChildOptions::new().id("leaf").parent_close(ParentClose::Abandon);
    let _child = ctx.schedule_orchestration(leaf.with(abandoned), ());
    let how: String = ctx.wait_external("End").await?;
    match &*how {
        "return" => Ok(1),
        "panic" => panic!("in the middle"),
        _ => Err("no".into()),
    }
}

fn host(memory: &InMemory) -> HostBuilder {
    Host::builder()
        .provider(memory.clone())
        .options(options())
        .orchestration(leaf)
        .orchestration(abandons)
}

/// Returns when the instance "leaf" is there and waits.
async fn until_leaf_waits(client: &Client) {
    guard(async {
        while client.get_status("leaf").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The child that nobody waits for any more still takes its event, and completes.
async fn assert_leaf_goes_on(client: &Client, how: &str) {
    guard(client.raise_event("leaf", "Go", 7)).await.unwrap();
    assert_eq!(guard(client.instance::<u64>("leaf").result()).await.unwrap(), 7, "{how}");
    let log = events(client, &crate::kit::id("leaf")).await;
    assert!(!log.iter().any(|event| event.starts_with("CancelRequested")), "{how}: {log:?}");
}

#[tokio::test]
async fn an_abandoned_child_goes_on_however_its_parent_ends() {
    for how in ["return", "fail", "panic", "cancel", "terminate"] {
        let host = host(&store().0).start().await.unwrap();
        let parent = guard(host.start_new(abandons, ())).await.unwrap();
        until_leaf_waits(&host).await;
        match how {
            "cancel" => guard(parent.cancel("why")).await.unwrap(),
            "terminate" => guard(parent.terminate("why")).await.unwrap(),
            other => guard(parent.raise_event("End", other)).await.unwrap(),
        }
        let _ = guard(parent.result()).await;
        assert_leaf_goes_on(&host, how).await;
        host.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn an_activity_that_is_dropped_in_the_turn_of_its_call_never_runs() {
    let charged = Arc::new(AtomicUsize::new(0));
    let counted = charged.clone();
    let host = host(&store().0)
        .register_activity("charge", move |_ctx, (): ()| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        })
        .register_orchestration("races", |ctx: OrchestrationContext, _: ()| async move {
            let ready = tokio::select! {
                biased;
                () = std::future::ready(()) => true,
                _ = ctx.call_activity_by_name::<_, ()>("charge", &()) => false,
            };
            // A turn of its own: what the one before has called runs by now, if it ever does.
            let () = ctx.call_activity_by_name("charge", &()).await?;
            Ok(ready)
        })
        .start()
        .await
        .unwrap();
    let race = guard(host.start_new_by_name::<bool>("races", &())).await.unwrap();
    assert!(guard(race.result()).await.unwrap());
    host.shutdown().await.unwrap();
    assert_eq!(charged.load(Ordering::SeqCst), 1);
}

/// Waits for one child, with the id "leaf".
#[orchestration]
async fn waits_for_leaf(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    let own_id = ChildOptions::new().id("leaf");
    Ok(ctx.call_orchestration(leaf.with(own_id), ()).await?)
}

#[tokio::test]
async fn the_reason_of_a_cancel_reaches_the_children() {
    let host = host(&store().0).orchestration(waits_for_leaf).start().await.unwrap();
    let of = guard(host.start_new(waits_for_leaf, ())).await.unwrap();
    until_leaf_waits(&host).await;
    guard(of.cancel("no stock")).await.unwrap();
    let ended = guard(host.instance::<u64>("leaf").result()).await.unwrap_err();
    assert_eq!(
        ended.to_string(),
        "instance `leaf` was cancelled: its parent was cancelled: no stock"
    );
}

#[tokio::test]
async fn a_cancel_is_no_deadline_and_no_reminder() {
    let reminded = Arc::new(AtomicUsize::new(0));
    let counted = reminded.clone();
    let host = host(&store().0)
        .register_activity("remind", move |_ctx, _: u32| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        })
        .register_orchestration("approval", |ctx: OrchestrationContext, (): ()| async move {
            let deadline = ctx.schedule_timer(HOUR).into_output();
            let go = ctx.schedule_wait::<String>("Go").into_output();
            let Winner { output, .. } = ctx.when_any([deadline, go]).await;
            match output {
                DurableOutput::Timer => Ok("too late".to_owned()),
                event => Ok(event.into_external()?),
            }
        })
        .register_orchestration("reminders", |ctx: OrchestrationContext, (): ()| async move {
            for reminder in 0..5_u32 {
                ctx.timer(HOUR).await;
                let () = ctx.call_activity_by_name("remind", &reminder).await?;
            }
            Ok("reminded".to_owned())
        })
        .start()
        .await
        .unwrap();
    for name in ["approval", "reminders"] {
        let instance = guard(host.start_new_by_name::<String>(name, &())).await.unwrap();
        guard(instance.cancel("the customer left")).await.unwrap();
        let ended = guard(instance.result()).await.unwrap_err();
        let why =
            matches!(&ended, Error::Cancelled { reason, .. } if reason == "the customer left");
        assert!(why, "{name}: {ended}");
    }
    host.shutdown().await.unwrap();
    assert_eq!(reminded.load(Ordering::SeqCst), 0);
}
