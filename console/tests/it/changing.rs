//! What changes one instance.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::json;

use super::asking::{Program, ask, get, post, request, with_id};

#[tokio::test]
async fn an_instance_is_started_gets_an_event_and_ends() {
    let program = Program::start().await;
    let console = program.console();
    let start = json!({"orchestration": "wait", "id": "order-7", "input": {"cents": 5}});
    let started = post(&console, "/api/start", start.clone()).await;
    assert_eq!(started.status, 201);
    assert_eq!(started.ok()["id"], "order-7");
    assert_eq!(post(&console, "/api/start", start).await.problem(409)["kind"], "already_exists");
    let go = json!({"name": "Go", "data": [1, 2], "key": "once"});
    assert_eq!(post(&console, "/api/raise?id=order-7", go).await.ok()["done"], true);
    program.ended("order-7").await;
    let detail = get(&console, "/api/instance?id=order-7").await.ok();
    assert_eq!(detail["view"]["outcome"], json!({"kind": "completed", "output": [1, 2]}));
    let again = json!({"name": "Go"});
    assert_eq!(
        post(&console, "/api/raise?id=order-7", again).await.problem(409)["kind"],
        "finished"
    );
}

#[tokio::test]
async fn a_start_without_an_id_gets_one() {
    let program = Program::start().await;
    let console = program.console();
    let started = post(&console, "/api/start", json!({"orchestration": "echo"})).await.ok();
    assert_eq!(started["id"].as_str().map(str::len), Some(36), "{started}");
}

#[tokio::test]
async fn a_start_can_bring_an_event_for_one_that_may_be_there() {
    let program = Program::start().await;
    let console = program.console();
    let start = json!({"orchestration": "wait", "id": "a", "event": {"name": "Go", "data": 7}});
    post(&console, "/api/start", start).await.ok();
    assert_eq!(program.ended("a").await, json!(7));
    let without_id = json!({"orchestration": "wait", "event": {"name": "Go"}});
    post(&console, "/api/start", without_id).await.problem(400);
}

#[tokio::test]
async fn a_start_says_what_happens_where_its_id_is_taken() {
    let program = Program::start().await;
    let console = program.console();
    let start = |attach: bool, replace: &[&str]| json!({"orchestration": "wait", "id": "a", "attach": attach, "replace": replace});
    for attach in [false, true] {
        post(&console, "/api/start", start(attach, &[])).await.ok();
    }
    post(&console, "/api/start", start(false, &["failed"])).await.problem(409);
    post(&console, "/api/start", start(false, &["running"])).await.ok();
    let detail = get(&console, "/api/instance?id=a").await.ok();
    assert_eq!(detail["execution"], 2, "{detail}");
    post(&console, "/api/start", start(false, &["gone"])).await.problem(422);
}

#[tokio::test]
async fn a_start_can_have_time_limits_and_a_view_shows_when_they_pass() {
    let program = Program::start().await;
    let console = program.console();
    let limited = |execution: u64, total: u64| json!({"orchestration": "wait", "id": "a", "timeout_ms": execution, "total_timeout_ms": total});
    post(&console, "/api/start", limited(0, 1)).await.problem(422);
    post(&console, "/api/start", limited(1, u64::MAX)).await.problem(422);
    post(&console, "/api/start", limited(3_600_000, 7_200_000)).await.ok();
    let view = &get(&console, "/api/instance?id=a").await.ok()["view"];
    let ends = [&view["execution_ends_at"], &view["total_ends_at"]];
    assert!(ends.iter().all(|at| at.is_string()) && ends[0] != ends[1], "{view}");
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_and_nothing_is_stored() {
    let program = Program::start().await;
    let console = program.console();
    let refused = async |body| post(&console, "/api/start", body).await;
    let unknown = refused(json!({"orchestration": "none"})).await.problem(422);
    assert_eq!(unknown["kind"], "not_registered");
    let version = json!({"orchestration": "echo", "version": "9.9.9"});
    assert_eq!(refused(version).await.problem(422)["kind"], "not_registered");
    refused(json!({"orchestration": "echo", "version": "nine"})).await.problem(400);
    refused(json!({"orchestration": "echo", "id": "a\nb"})).await.problem(400);
    refused(json!({"orchestration": "pay", "input": "not cents"})).await.problem(422);
    refused(json!({"orchestration": "echo", "inptu": 1})).await.problem(422);
    refused(json!({})).await.problem(422);
    let delay = json!({"orchestration": "echo", "delay_ms": u64::MAX});
    refused(delay).await.problem(422);
    assert_eq!(get(&console, "/api/count").await.ok()["count"], 0);
}

#[tokio::test]
async fn an_instance_is_suspended_resumed_cancelled_and_purged() {
    let program = Program::start().await;
    program.begin("wait", "a", json!(null)).await;
    let console = program.console();
    let state = async || get(&console, "/api/instance?id=a").await.ok();
    post(&console, "/api/suspend?id=a", json!({"reason": "lunch"})).await.ok();
    let suspended = state().await;
    assert_eq!(suspended["state"], "suspended");
    assert_eq!(suspended["view"]["suspended"]["reason"], "lunch");
    assert!(suspended["actions"].as_array().unwrap().contains(&json!("resume")));
    post(&console, "/api/resume?id=a", json!({})).await.ok();
    assert_eq!(state().await["state"], "running");
    assert_eq!(post(&console, "/api/purge?id=a", json!({})).await.problem(409)["kind"], "not_yet");
    post(&console, "/api/cancel?id=a", json!({"reason": "no more"})).await.ok();
    program.over("a").await;
    let ended = state().await;
    assert_eq!(ended["view"]["outcome"], json!({"kind": "cancelled", "reason": "no more"}));
    assert_eq!(ended["actions"], json!(["rewind", "fork", "purge"]));
    post(&console, "/api/purge?id=a", json!({})).await.ok();
    get(&console, "/api/instance?id=a").await.problem(404);
}

#[tokio::test]
async fn a_failed_instance_is_rewound_to_before_the_step_that_failed() {
    let program = Program::start().await;
    program.begin("pay", "a", json!(51)).await;
    program.over("a").await;
    let console = program.console();
    let failed = get(&console, "/api/instance?id=a").await.ok();
    assert_eq!(failed["state"], "failed");
    let message = failed["view"]["outcome"]["error"]["message"].as_str().unwrap();
    assert!(message.ends_with("declined"), "{message}");
    let before = json!({"position": 2, "reason": "the card is valid again"});
    post(&console, "/api/rewind?id=a", before).await.ok();
    let history = get(&console, "/api/history?id=a").await.ok();
    let kinds: Vec<_> = history["events"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert!(kinds.contains(&&json!("execution_rewound")), "{kinds:?}");
    let rewound = get(&console, "/api/instance?id=a").await.ok();
    assert_eq!(rewound["view"]["rewound"]["reason"], "the card is valid again");
    let past = json!({"position": 1000});
    post(&console, "/api/rewind?id=a", past).await.problem(422);
}

#[tokio::test]
async fn an_instance_is_forked_and_stays_as_it_is() {
    let program = Program::start().await;
    program.begin("wait", "a", json!(null)).await;
    let console = program.console();
    let before = get(&console, "/api/history?id=a").await.ok();
    let fork = json!({"to": "b", "reason": "what if"});
    assert_eq!(post(&console, "/api/fork?id=a", fork.clone()).await.ok(), json!({"id": "b"}));
    let begun = get(&console, "/api/instance?id=b").await.ok();
    assert_eq!(begun["view"]["forked_from"], "a");
    assert_eq!(begun["view"]["rewound"]["reason"], "what if");
    assert_eq!(get(&console, "/api/history?id=a").await.ok(), before);
    let taken = post(&console, "/api/fork?id=a", fork).await.problem(409);
    assert_eq!(taken["kind"], "already_exists");
    let attached = json!({"to": "b", "attach": true});
    post(&console, "/api/fork?id=a", attached).await.ok();
    post(&console, "/api/fork?id=a", json!({"to": "c", "before": 0})).await.problem(422);
    post(&console, "/api/fork?id=a", json!({"to": ""})).await.problem(400);
}

#[tokio::test]
async fn terminating_asks_nobody() {
    let program = Program::start().await;
    program.begin("wait", "a", json!(null)).await;
    let console = program.console();
    post(&console, "/api/terminate?id=a", json!({"reason": "enough"})).await.ok();
    let ended = get(&console, "/api/instance?id=a").await.ok();
    assert_eq!(ended["view"]["outcome"], json!({"kind": "terminated", "reason": "enough"}));
}

#[tokio::test]
async fn changes_of_what_is_not_there_are_problems() {
    let program = Program::start().await;
    let console = program.console();
    for path in ["raise", "cancel", "suspend", "resume", "terminate", "rewind", "fork", "purge"] {
        let body = match path {
            "raise" => json!({"name": "Go"}),
            "rewind" => json!({"position": 3}),
            "fork" => json!({"to": "other"}),
            _ => json!({}),
        };
        let address = with_id(&format!("/api/{path}"), "no such");
        assert_eq!(post(&console, &address, body.clone()).await.problem(404)["kind"], "not_found");
        post(&console, &format!("/api/{path}"), body).await.problem(400);
    }
}

#[tokio::test]
async fn a_change_is_a_post_of_json() {
    let program = Program::start().await;
    program.begin("wait", "a", json!(null)).await;
    let console = program.console();
    get(&console, "/api/terminate?id=a").await.problem(405);
    let form = Request::builder()
        .method(Method::POST)
        .uri("/api/terminate?id=a")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("reason=forged"))
        .unwrap();
    ask(&console, form).await.problem(415);
    let without = request(Method::POST, "/api/terminate?id=a", None);
    ask(&console, without).await.problem(415);
    let broken = Request::builder()
        .method(Method::POST)
        .uri("/api/terminate?id=a")
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .body(Body::from("{\"reason\":"))
        .unwrap();
    ask(&console, broken).await.problem(400);
    assert_eq!(get(&console, "/api/instance?id=a").await.ok()["state"], "running");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let program = Program::start().await;
    let console = program.console();
    let long = "x".repeat(reenact_console::limits::MAX_BODY_BYTES);
    let start = json!({"orchestration": "echo", "input": long});
    post(&console, "/api/start", start).await.problem(413);
    let over = "x".repeat(reenact_core::limits::MAX_PAYLOAD_BYTES);
    let start = json!({"orchestration": "echo", "input": over});
    post(&console, "/api/start", start).await.problem(422);
}
