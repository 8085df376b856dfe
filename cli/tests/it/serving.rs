//! The console over a store without a host, and what is watched.

use std::process::Stdio;

use reenact::console::{Console, ConsoleOptions};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::support::{Scratch, fill, host, on, program, run, store};

/// The program, and what it writes line by line.
fn spawned(mut command: Command) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// What Ctrl-C does; the exit code.
async fn interrupted(mut child: Child) -> Option<i32> {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    child.wait().await.unwrap().code()
}

#[tokio::test]
async fn the_console_serves_a_store_without_a_host() {
    let (_scratch, directory) = store().await;
    let mut command = program(&["console", "--store"]);
    command.arg(&directory);
    let (child, mut lines) = spawned(command);
    let address = lines.next_line().await.unwrap().unwrap();
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    assert_eq!(run(&["count", "--url", &address]).await.fine(), "4\n");
    // It only reads, and others may read meanwhile.
    run(&["cancel", "order-1", "--url", &address]).await.refused(4);
    assert_eq!(on(&directory, &["count"]).await.fine(), "4\n");
    assert_eq!(interrupted(child).await, Some(0));
    assert!(!directory.join("console.json").exists());
}

#[tokio::test]
async fn a_console_that_others_reach_has_a_token() {
    let (_scratch, directory) = store().await;
    let mut command =
        program(&["console", "--write", "--listen", "0.0.0.0:0", "--json", "--store"]);
    command.arg(&directory);
    let (child, mut lines) = spawned(command);
    let mut said = String::new();
    let served: serde_json::Value = loop {
        said.push_str(&lines.next_line().await.unwrap().unwrap());
        if let Ok(served) = serde_json::from_str(&said) {
            break served;
        }
    };
    let address = served["address"].as_str().unwrap().replace("0.0.0.0", "127.0.0.1");
    run(&["count", "--url", &address]).await.refused(4);
    let mut with = program(&["suspend", "order-1", "--url", &address]);
    with.env("REENACT_TOKEN", served["token"].as_str().unwrap());
    crate::support::ran(with).await.fine();
    assert_eq!(interrupted(child).await, Some(0));
}

#[tokio::test]
async fn an_import_goes_through_a_console_over_a_store_without_a_host() {
    let (scratch, directory) = store().await;
    let file = scratch.path("orders.jsonl");
    let path = file.to_str().unwrap();
    on(&directory, &["export", "-o", path]).await.fine();
    // A store without instances, which its directory does not have otherwise.
    let other = scratch.path("other.reenact");
    host(&other).await.shutdown().await.unwrap();
    let mut command = program(&["console", "--write", "--store"]);
    command.arg(&other);
    let (child, mut lines) = spawned(command);
    let address = lines.next_line().await.unwrap().unwrap();
    let imported = run(&["import", path, "--url", &address]).await.fine();
    assert!(imported.contains("imported 4 instances, 0 were there already"), "{imported}");
    let again = run(&["import", path, "--url", &address, "--json"]).await.json();
    assert_eq!((&again["imported"], &again["already_there"]), (&0.into(), &4.into()));
    run(&["raise", "order-1", "Approved", "true", "--url", &address]).await.fine();
    assert_eq!(interrupted(child).await, Some(0));
    let working = host(&other).await;
    let result: String = working.client().instance("order-1").result().await.unwrap();
    assert!(result.ends_with("approved: true"), "{result}");
    // A host that works takes none.
    let options = ConsoleOptions::new();
    let console = Console::serve(working.client(), "127.0.0.1:0", options).await.unwrap();
    let address = format!("http://{}", console.local_addr());
    let error = run(&["import", path, "--url", &address]).await.refused(4);
    assert!(error.contains("a host works on the store"), "{error}");
    run(&["import", path, "--url", "127.0.0.1:9"]).await.refused(5);
    console.shutdown().await;
    working.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_said_to_be_so() {
    let (_scratch, directory) = store().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = on(&directory, &["console", "--listen", &address]).await.refused(5);
    assert!(error.contains("in use"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_a_line_in_a_pipe() {
    let scratch = Scratch::new();
    let directory = scratch.path("orders");
    let host = host(&directory).await;
    fill(&host).await;
    let options = ConsoleOptions::new().announce_in(&directory);
    let console = Console::serve(host.client(), "127.0.0.1:0", options).await.unwrap();
    let mut command = program(&["watch", "--prefix", "order", "--jsonl", "--store"]);
    command.arg(&directory);
    let (child, mut lines) = spawned(command);
    let mut next = async || {
        let line = lines.next_line().await.unwrap().unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["state"].clone()
    };
    assert_eq!(next().await, "running");
    host.client().raise_event("order-1", "Approved", true).await.unwrap();
    assert_eq!(next().await, "completed");
    assert_eq!(interrupted(child).await, Some(0));

    // What is not watched is counted.
    let mut command = program(&["watch", "--limit", "1", "--after", "ada", "--store"]);
    command.arg(&directory).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut part = command.spawn().unwrap();
    let mut said = BufReader::new(part.stderr.take().unwrap()).lines();
    let said = said.next_line().await.unwrap().unwrap();
    assert!(said.contains("of 4 in all") && said.contains("--after"), "{said}");
    part.kill().await.unwrap();

    // Until it has ended, and how.
    on(&directory, &["watch", "ada", "--until-done"]).await.fine();
    let failed = on(&directory, &["watch", "bill", "--until-done"]).await;
    assert_eq!(failed.code, 1, "{failed:?}");
    assert!(failed.out.contains("the card is declined"), "{failed:?}");
    let started = on(&directory, &["start", "payment", "7", "--wait"]).await;
    assert_eq!(started.code, 1, "{started:?}");
    console.shutdown().await;
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn nothing_is_watched_where_nothing_changes() {
    let (_scratch, directory) = store().await;
    let error = on(&directory, &["watch"]).await.refused(5);
    assert!(error.contains("no host runs"), "{error}");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let (_scratch, directory) = store().await;
    let store = directory.join("STORE");
    let newer = std::fs::read_to_string(&store).unwrap().replace("format 1", "format 99");
    std::fs::write(&store, &newer).unwrap();
    for command in [&["list"][..], &["raise", "order-1", "Go"]] {
        on(&directory, command).await.refused(5);
    }
    assert_eq!(std::fs::read_to_string(&store).unwrap(), newer);
}
