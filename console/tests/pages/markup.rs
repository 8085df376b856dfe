//! What is true of the HTML of all pages: links are relative, nothing runs in the page, forms have their tokens, and
//! people find their way without eyes or a mouse.

use axum::Router;
use axum::http::Method;
use serde_json::json;

use super::browsing::{Shown, Site, request, show};

const PAGES: [&str; 14] = [
    "overview",
    "instances",
    "instances?state=failed&prefix=p",
    "instance?id=p",
    "instance?id=w&after=2",
    "act?do=cancel&id=w",
    "act?do=raise&id=w",
    "start",
    "entities",
    "entities?type=box",
    "entity-act?do=call&type=box&key=k",
    "shards",
    "quarantine",
    "instance?id=nobody",
];

async fn site() -> Site {
    let site = Site::open().await;
    site.run("pay", "p", json!("declined")).await;
    site.begin("wait", "w", json!(1)).await;
    site
}

#[tokio::test]
async fn all_links_are_relative_and_work_under_any_prefix() {
    let site = site().await;
    let nested = Router::new().nest("/deep/admin", site.console.clone());
    for page in PAGES {
        let shown = show(&nested, request(Method::GET, &format!("/deep/admin/{page}"), None)).await;
        let links = ["href", "src", "action"].map(|name| shown.attributes(name)).concat();
        assert!(links.len() > 5, "{page}: {links:?}");
        for link in links.iter().filter(|link| !link.starts_with('#')) {
            assert!(!link.starts_with('/') && !link.contains("://"), "{page}: {link}");
        }
        for asset in links.iter().filter(|link| link.starts_with("assets/")) {
            let address = format!("/deep/admin/{asset}");
            show(&nested, request(Method::GET, &address, None)).await.is(200);
        }
    }
    let root = show(&nested, request(Method::GET, "/deep/admin", None)).await;
    assert_eq!(root.leads_to(), "admin/overview");
    // `nest` has nothing at the prefix with a slash; `nest_service` passes it on.
    let service = Router::new().nest_service("/deep/admin", site.console.clone());
    show(&service, request(Method::GET, "/deep/admin/", None))
        .await
        .is(200)
        .has("<h1>Overview</h1>");
    assert_eq!(
        show(&service, request(Method::GET, "/deep/admin", None)).await.leads_to(),
        "admin/overview"
    );
}

#[tokio::test]
async fn nothing_on_a_page_runs_or_styles_from_within_it() {
    let site = site().await;
    for page in PAGES {
        let shown = site.get(&format!("/{page}")).await;
        shown
            .lacks(" style=")
            .lacks("<style")
            .lacks("javascript:")
            .lacks(" onclick")
            .lacks(" onload");
        assert_eq!(shown.html.matches("<script").count(), 1, "{page}");
        shown.has("defer></script>");
        let policy = shown.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn every_form_that_changes_something_has_its_token() {
    let site = site().await;
    for page in PAGES {
        let shown = site.get(&format!("/{page}")).await;
        for form in shown.html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            if form.contains("method=\"post\"") {
                assert!(form.contains("name=\"form_token\" value=\""), "{page}: {form}");
            } else {
                assert!(
                    form.contains("method=\"get\"") && !form.contains("form_token"),
                    "{page}: {form}"
                );
            }
        }
    }
}

#[tokio::test]
async fn pages_have_landmarks_headings_labels_and_scopes() {
    let site = site().await;
    for page in PAGES {
        let shown = site.get(&format!("/{page}")).await;
        shown
            .has("<html lang=\"en\"")
            .has("href=\"#main\"")
            .has("<main id=\"main\"")
            .has("<nav aria-label=\"Main\"");
        shown.has("aria-live=\"polite\"").has("name=\"viewport\"");
        assert_eq!(shown.html.matches("<h1").count(), 1, "{page}");
        for cell in shown.html.split("<th").skip(1).filter(|cell| !cell.starts_with("ead")) {
            assert!(cell.split('>').next().unwrap().contains("scope="), "{page}: {cell:.60}");
        }
        assert_ids_are_unique(page, &shown);
        assert_fields_have_labels(page, &shown);
    }
}

fn assert_ids_are_unique(page: &str, shown: &Shown) {
    let mut ids = shown.attributes("id");
    ids.sort();
    for pair in ids.windows(2) {
        assert_ne!(pair[0], pair[1], "{page}");
    }
}

fn assert_fields_have_labels(page: &str, shown: &Shown) {
    let labels = shown.attributes("for");
    for field in ["<input", "<select", "<textarea"] {
        for tag in
            shown.html.split(field).skip(1).map(|rest| rest.split('>').next().unwrap_or_default())
        {
            if tag.contains("type=\"hidden\"") || tag.contains("type=\"checkbox\"") {
                continue;
            }
            let id = tag.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next());
            let id = id.unwrap_or_else(|| panic!("{page}: {tag} has no id"));
            assert!(labels.iter().any(|label| label == id), "{page}: {tag} has no label");
        }
    }
}
