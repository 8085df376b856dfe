//! Where code and history differ, what is quoted of payloads is not shown by a console that redacts them.

use std::time::Duration;

use axum::Router;
use reenact_actors::{
    Access, ActivityContext, ExternalEvent, HostOptions, Registry, ReusePolicy, Runtime,
    StartRequest,
};
use reenact_console::{ConsoleOptions, router};
use reenact_core::{InstanceId, Name, OrchestrationContext, Payload};
use reenact_providers::{InMemory, InstanceState};
use serde_json::{Value, json};

use super::asking::get;

/// Longer than anything here takes on a slow machine.
const GUARD: Duration = Duration::from_secs(60);

/// A host whose orchestration calls an activity with that input, and then waits.
async fn host(store: &InMemory, input: &'static str) -> Runtime {
    let mut registry = Registry::default();
    let order = move |ctx: OrchestrationContext, ()| async move {
        let paid: Value = ctx.call_activity_by_name("pay", &input).await?;
        ctx.set_status(&json!("paid"));
        ctx.wait_external::<Value>("Go").await?;
        Ok(paid)
    };
    registry.register_orchestration("order".into(), order).expect("it is new");
    let pay = |_: ActivityContext, _: Value| async move { Ok(json!(true)) };
    registry.register_activity("pay", pay).expect("it is new");
    Runtime::start(store, registry, HostOptions::default()).await.expect("it starts")
}

/// Looks until an instance is so.
async fn until(access: &Access, is_so: impl Fn(InstanceState, u64) -> bool) {
    let id = InstanceId::new("order-7").expect("an id");
    let looking = async {
        loop {
            let summary = access.summary(&id).await.expect("it is there");
            if is_so(summary.state, summary.turns) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(GUARD, looking).await.expect("it comes to be so");
}

/// An instance that is parked, as the input of its activity is another one now.
async fn parked() -> Runtime {
    let store = InMemory::new();
    let before = host(&store, "secret-1").await;
    let request = StartRequest {
        name: Name::new("order").expect("a name"),
        version: None,
        input: Payload::encode(&()).expect("a payload"),
        instance: Some(InstanceId::new("order-7").expect("an id")),
        delay: None,
        event: None,
        reuse: ReusePolicy::new(),
        limits: Default::default(),
        attributes: reenact_core::Attributes::default(),
    };
    before.access().start_instance(request).await.expect("it starts");
    until(&before.access(), |_, turns| turns == 2).await;
    before.shutdown().await;
    let now = host(&store, "secret-2").await;
    let (access, go) = (now.access(), ExternalEvent::new("Go", &1).expect("an event"));
    // It is refused, or recorded: the instance is parked in either case.
    let _ = access.raise_event(&InstanceId::new("order-7").expect("an id"), go).await;
    until(&access, |state, _| state == InstanceState::Parked).await;
    now
}

const SHOWN: [&str; 7] = [
    "/api/instance?id=order-7",
    "/api/history?id=order-7",
    "/api/history.jsonl?id=order-7",
    "/api/timeline?id=order-7",
    "/instance?id=order-7",
    "/instance?id=order-7&after=6",
    "/overview",
];

async fn texts(console: &Router) -> Vec<String> {
    let mut texts = Vec::new();
    for address in SHOWN {
        let answer = get(console, address).await;
        assert!(answer.status.is_success(), "{address}: {answer:?}");
        texts.push(String::from_utf8(answer.body).expect("text"));
    }
    texts
}

#[tokio::test]
async fn with_a_hook_nothing_of_a_payload_is_quoted() {
    let runtime = parked().await;
    let options = ConsoleOptions::new().guarded_by_layer().redact(|_, _| json!("(not shown)"));
    let console = router(runtime.access(), options);
    for (address, text) in SHOWN.iter().zip(texts(&console).await) {
        assert!(!text.contains("secret"), "{address}: {text}");
    }
    let detail = get(&console, "/api/instance?id=order-7").await.ok();
    let mismatch = &detail["parked"]["mismatch"];
    for side in ["expected", "found"] {
        let text = mismatch[side]["text"].as_str().expect("a text");
        assert!(text.contains("`pay` with input (not shown"), "{text}");
    }
}

#[tokio::test]
async fn what_a_hook_lets_through_of_a_payload_is_quoted() {
    let runtime = parked().await;
    let options = ConsoleOptions::new().guarded_by_layer().redact(|of, payload| {
        let text = payload.as_str().unwrap_or_default();
        json!({"length": text.len(), "of": of.name, "as": of.field})
    });
    let console = router(runtime.access(), options);
    let detail = get(&console, "/api/instance?id=order-7").await.ok();
    let text = detail["parked"]["mismatch"]["found"]["text"].as_str().expect("a text");
    for kept in ["`pay` with input {", "\"length\":8", "\"of\":\"pay\"", "\"as\":\"input\""] {
        assert!(text.contains(kept) && !text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn without_a_hook_both_payloads_are_quoted() {
    let runtime = parked().await;
    let console = router(runtime.access(), ConsoleOptions::new().guarded_by_layer());
    let detail = get(&console, "/api/instance?id=order-7").await.ok();
    let mismatch = &detail["parked"]["mismatch"];
    assert!(mismatch["expected"]["text"].as_str().unwrap().contains("secret-1"), "{mismatch}");
    assert!(mismatch["found"]["text"].as_str().unwrap().contains("secret-2"), "{mismatch}");
}
