//! Somebody mends: a parked instance goes on after a click, and many are cancelled at once.

use reenact::InstanceState;
use reenact::prelude::*;
use thirtyfour::components::SelectElement;

use crate::scene::{Scene, host};

/// With an instance whose history does not fit the code that the host has today: after the first event there is a
/// timer, where the code of today waits for another event.
async fn with_a_parked_one() -> Scene {
    let store = InMemory::new();
    let before = Host::builder()
        .provider(store.clone())
        .register_orchestration("changed", |ctx: OrchestrationContext, ()| async move {
            ctx.wait_external::<()>("Begin").await?;
            ctx.schedule_timer(Duration::from_secs(3_600)).await;
            Ok("never".to_owned())
        })
        .start()
        .await
        .unwrap();
    before.start_new_by_name::<String>("changed", ()).id("order").await.unwrap();
    before.raise_event("order", "Begin", ()).await.unwrap();
    before.shutdown().await.unwrap();
    let scene = Scene::on(host(store).await).await;
    scene.until_state("order", InstanceState::Parked).await;
    scene
}

#[tokio::test]
async fn a_parked_instance_is_mended_by_a_click() {
    let scene = with_a_parked_one().await;
    scene.open("").await;
    scene.click("main a[href*='id=order']").await;
    scene.until_text("#mismatch .expected", "TimerCreated").await;
    scene.until_text("#mismatch .found", "ExternalSubscribed").await;
    scene.click("#remedies a[href*='do=rewind']").await;
    scene.until_text("#effects", "is undone").await;
    scene.write("#reason", "the code of today may do it").await;
    scene.click("#ask-form button[type=submit]").await;
    scene.until_text("#instance-head", "running").await;
    scene.until_text("#why", "Go").await;
    scene.host.raise_event("order", "Go", "a desk").await.unwrap();
    let status = scene.until_state("order", InstanceState::Completed).await;
    assert_eq!(status.output::<String>().unwrap(), "a desk");
    scene.end().await;
}

#[tokio::test]
async fn all_of_a_filter_are_cancelled_once_somebody_has_seen_how_many_there_are() {
    let scene = Scene::begin().await;
    for id in ["order-1", "order-2", "order-3", "other"] {
        scene.host.start_new_by_name::<String>("waits", ()).id(id).await.unwrap();
    }
    scene.open("instances?prefix=order-").await;
    let actions = scene.find("#bulk-action").await;
    SelectElement::new(&actions).await.unwrap().select_by_value("cancel").await.unwrap();
    scene.write("#bulk-reason", "the shop is closed").await;
    scene.click("#bulk button").await;
    scene.until_text("main form button.primary", "Cancel 3 instances").await;
    // Nothing has been done by the question.
    for id in ["order-1", "order-2", "order-3"] {
        assert_eq!(scene.host.get_status(id).await.unwrap().state, InstanceState::Running);
    }
    scene.click("main form button.primary").await;
    for id in ["order-1", "order-2", "order-3"] {
        scene.until_state(id, InstanceState::Cancelled).await;
    }
    assert_eq!(scene.host.get_status("other").await.unwrap().state, InstanceState::Running);
    scene.end().await;
}
