//! Lists, counts, instances and histories.

use reenact_actors::Access;
use reenact_console::{ConsoleOptions, router};
use reenact_providers::InMemory;
use serde_json::json;

use super::asking::{Program, get, post, with_id};

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
    assert_eq!(detail["view"]["status"], json!({"step": "waiting", "secret": 51}));
    assert_eq!(detail["orchestration"], "wait");
    assert_eq!(detail["view"]["waits"]["items"][0]["name"], "Go");
    assert!(detail["view"].get("version").is_none(), "it has none");
    let history = get(&console, "/api/history?id=order-7").await.ok();
    assert_eq!(history["events"][0]["kind"], "execution_started");
    assert_eq!(history["events"][0]["data"]["input"], 1);
}

#[tokio::test]
async fn a_history_is_read_a_page_at_a_time_and_downloaded_as_a_whole() {
    let program = Program::start().await;
    program.run("pay", "a", json!(51)).await;
    let console = program.console();
    let (mut events, mut from) = (Vec::new(), String::new());
    loop {
        let page = get(&console, &format!("/api/history?id=a&limit=2&from={from}")).await.ok();
        events.extend(page["events"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        from = next.to_string();
    }
    let positions: Vec<_> = events.iter().map(|event| event["position"].as_u64()).collect();
    assert_eq!(positions, (0..events.len() as u64).map(Some).collect::<Vec<_>>());
    let download = get(&console, "/api/history.jsonl?id=a").await;
    assert_eq!(download.headers["content-type"], "application/x-ndjson");
    assert_eq!(download.headers["content-disposition"], "attachment; filename=\"history.jsonl\"");
    let lines = String::from_utf8(download.body).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, events);
    let by_position = get(&console, "/api/history?id=a&from=2&limit=1").await.ok();
    assert_eq!(by_position["events"][0], events[2]);
    let beyond = get(&console, "/api/history?id=a&from=1000").await.problem(422);
    assert_eq!(beyond["kind"], "invalid_argument");
    get(&console, "/api/history?id=a&from=nowhere").await.problem(400);
    get(&console, "/api/history?id=a&limit=1000000").await.problem(400);
}

#[tokio::test]
async fn the_state_after_an_event_shows_what_was_open_then() {
    let program = Program::start().await;
    program.run("pay", "a", json!(51)).await;
    let console = program.console();
    let history = get(&console, "/api/history?id=a").await.ok();
    let scheduled = history["events"].as_array().unwrap().iter();
    let scheduled = scheduled.clone().find(|event| event["kind"] == "task_scheduled").unwrap();
    let position = scheduled["position"].as_u64().unwrap();
    let state = get(&console, &format!("/api/state?id=a&after={position}")).await.ok();
    assert_eq!(&state["event"], scheduled);
    assert_eq!(state["view"]["activities"]["items"][0]["name"], "charge");
    let page = format!("/api/history?id=a&limit=1&from={}", state["from"].as_str().unwrap());
    assert_eq!(&get(&console, &page).await.ok()["events"][0], scheduled);
    get(&console, "/api/state?id=a&after=1000").await.problem(422);
    get(&console, "/api/state?id=a&after=-1").await.problem(400);
    get(&console, "/api/state?id=a").await.problem(400);
}

#[tokio::test]
async fn the_console_says_what_it_is() {
    let program = Program::start().await;
    let info = get(&program.console(), "/api/info").await.ok();
    assert_eq!(info["has_host"], true);
    let names: Vec<_> = info["orchestrations"].as_array().unwrap().iter().collect();
    assert_eq!(names[0], &json!({"name": "echo", "versions": []}));
    let described = get(&program.console(), "/api/openapi.json").await.ok();
    assert!(described["openapi"].as_str().unwrap().starts_with("3."), "{described}");
}

#[tokio::test]
async fn figures_are_read_as_json_and_by_prometheus() {
    let program = Program::start().await;
    program.run("echo", "a", json!(1)).await;
    let console = program.console();
    let figures = get(&console, "/api/metrics").await.ok();
    assert_eq!(figures["orchestrations"]["echo"]["completed"], 1);
    let text = get(&console, "/metrics").await;
    assert!(
        text.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4")
    );
    assert!(String::from_utf8(text.body).unwrap().contains("# TYPE reenact_turns_total counter"));
}

#[tokio::test]
async fn a_store_without_a_host_is_read_and_not_changed() {
    let store = InMemory::new();
    let access = Access::read_only(&store);
    let console = router(access, ConsoleOptions::new().guarded_by_layer());
    let info = get(&console, "/api/info").await.ok();
    assert_eq!((&info["read_only"], &info["has_host"]), (&json!(true), &json!(false)));
    assert_eq!(get(&console, "/api/metrics").await.problem(409)["kind"], "setup");
    let start = post(&console, "/api/start", json!({"orchestration": "echo"})).await;
    assert_eq!(start.problem(403)["kind"], "read_only");
}

#[tokio::test]
async fn a_store_of_one_host_has_no_quarantine() {
    let program = Program::start().await;
    assert_eq!(get(&program.console(), "/api/quarantine").await.problem(409)["kind"], "setup");
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

#[tokio::test]
async fn instances_are_found_by_their_attributes() {
    let program = Program::start().await;
    program.run("echo", "none", json!(null)).await;
    let console = program.console();
    for (id, customer, cents) in [("a", "ada", 100), ("b", "bob", 200), ("c", "ada", 300)] {
        let due = json!({"timestamp": "2026-11-29T23:00:00Z"});
        let attributes = json!({"customer": customer, "cents": cents, "due": due, "open": true});
        let start = json!({"orchestration": "echo", "id": id, "attributes": attributes});
        post(&console, "/api/start", start).await.ok();
    }
    let of_ada = "attr=customer%3Dada&attr=cents%3E%3D200";
    let page = get(&console, &format!("/api/instances?{of_ada}")).await.ok();
    assert_eq!(page["instances"].as_array().unwrap().len(), 1);
    let expected = json!({
        "customer": "ada", "cents": 300, "due": "2026-11-29T23:00:00.000000Z", "open": true
    });
    assert_eq!(page["instances"][0]["attributes"], expected);
    let count = get(&console, "/api/count?attr=due%3E2026-01-01T00:00:00Z").await.ok();
    assert_eq!(count["count"], 3);
    let newest = get(&console, "/api/instances?order=newest&attr=customer^%3Db").await.ok();
    assert_eq!(newest["instances"][0]["id"], "b");
    let all = get(&console, "/api/instances?prefix=none").await.ok();
    assert!(all["instances"][0].get("attributes").is_none(), "it has none");
    let refused = get(&console, "/api/instances?attr=customer").await.problem(400);
    assert!(refused["detail"].as_str().unwrap().contains("customer=ada"), "{refused}");
    for attributes in [json!({"": 1}), json!({"v": null}), json!({"v": [1]})] {
        let start = json!({"orchestration": "echo", "id": "d", "attributes": attributes});
        post(&console, "/api/start", start).await.problem(400);
    }
    assert_eq!(get(&console, "/api/count").await.ok()["count"], 4);
}
