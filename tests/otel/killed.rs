//! A process is killed in the middle of an order, and the host of another one continues: one trace, and no span twice.
//!
//! The processes are this program itself. They send their spans to the collector of the test, as programs do: by OTLP.
#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use reenact::{Local, TraceContext};

use crate::order::{assert_order, host, order};
use crate::otlp::{Collector, send_to};

/// Names the directory of the store, for a process that is to be a host.
const STORE: &str = "REENACT_OTEL_STORE";

/// The address of the collector.
const COLLECTOR: &str = "REENACT_OTEL_COLLECTOR";

/// Says that a process is to let the order end.
const ENDS: &str = "REENACT_OTEL_ENDS";

const CALLER: &str = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";

#[test]
fn a_trace_goes_on_after_its_process_was_killed() {
    if let Some(store) = std::env::var_os(STORE) {
        return run_as_host(Path::new(&store));
    }
    let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join("otel-killed");
    let _ = std::fs::remove_dir_all(&store);
    let collector = Collector::begin();
    let mut first = process(&store, &collector, false);
    let mut spans = Vec::new();
    // It waits for its event then, which does not come here.
    while !spans.iter().any(|span: &crate::collector::Span| span.name.ends_with(":timer")) {
        spans.push(collector.next());
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let of_the_first = spans.len();
    let mut second = process(&store, &collector, true);
    assert!(second.wait().unwrap().success());
    spans.extend(collector.rest());
    assert!(of_the_first >= 3 && spans.len() > of_the_first, "both have a part: {spans:#?}");
    assert_order(&spans, "killed", "1112131415161718");
    assert!(spans.iter().all(|span| span.trace == "0102030405060708090a0b0c0d0e0f10"));
    let _ = std::fs::remove_dir_all(&store);
}

/// This program as a host of a store.
fn process(store: &Path, collector: &Collector, ends: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "killed::a_trace_goes_on_after_its_process_was_killed",
        "--nocapture",
    ]);
    command.env(STORE, store).env(COLLECTOR, collector.address.to_string());
    command.stdout(Stdio::null());
    if ends {
        command.env(ENDS, "1");
    }
    command.spawn().unwrap()
}

fn run_as_host(store: &Path) {
    let provider = send_to(&std::env::var(COLLECTOR).unwrap());
    host_an_order(store);
    provider.shutdown().unwrap();
}

#[tokio::main]
async fn host_an_order(store: &Path) {
    let host = host().provider(Local::open(store).unwrap()).start().await.unwrap();
    if std::env::var_os(ENDS).is_none() {
        let caller = TraceContext::from_traceparent(CALLER).unwrap();
        let start = host.start_new(order, "killed".to_owned()).id("killed").trace_context(caller);
        // It is killed here.
        start.await.unwrap().result().await.unwrap();
    }
    let waits = host.instance::<String>("killed");
    waits.raise_event("Approved", "by Ada").await.unwrap();
    waits.result().await.unwrap();
    host.shutdown().await.unwrap();
}
