//! Ids and payloads that somebody has thought out: they stay data.

use axum::Router;
use axum::http::{Method, header};
use reenact_console::ConsoleOptions;
use serde_json::{Value, json};

use super::asking::{Program, ask, get, post, request, with_id};

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "..",
    "../../etc/passwd",
    "a/b?c=d&e=f#g",
    "\"'`{{7*7}}${x}",
    "Ärger ☃ \u{202e}txt",
    "%2e%2e%2f",
    " ",
];

#[tokio::test]
async fn any_id_is_found_by_its_query_and_comes_back_as_it_is() {
    let program = Program::start().await;
    let console = program.console();
    for id in HOSTILE {
        let start = json!({"orchestration": "wait", "id": id, "input": id});
        assert_eq!(post(&console, "/api/start", start).await.ok()["id"], id);
        let detail = get(&console, &with_id("/api/instance", id)).await;
        assert_eq!(detail.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(detail.ok()["id"], id);
        assert_eq!(detail.ok()["view"]["input"], id);
        let history = get(&console, &with_id("/api/history", id)).await.ok();
        assert_eq!(history["events"][0]["data"]["input"], id);
        let go = json!({"name": "Go", "data": id});
        post(&console, &with_id("/api/raise", id), go).await.ok();
        assert_eq!(program.ended(id).await, json!(id));
    }
    let list = get(&console, "/api/instances").await.ok();
    assert_eq!(list["instances"].as_array().map(Vec::len), Some(HOSTILE.len()));
}

#[tokio::test]
async fn an_id_with_a_line_break_is_refused_everywhere() {
    let program = Program::start().await;
    let console = program.console();
    for path in ["instance", "history", "history.jsonl", "state", "watch/instance"] {
        let address = with_id(&format!("/api/{path}"), "a\r\nSet-Cookie: b=c");
        let answer = get(&console, &address).await;
        answer.problem(400);
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
    }
}

#[tokio::test]
async fn a_change_from_a_page_of_another_site_is_refused() {
    let program = Program::start().await;
    program.begin("wait", "a", json!(null)).await;
    let console = program.console();
    let forged = |name: &'static str, value: &str| {
        let mut request = request(Method::POST, "/api/terminate?id=a", Some(json!({})));
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:81"),
    ] {
        let refused = ask(&console, forged(name, value)).await.problem(403);
        assert_eq!(refused["kind"], "forbidden", "{name}: {value}");
    }
    assert_eq!(get(&console, "/api/instance?id=a").await.ok()["state"], "running");
    ask(&console, forged("origin", "http://localhost")).await.ok();
}

#[tokio::test]
async fn the_console_works_under_any_prefix() {
    let program = Program::start().await;
    program.run("echo", "a", json!(1)).await;
    let without_slash = Router::new().nest("/admin", program.console());
    assert_eq!(get(&without_slash, "/admin/api/count").await.ok()["count"], 1);
    let nested: Router<()> = Router::new().nest_service("/admin", program.console());
    assert_eq!(get(&nested, "/admin/api/count").await.ok()["count"], 1);
    get(&nested, "/admin/api/none").await.problem(404);
    for overview in ["/admin", "/admin/"] {
        let page = get(&nested, overview).await;
        assert!(page.status.is_success() || page.status.is_redirection(), "{overview}: {page:?}");
    }
    let deep = Router::new().nest("/a/b", nested);
    assert_eq!(get(&deep, "/a/b/admin/api/instance?id=a").await.ok()["id"], "a");
}

#[tokio::test]
async fn payloads_pass_the_redaction_wherever_they_are_shown() {
    let program = Program::start().await;
    program.begin("wait", "a", json!({"card": "1234-secret"})).await;
    program.run("pay", "b", json!(4_321_432_143_u64)).await;
    let options = ConsoleOptions::new()
        .guarded_by_layer()
        .redact(|of, _| json!(format!("({} of {})", of.field, of.instance.unwrap_or("nobody"))));
    let console = program.console_with(options);
    for address in [
        "/api/instance?id=a",
        "/api/history?id=a",
        "/api/history.jsonl?id=a",
        "/api/state?id=a&after=0",
        "/api/instance?id=b",
        "/api/history?id=b",
    ] {
        let answer = get(&console, address).await;
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("1234-secret") && !text.contains("4321432143"), "{address}: {text}");
        assert!(text.contains("(input of "), "{address}: {text}");
    }
    let detail = get(&console, "/api/instance?id=a").await.ok();
    assert_eq!(detail["view"]["status"], "(status of a)");
    let failed = get(&console, "/api/instance?id=b").await.ok();
    let error: &Value = &failed["view"]["outcome"]["error"];
    assert_eq!(error["details"], "(details of b)");
}
