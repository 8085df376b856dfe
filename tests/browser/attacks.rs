//! Somebody attacks: ids, names and payloads that are markup, and a page of another site.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use reenact::InstanceState;
use reenact::console::{self, ConsoleOptions};
use serde_json::json;
use tokio::net::TcpListener;

use crate::scene::Scene;

const SCRIPT: &str = "<script>document.title='owned'</script>";

/// Serves a router on a free port of this machine.
async fn serve(router: Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    port
}

#[tokio::test]
async fn ids_and_payloads_are_text_on_every_page() {
    let scene = Scene::begin().await;
    let image = "<img src=x onerror=\"document.title='owned'\">";
    let input = json!({ image: SCRIPT, "</style>": image });
    let id = format!("\"'{SCRIPT}{image}");
    scene.host.start_new_by_name::<String>("waits", input).id(&id).await.unwrap();
    scene.host.raise_event(&id, "other & <b>", json!(image)).await.unwrap();
    let failed = scene.host.start_new_by_name::<()>("fails", SCRIPT).id("<i>fails</i>");
    failed.await.unwrap().result().await.unwrap_err();

    for page in ["", "instances", "instances?prefix=%3Cscript%3E&name=%22%3E%3Cb%3E"] {
        scene.open(page).await;
        scene.find("main").await;
        let title = scene.page().title().await.unwrap();
        assert!(!title.contains("owned"), "{page}: {title}");
    }
    scene.open("instances").await;
    for row in scene.rows().await {
        scene.open("instances").await;
        let selector = format!("[data-row='{}'] a", row.replace('\\', "\\\\").replace('\'', "\\'"));
        scene.click(&selector).await;
        scene.until_text("#instance-id", &row).await;
        scene
            .page()
            .execute(
                "for (const one of document.querySelectorAll('details')) one.open = true",
                vec![],
            )
            .await
            .unwrap();
        assert!(!scene.page().title().await.unwrap().starts_with("owned"));
        let made = "return document.querySelectorAll('main script, main img, main b i, main style').length";
        assert_eq!(scene.page().execute(made, vec![]).await.unwrap().json(), &json!(0));
    }
    scene.end().await;
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let scene = Scene::begin().await;
    scene.host.start_new_by_name::<String>("waits", ()).id("order").await.unwrap();
    // It sends the form of the console, and the request of the API in each way that a page has.
    let (act, api) = (scene.address("act"), scene.address("api/terminate?id=order"));
    let evil = format!(
        "<!doctype html><form id=f method=post action='{act}' target=frame>\
         <input name=do value=terminate><input name=id value=order><input name=reason value=evil></form>\
         <iframe name=frame></iframe><script>\
         const body = JSON.stringify({{ reason: 'evil' }});\
         const send = (type) => fetch('{api}', {{ method: 'POST', body, mode: type ? 'cors' : 'no-cors', \
             headers: type ? {{ 'content-type': type }} : {{}} }}).catch(() => {{}});\
         (async () => {{ f.submit(); await send(null); await send('text/plain'); await send('application/json');\
         document.title = 'sent'; }})();</script>"
    );
    let other = serve(Router::new().route("/", get(async move || Html(evil)))).await;
    // Another site for the browser: another name, and another port.
    scene.page().goto(format!("http://localhost:{other}/")).await.unwrap();
    let sent = async || (scene.page().title().await.ok()? == "sent").then_some(());
    crate::scene::until("the requests of the other site", sent).await;
    assert_eq!(scene.host.get_status("order").await.unwrap().state, InstanceState::Running);
    scene.end().await;
}

#[tokio::test]
async fn under_a_prefix_every_link_leads_to_a_page_of_the_console() {
    let scene = Scene::begin().await;
    scene.host.start_new_by_name::<String>("waits", ()).id("order").await.unwrap();
    let console = console::router(scene.host.client(), ConsoleOptions::new());
    let port = serve(Router::new().nest_service("/deep/admin", console)).await;
    let base = format!("http://127.0.0.1:{port}/deep/admin/");
    scene.page().goto(&base).await.unwrap();
    let links = "return [...document.links].map((link) => link.href)";
    let (mut to_do, mut seen) = (vec![base.clone()], std::collections::BTreeSet::new());
    while let Some(address) = to_do.pop().filter(|_| seen.len() < 60) {
        let address = address.split('#').next().unwrap_or_default().to_owned();
        let is_for_programs = ["history.jsonl", "admin/metrics", "admin/api/"];
        if is_for_programs.iter().any(|part| address.contains(part))
            || !seen.insert(address.clone())
        {
            continue;
        }
        assert!(address.starts_with(&base), "{address} is outside of the prefix");
        scene.page().goto(&address).await.unwrap();
        let is_page =
            "return !!document.querySelector('main') && !document.getElementById('problem')";
        assert_eq!(
            scene.page().execute(is_page, vec![]).await.unwrap().json(),
            &json!(true),
            "{address}"
        );
        let found = scene.page().execute(links, vec![]).await.unwrap();
        to_do.extend(
            found.json().as_array().unwrap().iter().map(|l| l.as_str().unwrap().to_owned()),
        );
    }
    assert!(seen.len() > 8, "{seen:?}");
    // What changes something works there as well.
    scene.page().goto(format!("{base}act?do=suspend&id=order")).await.unwrap();
    scene.click("#ask-form button[type=submit]").await;
    scene.until_text("#instance-head", "suspended").await;
    scene.end().await;
}
