//! Lists, counts, instances and histories.

use serde_json::json;

use super::asking::{Program, get, with_id};

#[tokio::test]
async fn a_list_is_read_a_page_at_a_time() {
    let program = Program::start().await;
    for id in ["a", "b", "c"] {
        program.run("echo", id, json!(id)).await;
    }
    program.begin("wait", "d", json!(null)).await;
    let console = program.console();
    let page = get(&console, "/api/instances?limit=2&name=echo").await.ok();
    assert_eq!(page["instances"][1]["id"], "b");
    assert_eq!(page["instances"][1]["state"], "completed");
    assert_eq!(page["next"], "b");
    let page = get(&console, "/api/instances?limit=2&name=echo&after=b").await.ok();
    assert_eq!(page["instances"][0]["id"], "c");
    assert!(page.get("next").is_none());
    let beyond = get(&console, "/api/instances?after=zzz").await.ok();
    assert_eq!(beyond["instances"], json!([]));
    let count = get(&console, "/api/count?state=completed&state=running").await.ok();
    assert_eq!(count["count"], 4);
    let counts = get(&console, "/api/counts").await.ok();
    assert_eq!(counts["total"], 4);
    assert_eq!(counts["states"][0], json!({"state": "running", "count": 1}));
}

#[tokio::test]
async fn an_instance_shows_its_status_and_its_history() {
    let program = Program::start().await;
    program.begin("wait", "order-7", json!(1)).await;
    let console = program.console();
    let detail = get(&console, "/api/instance?id=order-7").await.ok();
    assert_eq!(detail["custom_status"], json!({"step": "waiting", "secret": 51}));
    assert_eq!(detail["orchestration"], "wait");
    let history = get(&console, "/api/history?id=order-7").await.ok();
    assert_eq!(history["events"][0]["kind"], "execution_started");
    assert_eq!(history["events"][0]["data"]["input"], 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem() {
    let program = Program::start().await;
    let console = program.console();
    let unknown = get(&console, &with_id("/api/instance", "no/../such <b>")).await.problem(404);
    assert_eq!(unknown["kind"], "not_found");
    assert_eq!(get(&console, "/api/instance").await.problem(400)["kind"], "invalid_argument");
    get(&console, "/api/instances?state=asleep").await.problem(400);
    get(&console, "/api/nothing").await.problem(404);
}
