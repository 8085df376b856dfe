//! What people and programs outside read: statuses, summaries, histories and payloads as JSON; states as
//! texts; errors by what can be done about them.

use crate::kit::{guard, options, store, until_parked};
use reenact::prelude::*;
use reenact::{ErrorKind, InstanceFilter, InstanceState, PageRequest, Payload};
use serde_json::{Value, json, to_value};

/// Sets a status, calls, waits.
#[orchestration]
async fn order(ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> {
    ctx.set_status(&json!({"step": 1}));
    let paid: u64 = ctx.call_activity(charge, cents).await?;
    Ok(paid + ctx.wait_external::<u64>("Tip").await?)
}

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
    match cents {
        0 => Err(ActivityError::fatal("nothing to pay").with_details(&[1, 2])),
        _ => Ok(cents),
    }
}

/// Calls what is nowhere, once the event says so.
#[orchestration]
async fn lost(ctx: OrchestrationContext) -> Result<(), OrchestrationError> {
    ctx.wait_external::<()>("Go").await?;
    Ok(ctx.call_activity_by_name("nowhere", &()).await?)
}

async fn host() -> Host {
    let host = Host::builder().provider(store().0).options(options());
    host.orchestration(order).orchestration(lost).activity(charge).start().await.unwrap()
}

#[tokio::test]
async fn a_status_is_json_in_which_payloads_are_values() {
    let host = host().await;
    let instance = host.start_new(order, 500).id("order-7").await.unwrap();
    instance.raise_event("Tip", 50).await.unwrap();
    guard(instance.result()).await.unwrap();
    let status = to_value(instance.status().await.unwrap()).unwrap();
    assert_eq!(status["id"], "order-7");
    assert_eq!(status["name"], "order");
    assert_eq!(status["state"], "Completed");
    assert_eq!(status["custom_status"], json!({"step": 1}));
    assert_eq!(status["outcome"], json!({"Completed": 550}));
    assert_eq!(status["parked"], Value::Null);
}

#[tokio::test]
async fn a_failure_is_json_with_its_details() {
    let host = host().await;
    let instance = host.start_new(order, 0).id("order-7").await.unwrap();
    guard(instance.result()).await.unwrap_err();
    let status = to_value(instance.status().await.unwrap()).unwrap();
    let failed = &status["outcome"]["Failed"];
    assert_eq!((&failed["kind"], &failed["details"]), (&json!("Failed"), &json!([1, 2])));
}

#[tokio::test]
async fn why_an_instance_is_parked_is_a_text() {
    let host = host().await;
    let instance = host.start_new(lost, ()).await.unwrap();
    let _ = instance.raise_event("Go", ()).await;
    let status = to_value(until_parked(&host, instance.id()).await).unwrap();
    let parked = status["parked"].as_str().unwrap();
    assert!(parked.contains("activity `nowhere`"), "{parked}");
}

#[tokio::test]
async fn a_history_is_a_list_of_events_with_their_places() {
    let host = host().await;
    let instance = host.start_new(order, 500).id("order-7").await.unwrap();
    instance.raise_event("Tip", 50).await.unwrap();
    guard(instance.result()).await.unwrap();
    let history = instance.history().await.unwrap();
    let json = to_value(&history).unwrap();
    let listed = json.as_array().unwrap();
    assert_eq!(listed.len() as u64, history.len());
    assert_eq!(listed[0]["position"], 0);
    assert_eq!(listed[0]["event"]["ExecutionStarted"]["input"], 500);
    let raised = listed.iter().find_map(|event| event["event"].get("ExternalRaised")).unwrap();
    assert_eq!((&raised["name"], &raised["data"]), (&json!("Tip"), &json!(50)));
}

#[tokio::test]
async fn a_page_of_summaries_is_json() {
    let host = host().await;
    host.start_new(order, 500).id("order-7").await.unwrap();
    let state = "running".parse::<InstanceState>().unwrap();
    let filter = InstanceFilter::new().states([state]);
    let page = host.list(&filter, &PageRequest::new().limit(10)).await.unwrap();
    let json = to_value(&page).unwrap();
    assert_eq!(json["instances"][0]["instance"], "order-7");
    assert_eq!(json["instances"][0]["state"], state.to_string());
}

#[test]
fn a_payload_is_the_value_that_it_is_and_is_read_back() {
    let value = json!({"a": [1, 2.5, null, "x"], "b": {"c": true}});
    let payload = Payload::encode(&value).unwrap();
    assert_eq!(to_value(&payload).unwrap(), value);
    assert_eq!(serde_json::from_value::<Payload>(value).unwrap(), payload);
    let bytes = Payload::from_bytes(b"no json".to_vec()).unwrap();
    assert_eq!(to_value(&bytes).unwrap(), "no json");
}

#[tokio::test]
async fn errors_are_of_kinds_that_a_program_acts_on() {
    let host = host().await;
    let kind = async |id: &str| host.get_status(id).await.unwrap_err().kind();
    assert_eq!(kind("nobody").await, ErrorKind::NotFound);
    assert_eq!(kind("").await, ErrorKind::InvalidArgument);
    let instance = host.start_new(order, 0).id("order-7").await.unwrap();
    assert_eq!(guard(instance.result()).await.unwrap_err().kind(), ErrorKind::Failed);
    let again = host.start_new(order, 0).id("order-7").await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    assert_eq!(instance.terminate("no").await.unwrap_err().kind(), ErrorKind::Finished);
    let unknown = host.start_new_by_name::<()>("nothing", ()).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotRegistered);
    let nowhere = Host::builder().start().await.unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Setup);
}
