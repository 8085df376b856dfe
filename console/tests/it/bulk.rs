//! Bulk actions: what runs is never more than what was shown.

use axum::Router;
use axum::body::to_bytes;
use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::asking::{Program, get, post, request};

async fn program() -> (Program, Router) {
    let program = Program::start().await;
    for number in 0..25 {
        program.begin("wait", &format!("order-{number:02}"), json!(number)).await;
    }
    program.begin("wait", "other", json!(null)).await;
    let console = program.console();
    (program, console)
}

async fn prepare(console: &Router, action: &str, filter: Value) -> Value {
    let body = json!({"action": action, "filter": filter, "reason": "clean up"});
    post(console, "/api/bulk/prepare", body).await.ok()
}

async fn run(console: &Router, prepared: &Value) -> Vec<Value> {
    let answer = post(console, "/api/bulk/run", json!({"token": prepared["token"]})).await;
    let text = String::from_utf8(answer.body).unwrap();
    assert!(answer.status.is_success(), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn count(console: &Router, state: &str) -> Value {
    get(console, &format!("/api/count?state={state}")).await.ok()["count"].clone()
}

#[tokio::test]
async fn what_was_shown_is_done_with_its_progress() {
    let (_program, console) = program().await;
    let prepared = prepare(&console, "terminate", json!({"prefix": "order-"})).await;
    assert_eq!(prepared["count"], 25);
    assert_eq!(prepared["sample"].as_array().map(Vec::len), Some(10));
    assert_eq!(prepared["sample"][0]["id"], "order-00");
    assert_eq!(count(&console, "running").await, 26, "nothing is done before it is run");
    let lines = run(&console, &prepared).await;
    let last = lines.last().unwrap();
    assert_eq!((&last["done"], &last["failed"], &last["of"]), (&json!(25), &json!(0), &json!(25)));
    assert_eq!(last["is_over"], true);
    assert_eq!(count(&console, "terminated").await, 25);
    assert_eq!(count(&console, "running").await, 1);
}

#[tokio::test]
async fn a_token_runs_once() {
    let (_program, console) = program().await;
    let prepared = prepare(&console, "suspend", json!({"prefix": "order-0"})).await;
    run(&console, &prepared).await;
    let again = post(&console, "/api/bulk/run", json!({"token": prepared["token"]})).await;
    again.problem(404);
    post(&console, "/api/bulk/run", json!({"token": "guessed"})).await.problem(404);
    assert_eq!(count(&console, "suspended").await, 10);
}

#[tokio::test]
async fn when_more_match_than_were_shown_nothing_is_changed() {
    let (program, console) = program().await;
    let prepared = prepare(&console, "terminate", json!({"prefix": "order-"})).await;
    program.begin("wait", "order-new", json!(null)).await;
    let refused = post(&console, "/api/bulk/run", json!({"token": prepared["token"]})).await;
    assert_eq!(refused.problem(409)["kind"], "conflict");
    assert_eq!(count(&console, "running").await, 27);
}

#[tokio::test]
async fn one_that_came_in_the_place_of_another_is_left_alone() {
    let (program, console) = program().await;
    let filter = json!({"prefix": "order-", "state": ["running"]});
    let prepared = prepare(&console, "terminate", filter).await;
    program.raise("order-24", "Go", json!(1)).await;
    program.over("order-24").await;
    program.begin("wait", "order-000-new", json!(null)).await;
    let lines = run(&console, &prepared).await;
    assert_eq!(lines.last().unwrap()["done"], 24);
    let new = get(&console, "/api/instance?id=order-000-new").await.ok();
    assert_eq!(new["state"], "running");
}

#[tokio::test]
async fn those_that_cannot_be_purged_are_listed_one_by_one() {
    let (program, console) = program().await;
    for id in ["order-03", "order-04"] {
        program.raise(id, "Go", json!(1)).await;
        program.over(id).await;
    }
    let prepared = prepare(&console, "purge", json!({"prefix": "order-0"})).await;
    let lines = run(&console, &prepared).await;
    let last = lines.last().unwrap();
    assert_eq!((&last["done"], &last["failed"]), (&json!(2), &json!(8)));
    let refused: Vec<_> = lines.iter().filter(|line| line["error"].is_object()).collect();
    assert_eq!(refused.len(), 8);
    assert!(refused.iter().all(|line| line["error"]["kind"] == "not_yet"), "{refused:?}");
    get(&console, "/api/instance?id=order-03").await.problem(404);
}

#[tokio::test]
async fn a_bulk_action_that_cannot_be_is_refused() {
    let (_program, console) = program().await;
    let refused = async |body| post(&console, "/api/bulk/prepare", body).await;
    refused(json!({"action": "start"})).await.problem(422);
    refused(json!({"action": "purge", "filter": {"state": ["asleep"]}})).await.problem(422);
    refused(json!({"action": "purge", "filter": {"nmae": "x"}})).await.problem(422);
    refused(json!({"action": "purge", "filter": {"name": ""}})).await.problem(400);
}

/// Begins to run what was prepared, and reads none of its lines: after those that wait to be read it goes no further.
async fn begin(console: &Router, prepared: &Value) -> Response {
    let body = json!({"token": prepared["token"]});
    let request = request(Method::POST, "/api/bulk/run", Some(body));
    console.clone().oneshot(request).await.expect("a router answers")
}

#[tokio::test]
async fn a_bulk_action_that_runs_can_be_stopped_and_what_was_done_stays() {
    let program = Program::start().await;
    for number in 0..400 {
        program.begin("wait", &format!("order-{number:03}"), json!(number)).await;
    }
    let console = program.console();
    let prepared = prepare(&console, "terminate", json!({"prefix": "order-"})).await;
    let running = begin(&console, &prepared).await;
    let token = json!({"token": prepared["token"]});
    let stopped = post(&console, "/api/bulk/stop", token.clone()).await.ok();
    assert_eq!(stopped["is_over"], true);
    assert_eq!(stopped["error"]["kind"], "stopped");
    let done = stopped["done"].as_u64().unwrap();
    assert!(done < 400, "{stopped}");
    assert_eq!(count(&console, "terminated").await, done);
    assert_eq!(count(&console, "running").await, 400 - done);
    // Its own caller learns of it by the last line.
    let lines = to_bytes(running.into_body(), usize::MAX).await.unwrap();
    let last = lines.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(last).unwrap(), stopped);
    // Stopped again it is as it was, and it does not run again.
    assert_eq!(post(&console, "/api/bulk/stop", token.clone()).await.ok(), stopped);
    post(&console, "/api/bulk/run", token).await.problem(404);
    post(&console, "/api/bulk/stop", json!({"token": "guessed"})).await.problem(404);
}

#[tokio::test]
async fn one_that_is_over_is_not_changed_by_a_stop() {
    let (_program, console) = program().await;
    let prepared = prepare(&console, "suspend", json!({"prefix": "order-"})).await;
    let lines = run(&console, &prepared).await;
    let stopped = post(&console, "/api/bulk/stop", json!({"token": prepared["token"]})).await.ok();
    assert_eq!(Some(&stopped), lines.last());
}
