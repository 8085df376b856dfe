//! Each page has what people look for.

use axum::http::{Method, header};
use reenact_console::{ConsoleOptions, Token};
use serde_json::json;

use super::browsing::{Site, id, request, show, with_id};

#[tokio::test]
async fn the_overview_counts_states_and_shows_what_needs_somebody() {
    let site = Site::open().await;
    site.run("echo", "a", json!(1)).await;
    site.begin("wait", "slow", json!(1)).await;
    site.run("pay", "broke", json!("declined by the bank")).await;
    let page = site.get("/overview").await;
    page.is(200).has("<h1>Overview</h1>").has("data-state=\"running\"");
    page.has("href=\"instances?state=parked\"").has("Nothing is parked");
    site.run("order", "parent", json!("no money")).await;
    let again = site.get("/overview").await;
    let failed = again.html.split("id=\"failures\"").nth(1).expect("the newest failures");
    assert!(
        failed.contains("data-row=\"parent\"") && !failed.contains("data-row=\"parent/"),
        "{failed}"
    );
    page.has("id=\"hour\"").lacks("id=\"no-metrics\"");
    page.has("declined by the bank").has("href=\"instance?id=slow\"");
    site.get("/").await.is(200).has("<h1>Overview</h1>");
}

#[tokio::test]
async fn of_many_that_run_the_overview_shows_those_without_an_event_for_longest_whatever_their_ids()
{
    let site = Site::open().await;
    site.begin("wait", "zzz", json!(1)).await;
    site.run("pay", "zz-fails", json!("declined")).await;
    for nth in 0..1_100 {
        site.begin("wait", &format!("a{nth:04}"), json!(1)).await;
    }
    let page = site.get("/overview").await;
    let stuck = page.html.split("id=\"stuck\"").nth(1).expect("those without an event");
    let first = stuck.split("data-row=\"").nth(1).expect("a row");
    assert!(first.starts_with("zzz\""), "{first:.80}");
    page.has("href=\"instances?state=running&amp;order=oldest\"").has("data-row=\"zz-fails\"");
    page.has("href=\"instances?name=pay&amp;state=failed\"");
    let list = site.get("/instances?state=running&order=oldest").await;
    assert_eq!(list.attributes("data-row")[..2], ["zzz", "a0000"]);
    list.has("The first 50 of 1\u{202f}101")
        .has("aria-current=\"true\">longest")
        .lacks("id=\"next\"");
    list.has("name=\"order\" value=\"oldest\"");
    site.get("/instances?order=newest").await.is(200).has("data-row=\"a1099\"");
    site.get("/instances?order=oldest&after=a").await.is(400);
}

#[tokio::test]
async fn a_list_keeps_its_filter_in_the_address_and_goes_on_by_next() {
    let site = Site::open().await;
    for nth in 0..5 {
        site.run("echo", &format!("a{nth}"), json!(1)).await;
    }
    site.begin("wait", "b", json!(1)).await;
    let page = site.get("/instances?state=completed&prefix=a&limit=3").await;
    page.is(200).has("5 instances pass").has("data-row=\"a2\"").lacks("data-row=\"a3\"");
    page.has("value=\"completed\" checked").has("name=\"prefix\" type=\"text\" value=\"a\"");
    page.has("id=\"next\"").has("instances?state=completed&amp;prefix=a&amp;after=a2");
    let page = site.get("/instances?state=completed&prefix=a&limit=3&after=a2").await;
    page.has("data-row=\"a4\"").lacks("id=\"next\"").has("id=\"first\"");
    site.get("/instances?after=zzz").await.is(200).has("after the last instance");
    let none = site.get("/instances?state=failed").await;
    none.is(200).has("No instance passes this filter").has("0 instances pass").has("Show all");
    site.get("/instances?state=importing").await.is(200).has("value=\"importing\" checked");
    let all = site.get("/instances").await;
    all.is(200).has("6 instances<").lacks("Show all").lacks("value=\"importing\"");
}

#[tokio::test]
async fn an_instance_says_why_it_waits_and_offers_that_event() {
    let site = Site::open().await;
    site.begin("wait", "w", json!({"for": "Go"})).await;
    let page = site.get("/instance?id=w").await;
    page.is(200).has("It waits for the event <b>Go</b>").has("data-state=\"running\"");
    page.has("href=\"act?do=raise&amp;id=w&amp;name=Go\"")
        .has("&quot;step&quot;: &quot;waiting&quot;");
    page.has("data-kind=\"external_subscribed\"").has("id=\"after-range\"");
    page.lacks("act?do=purge").lacks("act?do=resume");
    site.run("echo", "e", json!("done")).await;
    let page = site.get("/instance?id=e").await;
    page.has("It returned a value").has("id=\"output\"").has("act?do=purge").lacks("act?do=cancel");
}

#[tokio::test]
async fn the_slider_shows_what_was_open_after_an_event() {
    let site = Site::open().await;
    site.run("pay", "p", json!("no")).await;
    let page = site.get("/instance?id=p&after=1").await;
    page.is(200).has("data-after=\"1\"").has("<b>charge</b>").has("data-open=\"activity\"");
    let page = site.get("/instance?id=p&after=2").await;
    page.lacks("data-open=\"activity\"").has("Rewind to before it");
    let part = site.get("/instance?id=p&after=1&part=after").await;
    part.is(200).has("id=\"after-state\"").lacks("id=\"events\"");
}

#[tokio::test]
async fn the_timeline_has_a_row_per_thing_and_can_be_zoomed_by_links() {
    let site = Site::open().await;
    site.run("order", "o", json!("declined")).await;
    let page = site.get("/instance?id=o").await;
    page.is(200)
        .has("id=\"timeline\"")
        .has("data-kind=\"child\"")
        .has("data-zoom=\"in\"")
        .has("✕ failed");
    let zoom = page
        .attributes("href")
        .into_iter()
        .find(|href| href.contains("zoom_from"))
        .expect("a way in");
    let zoomed = site.get(&format!("/{}", zoom.split('#').next().unwrap())).await;
    zoomed.is(200).has("data-zoom=\"out\"").has("data-zoom=\"all\"");
    site.get("/instance?id=o&scale=steps").await.is(200).has("By time");
    let part = site.get("/instance?id=o&part=timeline").await;
    part.is(200).has("id=\"timeline\"").lacks("id=\"events\"");
    for wrong in ["scale=days", "zoom_from=7", "zoom_from=7&zoom_to=7", "span=x"] {
        site.get(&format!("/instance?id=o&{wrong}")).await.is(400);
    }
    site.get("/instance?id=o&span=9999").await.is(200).has("from here on");
    let far = "/instance?id=o&zoom_from=18446744073709551000&zoom_to=18446744073709551615";
    site.get(far).await.is(200);
}

#[tokio::test]
async fn a_failure_is_followed_down_to_its_first_cause() {
    let site = Site::open().await;
    site.run("order", "o", json!("the card has expired")).await;
    let page = site.get("/instance?id=o").await;
    page.is(200).has("id=\"failure\"").has("because of").has("activity <b>charge</b>");
    page.has("the card has expired").has("id=\"tree\"");
    let child = page.attributes("data-link").into_iter().nth(1).expect("the child");
    let child = site.get(&with_id("instance", &child)).await;
    child.is(200).has("Started by").has("started by ");
}

#[tokio::test]
async fn hosts_and_shards_are_listed() {
    let site = Site::open().await;
    let page = site.get("/shards").await;
    page.is(200).has("id=\"hosts\"").has("✓ yes").has("✓ on this host").has("data-row=\"0\"");
    site.get("/quarantine").await.is(200).has("not shared by hosts");
}

#[tokio::test]
async fn what_is_not_there_is_said_plainly() {
    let site = Site::open().await;
    site.run("echo", "e", json!(1)).await;
    let unknown = site.get("/instance?id=nobody").await;
    unknown.is(404).has("nobody").has("All instances").has("data-kind=\"not_found\"");
    for address in [
        "/instance",
        "/instances?state=asleep",
        "/instances?limit=0",
        "/act?do=dance&id=e",
        "/instance?id=e&colour=red",
    ] {
        site.get(address).await.is(400).has("role=\"alert\"");
    }
    let beyond = site.get("/instance?id=e&after=999").await;
    assert!(beyond.status.is_client_error());
    beyond.has("role=\"alert\"");
    site.get("/nothing").await.is(404).has("href=\"overview\"");
    site.get("/nothing/deeper").await.is(404).has("href=\"../overview\"");
    site.get("/assets/none.css").await.is(404);
    assert!(site.access.summary(&id("nobody")).await.is_err());
}

#[tokio::test]
async fn files_have_names_that_change_with_them_and_are_kept() {
    let site = Site::open().await;
    let page = site.get("/overview").await;
    let style = page.attributes("href").into_iter().find(|href| href.ends_with(".css"));
    let file = site.get(&format!("/{}", style.expect("a style sheet"))).await;
    file.is(200);
    assert_eq!(file.headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
    assert!(file.headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn a_console_that_only_reads_offers_nothing_to_change() {
    let site = Site::open_with(ConsoleOptions::new().guarded_by_layer().read_only(true)).await;
    site.begin("wait", "w", json!(1)).await;
    let page = site.get("/instance?id=w").await;
    page.is(200).has("data-read-only").lacks("act?do=");
    site.get("/instances").await.lacks("id=\"bulk\"");
    site.get(&with_id("act?do=cancel", "w")).await.is(200).lacks("id=\"ask-form\"");
}

#[tokio::test]
async fn one_logs_in_with_the_token_and_out_again() {
    let token = "a-token-of-the-tests";
    let options = ConsoleOptions::new().token(Token::new(token).expect("a token"));
    let site = Site::open_with(options).await;
    assert_eq!(site.get("/instances?state=failed").await.leads_to(), "login");
    let login = site.get("/login").await;
    login.is(200).has("type=\"password\"");
    let wrong =
        site.send_with("/login", &login.form_token(), &[("token", "a-wrong-token-here")]).await;
    wrong.is(401).has("the token is wrong").lacks("a-wrong-token-here");
    let right = site.send_with("/login", &login.form_token(), &[("token", token)]).await;
    assert_eq!(right.leads_to(), "overview");
    let cookie = right.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains(token));
    let mut again = request(Method::GET, "/overview", None);
    again.headers_mut().insert(header::COOKIE, cookie.split(';').next().unwrap().parse().unwrap());
    show(&site.console, again).await.is(200).has("action=\"logout\"").lacks(token);
}

#[tokio::test]
async fn a_list_is_filtered_by_attributes_and_shows_them() {
    let site = Site::open().await;
    for (id, customer) in [("a", "ada"), ("b", "bob"), ("<i>", "<b>ada</b>")] {
        site.begin_with("wait", id, json!(1), customer).await;
    }
    let page = site.get("/instances?attr=customer%3Dada&limit=1").await;
    page.is(200).has("1 instance passes").has("data-row=\"a\"").lacks("data-row=\"b\"");
    page.has("value=\"customer=ada\"").has("customer=<code>&quot;ada&quot;</code>");
    // For the bulk action as well.
    page.has("<input type=\"hidden\" name=\"attr\" value=\"customer=ada\">");
    let all = site.get("/instances?attr=customer%5E%3D&limit=2").await;
    all.has("attr=customer%5E%3D&amp;after=").lacks("<b>ada</b>");
    site.get("/instances?attr=customer").await.is(400).has("is no condition on an attribute");
}
