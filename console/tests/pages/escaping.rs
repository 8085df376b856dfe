//! Ids, values and errors are data on every page.

use reenact_console::ConsoleOptions;
use serde_json::json;

use super::browsing::{Site, with_id};

const HOSTILE: &str = "<script>alert(1)</script>\"'&";
const IMAGE: &str = "<img src=x onerror=alert(1)>";

#[tokio::test]
async fn hostile_ids_values_and_errors_stay_text() {
    let site = Site::open().await;
    site.run("pay", HOSTILE, json!(IMAGE)).await;
    site.begin("wait", "w", json!({ IMAGE: HOSTILE })).await;
    site.send("/act", &[("do", "suspend"), ("id", "w"), ("reason", IMAGE)]).await.leads_to();
    let failed = with_id("instance", HOSTILE);
    let pages = [
        "/overview".to_owned(),
        "/instances".to_owned(),
        format!("/instances?prefix={}", failed.split('=').nth(1).unwrap()),
        failed,
        with_id("instance?after=1", HOSTILE),
        "/instance?id=w".to_owned(),
        with_id("act?do=rewind", HOSTILE),
        with_id("instance", &format!("{HOSTILE}2")),
        "/act?do=%3Cscript%3E&id=w".to_owned(),
        "/act?do=raise&id=w&name=%22%3E%3Cscript%3E".to_owned(),
        "/instances?state=%3Cscript%3E".to_owned(),
    ];
    for page in pages {
        let shown = site.get(&page).await;
        shown.lacks("<script>").lacks("<img src=x").lacks("\"'&");
    }
}

#[tokio::test]
async fn ids_that_look_like_paths_are_instances() {
    let site = Site::open().await;
    for id in ["../../etc/passwd", "a/b?c=d#e", "..", "ü ☃", &"x".repeat(200)] {
        site.run("echo", id, json!(1)).await;
        site.get(&with_id("instance", id)).await.is(200).has("It returned a value");
    }
    let page = site.get("/instances").await;
    for href in page.attributes("href").into_iter().filter(|href| href.starts_with("instance?")) {
        site.get(&format!("/{href}")).await.is(200);
    }
}

#[tokio::test]
async fn what_is_redacted_is_on_no_page() {
    let options = ConsoleOptions::new().guarded_by_layer().redact(|_, _| json!("(not shown)"));
    let site = Site::open_with(options).await;
    site.begin("wait", "w", json!("secret-1")).await;
    site.send("/act", &[("do", "suspend"), ("id", "w"), ("reason", "r")]).await.leads_to();
    let event = [("do", "raise"), ("id", "w"), ("name", "Go"), ("data", "\"secret-2\"")];
    site.send("/act", &event).await.leads_to();
    site.run("echo", "e", json!("secret-3")).await;
    let pages =
        ["/overview", "/instances", "/instance?id=w", "/instance?id=w&after=4", "/instance?id=e"];
    for page in pages {
        site.get(page).await.is(200).lacks("secret-");
    }
    site.get("/instance?id=w").await.has("(not shown)");
}
