//! Somebody cancels many instances at once, and stops that while it goes on.

use reenact::prelude::*;
use reenact::{InstanceFilter, InstanceState};
use thirtyfour::components::SelectElement;
use thirtyfour::{PageLoadStrategy, WebElement};
use tokio::sync::watch;

use crate::scene::{Scene, builder, until};

/// Enough that it takes many times as long to cancel them all as somebody needs for a click.
const MANY: u64 = 2_000;

/// A host on which `closes` takes long over its cancel: it calls the local activity `close`, which returns when it
/// is let go. A turn that waits for one is held for a tenth of a second.
async fn host(store: InMemory) -> (Host, watch::Sender<bool>) {
    let (let_go, closed) = watch::channel(false);
    let builder = builder(store)
        .register_activity("close", move |_: ActivityContext, (): ()| {
            let mut closed = closed.clone();
            async move {
                let _ = closed.wait_for(|is_let_go| *is_let_go).await;
                Ok(())
            }
        })
        .register_orchestration("closes", |ctx: OrchestrationContext, ()| async move {
            ctx.cancelled().await;
            ctx.shielded().call_local_by_name::<_, ()>("close", &()).await?;
            ctx.check_cancelled()?;
            Ok(())
        });
    (builder.start().await.unwrap(), let_go)
}

async fn number(element: &WebElement, attribute: &str) -> Option<u64> {
    element.attr(attribute).await.ok()??.parse().ok()
}

#[tokio::test]
async fn a_bulk_cancel_that_runs_is_stopped_by_its_button_and_the_rest_is_left_as_it_was() {
    let (host, let_go) = host(InMemory::new()).await;
    // The page of progress is under way as long as the work is.
    let scene = Scene::with(host, PageLoadStrategy::None).await;
    for number in 0..MANY {
        let id = format!("order-{number:04}");
        scene.host.start_new_by_name::<()>("closes", ()).id(id).await.unwrap();
    }
    scene.open("instances?prefix=order-").await;
    let actions = scene.find("#bulk-action").await;
    SelectElement::new(&actions).await.unwrap().select_by_value("cancel").await.unwrap();
    scene.click("#bulk button").await;
    let asked = scene.find("#ask[data-action=cancel]").await;
    assert_eq!(number(&asked, "data-count").await, Some(MANY));
    scene.click("#ask-form button.primary").await;
    // It goes on, and says so; meanwhile its button is there.
    scene.until_text("#progress", " done").await;
    scene.click("#stop-form button[value=stop]").await;
    let stopped = scene.find("#stopped").await;
    let left = number(&stopped, "data-left").await.unwrap();
    assert!(0 < left && left < MANY, "{left} were left");
    scene.until_text("main", "Cancel: stopped").await;

    let_go.send(true).unwrap();
    let count = async |state| {
        let filter = InstanceFilter::new().states([state]);
        scene.host.count(&filter).await.unwrap()
    };
    let cancelled = async || (count(InstanceState::Cancelled).await == MANY - left).then_some(());
    until("those that were done are cancelled", cancelled).await;
    assert_eq!(count(InstanceState::Running).await, left);
    // From there it goes to the list, which has the last of them as it was.
    scene.click("main a.button[href=instances]").await;
    scene.write("#prefix", &format!("order-{}", MANY - 1)).await;
    scene.click("#filter button.primary").await;
    scene.until_text("#matches", "1 instance passes").await;
    scene.until_text("#list", "running").await;
    scene.end().await;
}
