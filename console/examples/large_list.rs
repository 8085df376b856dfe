//! How long the console takes over many instances: pages of the list, counts, one long history. Prints a table.
//!
//! ```text
//! cargo run --release -p reenact-console --example large_list [-- 100000]
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use futures_util::{StreamExt, stream};
use reenact_actors::{
    Access, ExternalEvent, HostOptions, Registry, ReusePolicy, Runtime, StartRequest,
};
use reenact_console::{ConsoleOptions, router};
use reenact_core::{InstanceId, Name, OrchestrationContext, Payload};
use reenact_providers::{Local, Provider};
use serde_json::{Value, json};
use tower::ServiceExt;

/// Starts that are under way at one time.
const STARTS: usize = 512;

/// Steps of the one with a long history; each is an event.
const STEPS: u64 = 98_000;

/// Steps from one turn of it to the next.
const STEPS_OF_A_TURN: u64 = 100;

/// How often each address is asked for; the table has the median and the longest.
const TIMES: usize = 9;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(100_000), |count| count.parse())?;
    let directory = tempfile::tempdir()?;
    let store = Local::open(directory.path().join("store"))?;
    measure("a directory", &store, count).await
}

async fn measure(name: &str, store: &dyn Provider, count: u64) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::start(store, registry()?, HostOptions::default()).await?;
    let access = runtime.access();
    let begun = Instant::now();
    stream::iter(0..count)
        .map(|number| start(&access, number))
        .buffer_unordered(STARTS)
        .for_each(|started| async { started.expect("it starts") })
        .await;
    let long = InstanceId::new("order-0000000")?;
    let go = ExternalEvent::new("Go", &STEPS)?;
    access.raise_event(&long, go).await?;
    access.outcome(&long).await?;
    let events = access.summary(&long).await?.events;
    println!(
        "{name}: {count} instances, one of them with {events} events, in {:.1} s\n",
        begun.elapsed().as_secs_f64()
    );
    let console = router(access.clone(), ConsoleOptions::new().guarded_by_layer());
    println!("| address | median | longest |\n|---|---|---|");
    let last = format!("/api/instances?after=order-{:07}", count - 50);
    for address in [
        "/api/instances",
        "/api/instances?limit=1000",
        last.as_str(),
        "/api/instances?state=completed",
        "/api/instances?state=failed",
        "/api/instances?state=running&order=oldest",
        "/api/instances?state=failed&order=newest",
        "/api/instances?order=newest",
        "/api/instances?name=order&prefix=order-00",
        "/api/count",
        "/api/count?state=running",
        "/api/counts",
        "/api/instance?id=order-0000007",
        "/api/instance?id=order-0000000",
        "/api/history?id=order-0000000",
        "/api/timeline?id=order-0000000",
        "/api/state?id=order-0000000&after=50000",
        "/overview",
        "/instances",
        "/instance?id=order-0000007",
        "/instance?id=order-0000000",
        "/instance?id=order-0000000&after=5000&part=after",
    ] {
        let (median, longest) = ask(&console, address).await?;
        println!("| `{address}` | {} | {} |", shown(median), shown(longest));
    }
    runtime.shutdown().await;
    Ok(())
}

fn registry() -> Result<Registry, reenact_actors::Error> {
    let mut registry = Registry::default();
    let order = |ctx: OrchestrationContext, number: u64| async move {
        if number.is_multiple_of(2) {
            return Ok(json!(number));
        }
        let go = ctx.wait_external::<Value>("Go").await?;
        for step in 0..go.as_u64().unwrap_or_default() {
            ctx.side_effect(|| step).await;
            if step % STEPS_OF_A_TURN == 0 {
                ctx.timer(Duration::from_micros(1)).await;
            }
        }
        Ok(go)
    };
    registry.register_orchestration("order".into(), order)?;
    Ok(registry)
}

async fn start(access: &Access, number: u64) -> Result<(), Box<dyn Error>> {
    let request = StartRequest {
        name: Name::new("order")?,
        version: None,
        // The first one stays open, and has the long history.
        input: Payload::encode(&number.max(1))?,
        instance: Some(InstanceId::new(format!("order-{number:07}"))?),
        delay: None,
        event: None,
        reuse: ReusePolicy::new(),
        limits: Default::default(),
        attributes: reenact_core::Attributes::default(),
    };
    access.start_instance(request).await?;
    Ok(())
}

async fn ask(console: &Router, address: &str) -> Result<(Duration, Duration), Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let request = Request::get(address).header(header::HOST, "localhost").body(Body::empty())?;
        let begun = Instant::now();
        let response = console.clone().oneshot(request).await?;
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await?;
        times.push(begun.elapsed());
        assert!(status.is_success(), "{address}: {}", String::from_utf8_lossy(&body));
    }
    times.sort();
    Ok((times[TIMES / 2], times[TIMES - 1]))
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}
