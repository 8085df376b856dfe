//! A bulk action that runs is stopped from its page.

use axum::http::Method;
use reenact_providers::{InstanceFilter, InstanceState};
use serde_json::json;
use tower::ServiceExt;

use super::browsing::{Site, request};

#[tokio::test]
async fn a_bulk_action_is_stopped_from_its_page_which_says_how_far_it_came() {
    let site = Site::open().await;
    for nth in 0..400 {
        site.begin("wait", &format!("w{nth:03}"), json!(1)).await;
    }
    let filter = [("prefix", "w"), ("do", "cancel"), ("reason", "a flood"), ("step", "prepare")];
    let asked = site.send("/bulk", &filter).await;
    let prepared = asked.html.split("name=\"prepared\" value=\"").nth(1).unwrap();
    let prepared = prepared.split('"').next().unwrap().to_owned();
    let token = site.get("/instances").await.form_token();
    let form = format!("form_token={token}&step=run&do=cancel&prepared={prepared}");
    // Nobody reads its page further than it has come, and so it does not end.
    let running = request(Method::POST, "/bulk", Some(form));
    let running = site.console.clone().oneshot(running).await.expect("a router answers");
    let stop = [("step", "stop"), ("do", "cancel"), ("prepared", prepared.as_str())];
    let stopped = site.send("/bulk", &stop).await;
    stopped.is(200).has("id=\"stopped\"").has("Cancel: stopped").has("Left as they were");
    let left: u64 = stopped.attributes("data-left")[0].parse().unwrap();
    assert!(left > 0);
    let still = InstanceFilter::new().states([InstanceState::Running]);
    assert_eq!(site.access.count(&still).await.unwrap(), left);
    let page = axum::body::to_bytes(running.into_body(), usize::MAX).await.unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(page.contains("id=\"stop-form\"") && page.contains("it was stopped"), "{page}");
    assert!(page.ends_with("</html>"));
    // It stays stopped, and is still shown.
    site.send("/bulk", &stop).await.is(200).has(&format!("data-left=\"{left}\""));
    let guessed = [("step", "stop"), ("do", "cancel"), ("prepared", "guessed")];
    site.send("/bulk", &guessed).await.is(404);
}
