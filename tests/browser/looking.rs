//! Somebody looks: lists, filters, an instance while it goes on, and its history.

use reenact::InstanceState;
use thirtyfour::prelude::*;

use crate::scene::Scene;

#[tokio::test]
async fn a_list_is_filtered_and_an_instance_is_opened() {
    let scene = Scene::begin().await;
    for id in ["order-1", "order-2", "other"] {
        scene.host.start_new_by_name::<String>("waits", ()).id(id).await.unwrap();
    }
    let failed = scene.host.start_new_by_name::<()>("fails", "no stock").id("order-3");
    failed.await.unwrap().result().await.unwrap_err();

    scene.open("").await;
    scene.click("nav[aria-label=Main] a[href=instances]").await;
    scene.find("#list").await;
    assert_eq!(scene.rows().await, ["order-1", "order-2", "order-3", "other"]);
    scene.write("#prefix", "order-").await;
    scene.click("#filter input[value=failed]").await;
    scene.click("#filter button.primary").await;
    scene.until_text("#matches", "1 instance passes").await;
    assert_eq!(scene.rows().await, ["order-3"]);
    let address = scene.page().current_url().await.unwrap();
    assert!(address.query().unwrap().contains("state=failed"), "{address}");

    scene.click("#list [data-row=order-3] a").await;
    scene.until_text("#instance-id", "order-3").await;
    scene.until_text("main", "no stock").await;
    scene.end().await;
}

#[tokio::test]
async fn a_page_shows_what_happens_meanwhile() {
    let scene = Scene::begin().await;
    scene.host.start_new_by_name::<String>("waits", ()).id("order").await.unwrap();
    scene.open("instance?id=order").await;
    scene.until_text("#why", "Go").await;
    scene.until_text("#custom-status", "waits for somebody").await;
    // A mark that a new copy of the whole page would not have.
    scene.page().execute("document.body.dataset.seen = 'yes'", vec![]).await.unwrap();
    scene.host.raise_event("order", "Go", "a desk").await.unwrap();
    scene.until_text("#instance-head", "completed").await;
    scene.until_text("#output", "a desk is shipped").await;
    let seen = scene.page().execute("return document.body.dataset.seen", vec![]).await.unwrap();
    assert_eq!(seen.json(), "yes", "the page has not been loaded anew");
    scene.end().await;
}

#[tokio::test]
async fn a_page_stays_live_when_a_rewind_takes_away_the_place_in_the_history_that_it_shows() {
    let scene = Scene::begin().await;
    scene.host.start_new_by_name::<String>("waits", ()).id("order").await.unwrap();
    scene.host.raise_event("order", "Go", "a desk").await.unwrap();
    scene.until_state("order", InstanceState::Completed).await;
    let client = scene.host.client();
    let cursor = client.history_page("order", None, 4).await.unwrap().next.unwrap();
    let last = client.history_page("order", None, 100).await.unwrap().events.len() - 1;
    scene.open(&format!("instance?id=order&from={cursor}&after={last}")).await;
    scene.find("#events #events-first").await;
    scene.find(&format!("#after-state[data-after='{last}']")).await;
    client.rewind("order", 3, "once more").await.unwrap();
    scene.until_text("#facts", "undone").await;
    scene.until_text("#events", "execution rewound").await;
    scene.until_text("#live", "Live").await;
    let address = scene.page().current_url().await.unwrap();
    assert_eq!(address.query(), Some("id=order"), "the place is not in the address any more");
    scene.end().await;
}

#[tokio::test]
async fn a_list_shows_what_begins_meanwhile() {
    let scene = Scene::begin().await;
    scene.open("instances").await;
    scene.until_text("#list", "no instances yet").await;
    scene.host.start_new_by_name::<String>("waits", ()).id("new").await.unwrap();
    scene.find("#list [data-row=new]").await;
    scene.end().await;
}

#[tokio::test]
async fn the_slider_shows_what_was_open_after_an_event() {
    let scene = Scene::begin().await;
    scene.host.start_new_by_name::<String>("waits", ()).id("order").await.unwrap();
    scene.host.raise_event("order", "Go", "a desk").await.unwrap();
    scene.until_state("order", InstanceState::Completed).await;
    scene.open("instance?id=order").await;
    let slider = scene.find("#after-range").await;
    // From its end to its beginning, event by event.
    let last: usize = slider.attr("max").await.unwrap().unwrap().parse().unwrap();
    let mut awaited = Vec::new();
    for position in (0..last).rev() {
        scene.find("#after-range").await.send_keys(Key::Left).await.unwrap();
        scene.find(&format!("#after-state[data-after='{position}']")).await;
        let state = scene.find("#after-state").await.text().await.unwrap();
        awaited.push((position, state.contains("Go"), state.contains("ship")));
    }
    awaited.reverse();
    // It began, set its status, waited, the event came, the activity was scheduled and ended.
    assert!(awaited.iter().any(|(_, go, ship)| *go && !ship), "{awaited:?}");
    assert!(awaited.iter().any(|(_, go, ship)| !go && *ship), "{awaited:?}");
    let (waits, ships) = (
        awaited.iter().position(|(_, go, _)| *go).unwrap(),
        awaited.iter().position(|(_, _, ship)| *ship).unwrap(),
    );
    assert!(waits < ships, "{awaited:?}");
    scene.end().await;
}

#[tokio::test]
async fn all_of_it_can_be_done_by_keyboard() {
    let scene = Scene::begin().await;
    scene.host.start_new_by_name::<String>("waits", ()).id("order").await.unwrap();
    scene.open("instances").await;
    let keys = async |keys: TypingData| {
        let focus = scene.page().active_element().await.unwrap();
        focus.send_keys(keys).await.unwrap();
    };
    let focused = async || {
        let script = "const at = document.activeElement; \
             return [at.tagName, at.getAttribute('href') || at.id || at.textContent].join(' ')";
        scene.page().execute(script, vec![]).await.unwrap().json().as_str().unwrap().to_owned()
    };
    // Presses Tab until this has the focus.
    let go_to = async |wanted: &str| {
        for _ in 0..80 {
            keys(Key::Tab.into()).await;
            if focused().await.contains(wanted) {
                return;
            }
        }
        panic!("no Tab leads to {wanted}");
    };
    go_to("#main").await;
    keys(Key::Enter.into()).await;
    go_to("prefix").await;
    keys("ord" + Key::Enter).await;
    scene.until_text("#matches", "1 instance passes").await;
    go_to("instance?id=order").await;
    keys(Key::Enter.into()).await;
    scene.until_text("#instance-id", "order").await;
    go_to("do=raise").await;
    keys(Key::Enter.into()).await;
    scene.find("#ask-form").await;
    scene.find("#name").await.focus().await.unwrap();
    scene.find("#name").await.clear().await.unwrap();
    keys("Go" + Key::Tab + "\"a lamp\"").await;
    go_to("key").await;
    keys(Key::Enter.into()).await;
    scene.until_text("#instance-head", "completed").await;
    scene.until_text("#output", "a lamp is shipped").await;
    scene.end().await;
}
