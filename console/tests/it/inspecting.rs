//! Timelines, trees, chains of failures, and shards.

use serde_json::{Value, json};

use super::asking::{Program, get};

#[tokio::test]
async fn a_timeline_shows_what_was_done_and_when() {
    let program = Program::start().await;
    program.run("pay", "a", json!(51)).await;
    let console = program.console();
    let timeline = get(&console, "/api/timeline?id=a").await.ok();
    assert_eq!(timeline["instance"]["id"], "a");
    let span = &timeline["spans"][0];
    assert_eq!((&span["kind"], &span["name"]), (&json!("activity"), &json!("charge")));
    assert_eq!(span["outcome"], "failed");
    assert!(span["begin"].as_str().unwrap().ends_with('Z'), "{span}");
    assert!(span["running_ms"].is_u64(), "{span}");
    let none = get(&console, "/api/timeline?id=a&from=1000").await.ok();
    assert_eq!(none["spans"], json!([]));
    get(&console, "/api/timeline?id=a&limit=0").await.problem(400);
    get(&console, "/api/timeline?id=none").await.problem(404);
}

#[tokio::test]
async fn a_failure_is_followed_down_to_the_activity_of_the_child() {
    let program = Program::start().await;
    program.run("shop", "a", json!(51)).await;
    let console = program.console();
    let failure = get(&console, "/api/failure?id=a").await.ok();
    let links = failure["links"].as_array().unwrap();
    assert_eq!(links.len(), 2, "{failure}");
    assert_eq!(links[0]["instance"], "a");
    let child = links[1]["instance"].as_str().unwrap();
    assert_eq!(links[1]["cause"]["what"]["activity"]["name"], "charge");
    assert_eq!(links[1]["cause"]["what"]["activity"]["error"]["details"], json!({"card": 51}));
    let tree = get(&console, "/api/tree?id=a").await.ok();
    let called = &tree["instance"]["children"][0];
    assert_eq!(called["instance"], child);
    assert_eq!((&called["state"], &called["call"]["end"]), (&json!("failed"), &json!("failed")));
    let address = super::asking::with_id("/api/tree", child);
    let of_child = get(&console, &address).await.ok();
    assert_eq!(of_child["ancestors"][0]["id"], "a");
    assert_eq!(of_child["ancestors"][0]["relation"], "child");
    let detail = get(&console, &super::asking::with_id("/api/instance", child)).await.ok();
    assert_eq!(detail["view"]["parent"]["instance"], "a");
    get(&console, "/api/tree?id=a&depth=1000").await.problem(400);
}

#[tokio::test]
async fn an_instance_that_has_not_failed_has_no_chain() {
    let program = Program::start().await;
    program.run("echo", "a", json!(1)).await;
    let failure = get(&program.console(), "/api/failure?id=a").await.ok();
    assert_eq!(failure, json!({"links": []}));
}

#[tokio::test]
async fn shards_and_hosts_are_shown() {
    let program = Program::start().await;
    let cluster = get(&program.console(), "/api/shards").await.ok();
    let shards: &Vec<Value> = cluster["shards"].as_array().unwrap();
    assert!(!shards.is_empty());
    assert!(shards.iter().all(|shard| shard["is_here"] == true), "{cluster}");
    assert_eq!(cluster["hosts"][0]["is_alive"], true);
}
