//! Entities: what there is of them, one with its state, and calls by a form.

use reenact_console::ConsoleOptions;
use serde_json::json;

use super::browsing::{Shown, Site};

/// A key that would be markup if it were not data.
const HOSTILE: &str = "<b>\"&ada";

const OF_HOSTILE: &str = "/entity?type=box&key=%3Cb%3E%22%26ada";

/// The form of a call, filled in.
fn form<'a>(what: &'a str, operation: &'a str, arguments: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("do", what),
        ("type", "box"),
        ("key", HOSTILE),
        ("operation", operation),
        ("arguments", arguments),
    ]
}

async fn call(site: &Site, operation: &str, arguments: &str) -> Shown {
    site.send("/entity-act", &form("call", operation, arguments)).await
}

#[tokio::test]
async fn one_finds_an_entity_and_sees_its_state() {
    let site = Site::open().await;
    site.get("/entities").await.is(200).has("There are no entities");
    call(&site, "put", r#"[{"cents": 7, "note": "<i>"}]"#).await.is(200);
    let types = site.get("/entities").await;
    types.is(200).has("href=\"entities?type=box\"").has("data-row=\"box\"");
    let list = site.get("/entities?type=box").await;
    list.is(200).has("href=\"entity?type=box&amp;key=%3Cb%3E%22%26ada\"").has("free");
    list.has("&quot;cents&quot;:7").lacks("<b>\"").lacks("<i>");
    let one = site.get(OF_HOSTILE).await;
    one.is(200).has("&quot;cents&quot;: 7,").has("No operation waits").lacks("<b>\"").lacks("<i>");
    one.has("href=\"instance?id=%40box%40%3Cb%3E%22%26ada\"");
    site.get("/entity?type=box&key=nobody").await.is(404);
    for wrong in ["/entity?type=box", "/entity?key=a", "/entity?type=a@b&key=c"] {
        site.get(wrong).await.is(400);
    }
    site.get("/entities?type=none").await.is(200).has("There are none of this type");
}

#[tokio::test]
async fn an_operation_is_called_by_a_form_which_shows_the_answer() {
    let site = Site::open().await;
    let asks = site.get("/entity-act?do=call&type=box&key=a").await;
    asks.is(200).has("id=\"effects\"").has("name=\"arguments\"").has("name=\"drawn\"");
    call(&site, "put", "[1]").await.is(200).has("id=\"answer\"").has("it is put");
    let refused = call(&site, "refuse", r#"["too <little>"]"#).await;
    refused.is(200).has("was refused").has("too &lt;little&gt;");
    call(&site, "none", "").await.is(200).has("was not done").has("no such operation");
    for arguments in ["7", "{", "oops"] {
        let again = call(&site, "put", arguments).await;
        again.is(400).has("id=\"form-problem\"").has("no list").has("value=\"put\"");
    }
    call(&site, "", "").await.is(400).has("name of the operation");
    site.get(OF_HOSTILE).await.has("<pre>1</pre>");
}

#[tokio::test]
async fn a_form_that_is_sent_twice_counts_once() {
    let site = Site::open().await;
    let mut fields = form("call", "put", "[1]").to_vec();
    fields.push(("drawn", "drawn-1"));
    site.send("/entity-act", &fields).await.is(200);
    call(&site, "put", "[2]").await.is(200);
    site.send("/entity-act", &fields).await.is(200).has("it is put").has("<pre>2</pre>");
}

#[tokio::test]
async fn a_signal_a_deletion_and_a_purge_do_what_their_pages_say() {
    let site = Site::open().await;
    for what in ["signal", "delete", "purge"] {
        let asks = site.get(&format!("/entity-act?do={what}&type=box&key=a")).await;
        asks.is(200).has("id=\"effects\"").has(&format!("data-action=\"{what}\""));
    }
    site.get("/entity-act?do=explode&type=box&key=a").await.is(400);
    let sent = site.send("/entity-act", &form("signal", "put", "[5]")).await;
    let page = format!("/{}", sent.leads_to());
    site.get(&page).await.is(200).has("on its way to the entity");
    // A call comes after it.
    call(&site, "none", "").await.has("<pre>5</pre>");
    site.send("/entity-act", &form("delete", "", "")).await.is(200).has("It has none");
    let gone = site.send("/entity-act", &form("purge", "", "")).await;
    assert_eq!(gone.leads_to(), "entities?type=box");
    site.get(OF_HOSTILE).await.is(404);
}

#[tokio::test]
async fn who_holds_the_lock_and_what_waits_is_shown() {
    let site = Site::open().await;
    call(&site, "hold", r#"["transfer <7>"]"#).await.is(200);
    site.send("/entity-act", &form("signal", "put", r#"["later"]"#)).await.leads_to();
    let one = site.get(OF_HOSTILE).await;
    one.is(200).has("held by ").has("href=\"instance?id=transfer%20%3C7%3E\"");
    one.has("<b>put</b>").has("later").lacks("<7>");
    let list = site.get("/entities?type=box").await;
    list.has("held by ").has("<td class=\"num\" data-label=\"Waiting\">1</td>");
    let api = site.get("/api/entity?type=box&key=%3Cb%3E%22%26ada").await;
    api.is(200).has("\"owner\":\"transfer <7>\"").has("\"operation\":\"put\"");
}

#[tokio::test]
async fn a_console_that_only_reads_calls_nothing() {
    let options = ConsoleOptions::new().guarded_by_layer().read_only(true);
    let site = Site::open_with(options).await;
    site.get("/entity-act?do=call&type=box&key=a")
        .await
        .is(200)
        .has("only reads")
        .lacks("<form id");
    site.get("/entities?type=box").await.is(200).lacks("entity-act");
    call(&site, "put", "[1]").await.is(403);
    site.get(OF_HOSTILE).await.is(404);
}

#[tokio::test]
async fn states_answers_and_what_waits_are_redacted() {
    let options = ConsoleOptions::new().guarded_by_layer().redact(|_, _| json!("hidden"));
    let site = Site::open_with(options).await;
    call(&site, "put", r#"["secret-7"]"#).await.is(200).has("hidden").lacks("secret-7");
    call(&site, "refuse", r#"["secret-7"]"#).await.is(200).has("hidden").lacks("secret-7");
    call(&site, "hold", r#"["x"]"#).await.is(200);
    site.send("/entity-act", &form("signal", "put", r#"["secret-7"]"#)).await.leads_to();
    let key = OF_HOSTILE.trim_start_matches("/entity");
    for page in [
        "/entities?type=box",
        "/api/entities?type=box",
        OF_HOSTILE,
        &format!("/api/entity{key}"),
        "/instance?id=%40box%40%3Cb%3E%22%26ada",
    ] {
        site.get(page).await.is(200).has("hidden").lacks("secret-7");
    }
}
