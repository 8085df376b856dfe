//! A process is killed in the middle of an order, and another one continues: one trace, and no span twice.
//!
//! The processes are this program itself. They write their spans on standard output, which the test reads.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reenact::{Local, TraceContext};

use crate::collector::{Span, collect};
use crate::order::{assert_order, host, order};

/// Names the directory of the store, for a process that is to be a host.
const STORE: &str = "REENACT_OTEL_STORE";

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
    let mut first = process(&store, false);
    let mut spans = Vec::new();
    for line in lines(&mut first) {
        spans.extend(Span::of_line(&line));
        // It waits for its event, which does not come here.
        if spans.iter().any(|span| span.name.ends_with(":timer")) {
            break;
        }
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = process(&store, true);
    spans.extend(lines(&mut second).filter_map(|line| Span::of_line(&line)));
    assert!(second.wait().unwrap().success());
    assert_order(&spans, "killed", "1112131415161718");
    assert!(spans.iter().all(|span| span.trace == "0102030405060708090a0b0c0d0e0f10"));
    let _ = std::fs::remove_dir_all(&store);
}

/// This program as a host of a store.
fn process(store: &Path, ends: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "killed::a_trace_goes_on_after_its_process_was_killed",
        "--nocapture",
    ]);
    command.env(STORE, store).stdout(Stdio::piped());
    if ends {
        command.env(ENDS, "1");
    }
    command.spawn().unwrap()
}

fn lines(process: &mut Child) -> impl Iterator<Item = String> {
    BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok)
}

#[tokio::main]
async fn run_as_host(store: &Path) {
    collect(true);
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
