//! Requests to the console, on a host in memory with some instances.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use reenact::console::{ConsoleOptions, router};
use reenact::prelude::*;
use reenact::{HostOptions, ShardThreads};
use reenact_actors::Access;
use tower::ServiceExt;

/// Time, on the host's clock, after which an answer is not waited for: it may be that of an update that is never answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// What is asked, with the input as the query.
const READ: [&str; 11] = [
    "/api/instances",
    "/api/count",
    "/api/counts",
    "/api/instance",
    "/api/history",
    "/api/at",
    "/api/tree",
    "/api/entities",
    "/instances",
    "/instance",
    "/overview",
];

/// What is changed, with the input as the body.
const CHANGED: [&str; 9] = [
    "/api/start",
    "/api/raise?id=waiting",
    "/api/update?id=waiting",
    "/api/cancel?id=waiting",
    "/api/rewind?id=done",
    "/api/fork?id=done",
    "/api/bulk/prepare",
    "/api/activity/complete",
    "/api/import",
];

#[orchestration]
async fn done(_ctx: OrchestrationContext, n: u64) -> Result<u64, OrchestrationError> {
    Ok(n)
}

#[orchestration]
async fn waiting(ctx: OrchestrationContext, _: ()) -> Result<bool, OrchestrationError> {
    Ok(ctx.wait_external("Approve").await?)
}

/// Drives a future on one thread, whose time moves on by itself.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a thread").block_on(future)
}

/// Gives the store of a host with some instances to a function.
pub(super) fn with_host<T, F: Future<Output = T>>(then: impl FnOnce(Access) -> F) -> T {
    block_on(async {
        let options = HostOptions::new().threads(ShardThreads::OnCallersRuntime);
        let host = Host::builder().options(options).provider(InMemory::new());
        let host = host.orchestration(done).orchestration(waiting).start().await;
        let host = host.expect("a host in memory");
        let client = host.client();
        let ended = client.start_new(done, 7_u64).id("done").await.expect("it is started");
        ended.result().await.expect("it ends");
        let _ = client.start_new(waiting, ()).id("waiting").await.expect("it is started");
        let answer = then(Access::from(client.clone())).await;
        host.shutdown().await.expect("it ends");
        answer
    })
}

/// The first byte says what is asked, the rest is the query.
pub(super) fn run_query(input: &[u8]) {
    let Some((which, query)) = input.split_first() else { return };
    let Ok(query) = std::str::from_utf8(query) else { return };
    let address = format!("{}?{query}", READ[usize::from(*which) % READ.len()]);
    let request = Request::builder().method(Method::GET).uri(address);
    let request = request.header(header::HOST, "localhost").body(Body::empty());
    // What is no address does not get so far.
    if let Ok(request) = request {
        ask(request);
    }
}

/// The first byte says what is changed, the rest is the body.
pub(super) fn run_body(input: &[u8]) {
    let Some((which, body)) = input.split_first() else { return };
    let request = Request::builder()
        .method(Method::POST)
        .uri(CHANGED[usize::from(*which) % CHANGED.len()])
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_vec()));
    ask(request.expect("a request"));
}

/// Whatever is asked, the console is not at fault.
fn ask(request: Request<Body>) {
    let address = request.uri().clone();
    with_host(|access| async move {
        let console: Router = router(access, ConsoleOptions::new().guarded_by_layer());
        let asked = tokio::time::timeout(PATIENCE, console.oneshot(request)).await;
        let Ok(Ok(response)) = asked else { return };
        let status = response.status();
        assert_ne!(status.as_u16(), 500, "{address}");
        let _ =
            tokio::time::timeout(PATIENCE, to_bytes(response.into_body(), MAX_ANSWER_BYTES)).await;
    });
}

fn seeds(count: usize, texts: &[&str]) -> Vec<Vec<u8>> {
    let seed = |which: usize| move |text: &&str| [&[which as u8], text.as_bytes()].concat();
    (0..count).flat_map(|which| texts.iter().map(seed(which))).collect()
}

pub(super) fn query_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "id=done&from=0&limit=10&position=2",
        "state=running&name=waiting&prefix=w&limit=2&after=a&updated_after=2026-01-01T00:00:00Z",
        "attribute=customer%3Dada&order=newest&type=account",
    ];
    seeds(READ.len(), &texts)
}

pub(super) fn body_seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"orchestration":"done","id":"other","input":7,"delay":"2h","attributes":{"customer":"ada"}}"#,
        r#"{"name":"Approve","data":true,"key":"k","reason":"it is wrong","position":1,"to":"copy"}"#,
        r#"{"filter":{"state":["running"]},"action":"cancel","token":"x","result":null}"#,
    ];
    seeds(CHANGED.len(), &texts)
}
