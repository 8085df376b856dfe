//! An export is brought into a store by its console, where no host works on it.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use futures_util::stream;
use reenact_actors::transfer::{self, ExportOptions};
use reenact_actors::{Access, HostOptions, Registry, Runtime};
use reenact_console::{ConsoleOptions, router};
use reenact_core::InstanceId;
use reenact_providers::{InMemory, InstanceFilter};
use serde_json::json;

use super::asking::{Answer, Program, ask, get, start};

/// An export at rest of instances of which one waits.
async fn exported(many: usize) -> Vec<u8> {
    let store = InMemory::new();
    let program = Program::on(&store).await;
    for number in 0..many {
        program.run("echo", &format!("echo-{number:03}"), json!(number)).await;
    }
    program.begin("wait", "wait", json!(1)).await;
    drop(program);
    let (mut lines, access) = (Vec::new(), Access::read_only(&store));
    let (all, options) = (InstanceFilter::new(), ExportOptions::new().at_rest());
    transfer::export(&access, &all, options, &mut lines, |_| {}).await.expect("an export");
    lines
}

async fn dormant(store: &InMemory) -> Runtime {
    let options = HostOptions::new().dormant();
    Runtime::start(store, Registry::default(), options).await.expect("it starts")
}

fn console(access: Access) -> Router {
    router(access, ConsoleOptions::new().guarded_by_layer())
}

/// Sends a body as lines of JSON.
async fn send(console: &Router, body: Body) -> Answer {
    send_as(console, "application/x-ndjson", body).await
}

async fn send_as(console: &Router, media: &str, body: Body) -> Answer {
    let request = Request::post("/api/import").header(header::HOST, "localhost");
    ask(console, request.header(header::CONTENT_TYPE, media).body(body).expect("a request")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_imported_as_it_comes_and_goes_on_when_a_host_starts() {
    let export = exported(20).await;
    let store = InMemory::new();
    let runtime = dormant(&store).await;
    let console = console(runtime.access());
    // As a network brings it: in small portions that end anywhere.
    let portions: Vec<_> = export.chunks(700).map(<[u8]>::to_vec).collect();
    let body = Body::from_stream(stream::iter(portions.into_iter().map(Ok::<_, std::io::Error>)));
    let imported = send(&console, body).await.ok();
    assert_eq!((&imported["imported"], &imported["already_there"]), (&json!(21), &json!(0)));
    let again = send(&console, Body::from(export)).await.ok();
    assert_eq!((&again["imported"], &again["already_there"]), (&json!(0), &json!(21)));
    assert_eq!(get(&console, "/api/count").await.ok()["count"], 21);
    let waiting = get(&console, "/api/instance?id=wait").await.ok();
    assert_eq!(waiting["state"], "running", "nothing of it has been touched: {waiting}");
    runtime.shutdown().await;
    let now = Program::on(&store).await;
    now.raise("wait", "Go", json!("at last")).await;
    assert_eq!(now.ended("wait").await, "at last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_off_has_brought_whole_instances_and_the_same_import_goes_on() {
    let export = exported(40).await;
    let runtime = dormant(&InMemory::new()).await;
    let console = console(runtime.access());
    let half = export[..export.len() / 2].to_vec();
    let broken = [Ok(half.clone()), Err(std::io::Error::other("the cable is cut"))];
    let problem = send(&console, Body::from_stream(stream::iter(broken))).await.problem(422);
    assert!(problem["detail"].as_str().unwrap().contains("broke off"), "{problem}");
    // One that ends too early is told from a whole one.
    send(&console, Body::from(half)).await.problem(422);
    let access = runtime.access();
    let listed = access.list(&InstanceFilter::new(), &Default::default()).await.unwrap();
    for summary in &listed.instances {
        assert_ne!(summary.state.name(), "Importing");
    }
    let there = listed.instances.len() as u64;
    let imported = send(&console, Body::from(export)).await.ok();
    assert_eq!(imported["already_there"], there);
    assert_eq!(imported["imported"], 41 - there);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_cannot_be_changes_nothing() {
    let export = exported(3).await;
    // A host works.
    let working = Program::start().await;
    let refused = send(&console(working.access.clone()), Body::from(export.clone())).await;
    let problem = refused.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("a host works"), "{problem}");
    assert_eq!(working.access.count(&InstanceFilter::new()).await.unwrap(), 0);

    let store = InMemory::new();
    let runtime = dormant(&store).await;
    let (access, console) = (runtime.access(), console(runtime.access()));
    let read_only =
        router(access.clone(), ConsoleOptions::new().guarded_by_layer().read_only(true));
    send(&read_only, Body::from(export.clone())).await.problem(403);
    send(&console, Body::from("Dear reader\n")).await.problem(422);
    send(&console, Body::empty()).await.problem(422);
    let text = String::from_utf8(export.clone()).unwrap();
    let moving = text.replacen("\"at_rest\":true", "\"at_rest\":false", 1);
    send(&console, Body::from(moving)).await.problem(409);
    send_as(&console, "text/plain", Body::from(export.clone())).await.problem(415);
    assert_eq!(access.count(&InstanceFilter::new()).await.unwrap(), 0);
    // The id is taken by another instance.
    let taken = InstanceId::new("echo-001").unwrap();
    access.start_instance(start("other", "echo-001", json!("another"))).await.unwrap();
    let problem = send(&console, Body::from(export)).await.problem(409);
    assert_eq!(problem["kind"], "already_exists");
    assert_eq!(access.summary(&taken).await.unwrap().name.as_str(), "other");
}
