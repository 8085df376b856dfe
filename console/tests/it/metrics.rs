//! The metrics of the host, as JSON, as text and over the last hour.

use reenact_actors::metrics::HostMetrics;
use serde_json::json;

use super::asking::{Program, get};

#[tokio::test]
async fn the_metrics_of_a_host_are_there_as_json_and_as_text() {
    let program = Program::start().await;
    program.run("echo", "a", json!(1)).await;
    let console = program.console();
    let metrics = get(&console, "/api/metrics").await.ok();
    assert_eq!(metrics["orchestrations"]["echo"]["completed"], 1);
    // Times are seconds, here as there.
    for time in ["at", "started_at"] {
        let seconds = metrics[time].as_f64().unwrap();
        assert!((1.7e9..1e11).contains(&seconds), "{time}: {seconds}");
    }
    let again: HostMetrics = serde_json::from_value(metrics.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), metrics, "it is read as it was written");
    let text = get(&console, "/metrics").await;
    assert_eq!(text.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(String::from_utf8(text.body).unwrap().contains(
        "reenact_orchestration_ended_total{orchestration=\"echo\",outcome=\"completed\"} 1\n"
    ));
}

#[tokio::test]
async fn the_last_hour_begins_with_the_console() {
    let program = Program::start().await;
    let console = program.console();
    let hour = get(&console, "/api/metrics/hour").await.ok();
    assert_eq!(hour, json!({"every_ms": 10_000, "points": []}));
}
