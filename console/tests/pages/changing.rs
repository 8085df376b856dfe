//! What changes something asks first, needs its token, and leads back.

use axum::http::{Method, header};
use reenact_providers::InstanceState;
use serde_json::json;

use super::browsing::{Site, id, request, show, with_id};

#[tokio::test]
async fn raising_an_event_asks_and_then_raises_it() {
    let site = Site::open().await;
    site.begin("wait", "w", json!(1)).await;
    let ask = site.get("/act?do=raise&id=w&name=Go").await;
    ask.is(200)
        .has("id=\"effects\"")
        .has("name=\"name\" required value=\"Go\"")
        .has("Back, change nothing");
    let fields = [("do", "raise"), ("id", "w"), ("name", "Go"), ("data", "{\"by\": \"ada\"}")];
    let done = site.send("/act", &fields).await;
    assert_eq!(done.leads_to(), "instance?id=w&did=raise");
    site.access.outcome(&id("w")).await.expect("it ends");
    site.get("/instance?id=w&did=raise")
        .await
        .has("The event is raised")
        .has("&quot;by&quot;: &quot;ada&quot;");
}

#[tokio::test]
async fn a_form_that_is_filled_in_wrongly_comes_back_as_it_was() {
    let site = Site::open().await;
    site.begin("wait", "w", json!(1)).await;
    let fields = [("do", "raise"), ("id", "w"), ("name", "Go"), ("data", "{oops"), ("key", "k-1")];
    let again = site.send("/act", &fields).await;
    again.is(400).has("not JSON").has("{oops").has("value=\"k-1\"").has("role=\"alert\"");
    let events = site.access.summary(&id("w")).await.unwrap().events;
    site.send("/act", &[("do", "rewind"), ("id", "w"), ("position", "many")]).await.is(400);
    assert_eq!(site.access.summary(&id("w")).await.unwrap().events, events, "nothing has changed");
}

#[tokio::test]
async fn an_instance_is_suspended_resumed_cancelled_and_purged() {
    let site = Site::open().await;
    site.begin("wait", "w", json!(1)).await;
    let act = async |what: &str| {
        let asked = site.get(&with_id(&format!("act?do={what}"), "w")).await;
        asked.is(200).has("id=\"ask-form\"").has(&format!("data-action=\"{what}\""));
        site.send("/act", &[("do", what), ("id", "w"), ("reason", "a test of the pages")]).await
    };
    let state = async || site.access.summary(&id("w")).await.unwrap().state;
    assert_eq!(act("suspend").await.leads_to(), "instance?id=w&did=suspend");
    assert_eq!(state().await, InstanceState::Suspended);
    site.get("/instance?id=w")
        .await
        .has("It was suspended")
        .has("a test of the pages")
        .has("act?do=resume");
    act("resume").await.leads_to();
    assert_eq!(state().await, InstanceState::Running);
    act("cancel").await.leads_to();
    let _ = site.access.outcome(&id("w")).await;
    assert_eq!(state().await, InstanceState::Cancelled);
    // What cannot be done is said, with the way back.
    act("suspend").await.is(409).has("role=\"alert\"").has("instance?id=w");
    assert_eq!(act("purge").await.leads_to(), "instances?did=purge");
    site.get("/instance?id=w").await.is(404);
}

#[tokio::test]
async fn an_instance_is_rewound_to_before_an_event() {
    let site = Site::open().await;
    site.begin("wait", "w", json!(1)).await;
    let send = [("do", "raise"), ("id", "w"), ("name", "Go"), ("data", "1")];
    site.send("/act", &send).await.leads_to();
    site.access.outcome(&id("w")).await.expect("it ends");
    site.get("/act?do=rewind&id=w&position=3")
        .await
        .is(200)
        .has("value=\"3\"")
        .has("The history has the events 0 to");
    let fields = [("do", "rewind"), ("id", "w"), ("position", "3"), ("reason", "once more")];
    assert_eq!(site.send("/act", &fields).await.leads_to(), "instance?id=w&did=rewind");
    // The event that had come is there again.
    site.access.outcome(&id("w")).await.expect("it ends again");
    site.get("/instance?id=w")
        .await
        .has("2 events were undone")
        .has("once more")
        .has("execution rewound");
}

#[tokio::test]
async fn an_instance_is_forked_to_before_an_event() {
    let site = Site::open().await;
    site.begin("wait", "w", json!(1)).await;
    let send = [("do", "raise"), ("id", "w"), ("name", "Go"), ("data", "1")];
    site.send("/act", &send).await.leads_to();
    site.access.outcome(&id("w")).await.expect("it ends");
    site.get("/act?do=fork&id=w&position=3")
        .await
        .is(200)
        .has("name=\"to\"")
        .has("value=\"3\"")
        .has("This one stays as it is");
    let fields =
        [("do", "fork"), ("id", "w"), ("to", "w2"), ("position", "3"), ("reason", "what if")];
    assert_eq!(site.send("/act", &fields).await.leads_to(), "instance?id=w2&did=fork");
    site.get("/instance?id=w2&did=fork")
        .await
        .has("as a fork")
        .has("Fork of")
        .has("what if")
        .has("execution forked");
    site.send("/act", &[("do", "fork"), ("id", "w"), ("to", "")])
        .await
        .is(400)
        .has("role=\"alert\"");
}

#[tokio::test]
async fn a_bulk_action_shows_its_count_and_runs_when_that_is_confirmed() {
    let site = Site::open().await;
    for instance in ["w1", "w2", "other"] {
        site.begin("wait", instance, json!(1)).await;
    }
    let state = async |instance: &str| site.access.summary(&id(instance)).await.unwrap().state;
    let filter = [("prefix", "w"), ("do", "terminate"), ("reason", "a flood"), ("step", "prepare")];
    let asked = site.send("/bulk", &filter).await;
    asked.is(200).has("Terminate 2 instances?").has("data-count=\"2\"").has("id begins with `w`");
    asked.has("a flood").has("data-row=\"w2\"").lacks("data-row=\"other\"");
    assert_eq!(state("w1").await, InstanceState::Running, "it only asks");
    let prepared = asked.html.split("name=\"prepared\" value=\"").nth(1).unwrap();
    let prepared = prepared.split('"').next().unwrap().to_owned();
    let run = [("step", "run"), ("do", "terminate"), ("prepared", prepared.as_str())];
    let done = site.send("/bulk", &run).await;
    done.is(200).has("data-over").has("2 of 2 done").has("</html>");
    assert_eq!(state("w1").await, InstanceState::Terminated);
    assert_eq!(state("other").await, InstanceState::Running);
    site.send("/bulk", &run).await.is(404).has("prepare it again");
    site.send("/bulk", &[("do", "dance"), ("step", "prepare")]).await.is(400);
    assert_eq!(site.get("/bulk").await.leads_to(), "instances");
}

#[tokio::test]
async fn a_form_of_nobody_changes_nothing() {
    let site = Site::open().await;
    site.begin("wait", "w", json!(1)).await;
    let fields = [("do", "terminate"), ("id", "w"), ("reason", "")];
    for token in ["", "1.abc", "99999999999.abc"] {
        site.send_with("/act", token, &fields).await.is(403).has("nothing was changed");
    }
    let other = Site::open().await.get("/instances").await.form_token();
    site.send_with("/act", &other, &fields).await.is(403);
    // Another site has a browser send a form that it has a token for.
    let token = site.get("/instances").await.form_token();
    let body = format!("form_token={token}&do=terminate&id=w");
    let mut forged = request(Method::POST, "/act", Some(body));
    forged.headers_mut().insert(header::ORIGIN, "https://evil.example".parse().unwrap());
    assert_eq!(show(&site.console, forged).await.status, 403);
    assert_eq!(site.access.summary(&id("w")).await.unwrap().state, InstanceState::Running);
}

#[tokio::test]
async fn the_colours_are_kept_in_a_cookie_and_the_way_back_is_ours() {
    let site = Site::open().await;
    let done = site.send("/theme", &[("theme", "dark"), ("back", "instances?state=failed")]).await;
    assert_eq!(done.leads_to(), "instances?state=failed");
    let cookie = done.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    let mut again = request(Method::GET, "/instances", None);
    again.headers_mut().insert(header::COOKIE, cookie.split(';').next().unwrap().parse().unwrap());
    show(&site.console, again).await.has("data-theme=\"dark\"");
    let away = site.send("/theme", &[("theme", "dark"), ("back", "//evil.example/")]).await;
    assert_eq!(away.leads_to(), "overview");
}
