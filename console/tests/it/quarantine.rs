//! Messages that no host could take, in a store that hosts share.

use axum::Router;
use reenact_actors::{Access, HostOptions, Registry, Runtime};
use reenact_console::{ConsoleOptions, PayloadOf, router};
use reenact_core::codec::encode_command;
use reenact_core::{
    CorrelationId, EventKey, ExecutionId, InstanceId, MessageBody, MessageId, MessageKind, Name,
    Payload, RemoteCommand, RemoteEvent, RemoteRun, ShardId, Timestamp,
};
use reenact_providers::{InMemory, Message, Provider, Quarantined, QueueOf};
use serde_json::{Value, json};

use super::asking::{get, post, with_id};

/// A store with messages in quarantine, with a console on it that has no host.
async fn shared(ids: &[&str]) -> (InMemory, Router) {
    let store = InMemory::new().shared();
    let sharing = store.sharing().expect("it is shared");
    for id in ids {
        let to = InstanceId::new(id).expect("an id");
        let message = Message { key: format!("key of {id}"), to, bytes: [1, 2, 3].into() };
        let quarantined = Quarantined {
            queue: QueueOf::Shard(ShardId(0)),
            message: Some(message),
            raw: Vec::new(),
            reason: "<b>it does not decode</b>".to_string(),
            details: String::new(),
            attempts: 10,
            at: Timestamp::from_micros(1_000_000),
        };
        sharing.quarantine(quarantined).await.expect("it is kept");
    }
    let access = Access::connect(&store).expect("it is shared");
    let console = router(access, ConsoleOptions::new().guarded_by_layer());
    (store, console)
}

#[tokio::test]
async fn messages_are_listed_a_page_at_a_time() {
    let (_store, console) = shared(&["a", "../b", "c"]).await;
    let first = get(&console, "/api/quarantine?limit=2").await.ok();
    assert_eq!(first["messages"].as_array().map(Vec::len), Some(2));
    let message = &first["messages"][0];
    assert_eq!(message["reason"], "<b>it does not decode</b>");
    assert_eq!(message["queue"], "shard 0");
    assert_eq!(message["at"], "1970-01-01T00:00:01.000000Z");
    assert_eq!(message["bytes"], 3);
    let after = first["next"].as_str().expect("there is more");
    let second = get(&console, &format!("/api/quarantine?limit=2&after={after}")).await.ok();
    assert_eq!(second["messages"].as_array().map(Vec::len), Some(1));
    assert!(second.get("next").is_none());
}

#[tokio::test]
async fn a_message_is_sent_again_or_discarded() {
    let (_store, console) = shared(&["a", "b"]).await;
    let listed = get(&console, "/api/quarantine").await.ok();
    let id = |at: usize| listed["messages"][at]["id"].as_str().unwrap().to_string();
    post(&console, &with_id("/api/quarantine/requeue", &id(0)), json!({})).await.ok();
    let again = post(&console, &with_id("/api/quarantine/requeue", &id(0)), json!({})).await;
    assert_eq!(again.problem(404)["kind"], "not_found");
    post(&console, &with_id("/api/quarantine/discard", &id(1)), json!({})).await.ok();
    assert_eq!(get(&console, "/api/quarantine").await.ok()["messages"], json!([]));
    post(&console, "/api/quarantine/discard", json!({})).await.problem(400);
}

#[tokio::test]
async fn a_console_without_a_host_reaches_the_hosts_of_a_shared_store() {
    let (store, console) = shared(&[]).await;
    let mut registry = Registry::default();
    let echo = |_: reenact_core::OrchestrationContext, input: u32| async move { Ok(input) };
    registry.register_orchestration("echo".into(), echo).expect("it is new");
    let host = Runtime::start(&store, registry, HostOptions::default()).await.expect("it starts");
    let info = get(&console, "/api/info").await.ok();
    assert_eq!((&info["has_host"], &info["read_only"]), (&json!(false), &json!(false)));
    let start = json!({"orchestration": "echo", "id": "a", "input": 7});
    post(&console, "/api/start", start).await.ok();
    let a = InstanceId::new("a").expect("an id");
    host.access().outcome(&a).await.expect("it ends");
    let detail = get(&console, "/api/instance?id=a").await.ok();
    assert_eq!(detail["view"]["outcome"], json!({"kind": "completed", "output": 7}));
    let cluster = get(&console, "/api/shards").await.ok();
    assert_eq!(cluster["hosts"].as_array().map(Vec::len), Some(1));
    host.shutdown().await;
}

/// A command in quarantine, as the console shows what it says; payloads are redacted.
async fn content(command: &RemoteCommand) -> Value {
    let store = InMemory::new().shared();
    let to = InstanceId::new("order-7").expect("an id");
    let bytes = encode_command(command).expect("a command").into();
    let quarantined = Quarantined {
        queue: QueueOf::Shard(ShardId(0)),
        message: Some(Message { key: "key".to_string(), to, bytes }),
        raw: Vec::new(),
        reason: "no host takes it".to_string(),
        details: String::new(),
        attempts: 10,
        at: Timestamp::from_micros(1_000_000),
    };
    store.sharing().expect("it is shared").quarantine(quarantined).await.expect("it is kept");
    let access = Access::connect(&store).expect("it is shared");
    let hide = |of: PayloadOf<'_>, _: &Value| json!(["hidden", of.instance, of.field, of.name]);
    let options = ConsoleOptions::new().guarded_by_layer().redact(hide);
    let console = router(access, options);
    let page = String::from_utf8(get(&console, "/quarantine").await.body).expect("text");
    assert!(!page.contains("secret"), "{page}");
    let listed = get(&console, "/api/quarantine").await.ok();
    assert!(!listed.to_string().contains("secret"), "{listed}");
    listed["messages"][0]["content"].clone()
}

fn payload() -> Payload {
    Payload::encode("secret").expect("a payload")
}

#[tokio::test]
async fn a_message_is_shown_with_its_kind_its_sender_and_what_it_carries_after_the_redaction() {
    let event = RemoteEvent {
        name: Name::new("Go").unwrap(),
        data: payload(),
        key: EventKey::new("k-1").unwrap(),
    };
    let created_at = Timestamp::from_micros(7);
    let command = Box::new(RemoteCommand::RaiseEvent(event));
    let shown = content(&RemoteCommand::ToInstanceOf { created_at, command }).await;
    assert_eq!((&shown["kind"], &shown["sender"]), (&json!("raise_event"), &json!("client")));
    assert_eq!((&shown["name"], &shown["fields"]["key"]), (&json!("Go"), &json!("k-1")));
    assert_eq!(shown["fields"]["data"], json!(["hidden", "order-7", "data", "Go"]));

    let run = RemoteRun { execution: ExecutionId::FIRST, seed: 5 };
    let (id, attempt) = (CorrelationId(3), 2);
    let result = Ok(payload());
    let shown = content(&RemoteCommand::CompleteTask { run, id, attempt, result }).await;
    assert_eq!((&shown["kind"], &shown["sender"]), (&json!("complete_task"), &json!("host")));
    assert_eq!(shown["fields"]["output"], json!(["hidden", "order-7", "output", null]));
}

#[tokio::test]
async fn a_message_of_another_instance_names_it() {
    let kind = MessageKind::Result;
    let id = MessageId { lineage: 9, id: CorrelationId(1), attempt: 1, kind };
    let result = Ok(payload());
    let body = MessageBody::Result { lineage: 9, id: CorrelationId(4), result };
    let to = InstanceId::new("order-7").unwrap();
    let from = InstanceId::new("order-7/1").unwrap();
    let message = Box::new(reenact_core::Message { id, to, body });
    let shown = content(&RemoteCommand::Tell { from, message }).await;
    assert_eq!((&shown["kind"], &shown["sender"]), (&json!("result"), &json!("instance")));
    assert_eq!(shown["from"], "order-7/1");
    assert_eq!(shown["fields"]["output"], json!(["hidden", "order-7", "output", null]));
}

#[tokio::test]
async fn what_does_not_decode_has_no_content() {
    let (_store, console) = shared(&["a"]).await;
    let listed = get(&console, "/api/quarantine").await.ok();
    assert_eq!(listed["messages"][0].get("content"), None);
}
