//! Lists by the time of the last event, and counts by orchestration and state.

use serde_json::{Value, json};

use super::asking::{Program, get};

fn ids(page: &Value) -> Vec<&str> {
    let instances = page["instances"].as_array().expect("a page");
    instances.iter().map(|row| row["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_list_by_time_begins_with_those_without_an_event_for_longest_or_with_the_newest() {
    let program = Program::start().await;
    for id in ["z", "a", "m"] {
        program.begin("wait", id, json!(1)).await;
    }
    program.raise("z", "Other", json!(1)).await;
    let console = program.console();
    let oldest = get(&console, "/api/instances?order=oldest").await.ok();
    assert_eq!(ids(&oldest), ["a", "m", "z"]);
    let newest = get(&console, "/api/instances?order=newest&state=running&limit=2").await.ok();
    assert_eq!((ids(&newest), newest.get("next")), (vec!["z", "m"], None));
    assert_eq!(ids(&get(&console, "/api/instances?order=id").await.ok()), ["a", "m", "z"]);
    for (query, words) in [("order=size", "is no order"), ("order=oldest&after=a", "no next pages")]
    {
        let problem = get(&console, &format!("/api/instances?{query}")).await.problem(400);
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}

#[tokio::test]
async fn instances_are_counted_by_orchestration_and_state_within_a_filter() {
    let program = Program::start().await;
    for id in ["e1", "e2", "e3"] {
        program.run("echo", id, json!(1)).await;
    }
    program.begin("wait", "w", json!(1)).await;
    program.run("pay", "p", json!(5)).await;
    let console = program.console();
    let counts = get(&console, "/api/counts").await.ok();
    assert_eq!((&counts["total"], &counts["more_orchestrations"]), (&json!(5), &json!(0)));
    let completed = json!({"state": "completed", "count": 3});
    let echo = json!({"orchestration": "echo", "total": 3, "states": [completed]});
    assert_eq!(counts["orchestrations"][0], echo, "those with the most are first");
    assert_eq!(counts["orchestrations"].as_array().unwrap().len(), 3);
    assert_eq!(counts["states"].as_array().unwrap().len(), 8, "each state, also without any");
    let some = get(&console, "/api/counts?prefix=e&state=completed").await.ok();
    assert_eq!((&some["total"], &some["orchestrations"]), (&json!(3), &json!([echo])));
    get(&console, "/api/counts?by=orchestration").await.problem(400);
}
