//! The answers are what their types say: a program reads each into its type, and loses nothing.

use reenact_console::dto;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::asking::{Program, get, post};

/// Reads a value into that type. What it writes again is the same value.
#[track_caller]
fn reads<T: DeserializeOwned + Serialize>(value: &Value) {
    let read: T = serde_json::from_value(value.clone()).expect("it is of its type");
    assert_eq!(&serde_json::to_value(read).expect("JSON"), value);
}

#[tokio::test]
async fn each_answer_is_read_into_its_type() {
    let program = Program::start().await;
    program.begin("wait", "waiting", json!({"a": [1, null]})).await;
    program.run("shop", "failed", json!(51)).await;
    let console = program.console();
    let answer = async |address: &str| get(&console, address).await.ok();
    reads::<dto::Info>(&answer("/api/info").await);
    reads::<dto::InstanceList>(&answer("/api/instances?limit=1").await);
    reads::<dto::Count>(&answer("/api/count").await);
    reads::<dto::Counts>(&answer("/api/counts").await);
    reads::<dto::Cluster>(&answer("/api/shards").await);
    for id in ["waiting", "failed"] {
        reads::<dto::InstanceDetail>(&answer(&format!("/api/instance?id={id}")).await);
        reads::<dto::HistoryPage>(&answer(&format!("/api/history?id={id}&limit=2")).await);
        reads::<dto::StateAfter>(&answer(&format!("/api/state?id={id}&after=1")).await);
        reads::<dto::Timeline>(&answer(&format!("/api/timeline?id={id}")).await);
        reads::<dto::Tree>(&answer(&format!("/api/tree?id={id}")).await);
        reads::<dto::FailureChain>(&answer(&format!("/api/failure?id={id}")).await);
    }
    let prepare = json!({"action": "purge", "filter": {"state": ["failed"]}});
    let prepared = post(&console, "/api/bulk/prepare", prepare).await.ok();
    reads::<dto::BulkPrepared>(&prepared);
    let progress = post(&console, "/api/bulk/run", json!({"token": prepared["token"]})).await;
    for line in String::from_utf8(progress.body).unwrap().lines() {
        reads::<dto::BulkProgress>(&serde_json::from_str(line).unwrap());
    }
    let unknown = get(&console, "/api/instance?id=none").await.problem(404);
    reads::<reenact_console::Problem>(&unknown);
}
