//! On a hub in Azure Storage, which the emulator stands for: with hosts, after them, and without any.

use std::process::Stdio;

use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::{Message, Provider};
use reenact::testing::Emulator;
use reenact::{Access, Azure, Connection};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::support::{Ran, Scratch, builder, fill, on, program, ran, run};

async fn emulator() -> &'static Emulator {
    static EMULATOR: OnceCell<Emulator> = OnceCell::const_new();
    EMULATOR.get_or_try_init(Emulator::start).await.unwrap()
}

/// The hub of a test.
struct Hub {
    name: &'static str,
    connection: String,
}

impl Hub {
    async fn new(name: &'static str) -> Self {
        Self { name, connection: emulator().await.connection_string() }
    }

    async fn store(&self) -> Azure {
        let connection = Connection::parse(&self.connection).unwrap();
        AzureOptions::new().shards(2).connect(&connection, self.name).await.unwrap()
    }

    async fn host(&self) -> Host {
        builder().provider(self.store().await).start().await.unwrap()
    }

    /// One with what [`fill`] makes, after its host has ended.
    async fn at_rest(name: &'static str) -> Self {
        let hub = Self::new(name).await;
        let host = hub.host().await;
        fill(&host).await;
        host.shutdown().await.unwrap();
        hub
    }

    /// The program, which finds the secret in its environment.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.args(["--azure", "env", "--hub", self.name]);
        command.env("AZURE_STORAGE_CONNECTION_STRING", &self.connection);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.program(arguments)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_hub_is_seen_without_a_host() {
    let hub = Hub::at_rest("seen").await;
    let listed = hub.run(&["list", "--jsonl"]).await.fine();
    assert_eq!(listed.lines().count(), 4, "{listed}");
    assert_eq!(hub.run(&["count"]).await.fine(), "4\n");
    let counts = hub.run(&["count", "--by-state", "--json"]).await.json();
    assert_eq!(counts["total"], 4);
    let shown = hub.run(&["show", "order-1"]).await.fine();
    assert!(shown.contains("Approved"), "{shown}");
    assert!(hub.run(&["show", "bill", "--failure"]).await.fine().contains("the card is declined"));
    let history = hub.run(&["history", "order-1"]).await.fine();
    assert!(history.contains("external_subscribed"), "{history}");
    hub.run(&["timeline", "order-1"]).await.fine();
    hub.run(&["show", "nobody"]).await.refused(3);
    // The connection string can be given as well, and is in no message.
    let on_command_line = ["count", "--azure", &hub.connection, "--hub"];
    assert_eq!(run(&[&on_command_line[..], &["seen"]].concat()).await.fine(), "4\n");
    let error = run(&[&on_command_line[..], &["no-such-hub"]].concat()).await.refused(5);
    assert!(error.contains("no-such-hub") && !error.contains("AccountKey=Eby"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_of_a_hub_do_what_they_are_told_from_outside() {
    let hub = Hub::new("told").await;
    let host = hub.host().await;
    fill(&host).await;
    hub.run(&["raise", "order-1", "Approved", "true"]).await.fine();
    let result: String = host.client().instance("order-1").result().await.unwrap();
    assert!(result.ends_with("approved: true"), "{result}");
    let started = hub.run(&["start", "greet", "\"Eve\"", "--id", "eve", "--wait"]).await.fine();
    assert!(started.contains("Hello, Eve!"), "{started}");
    hub.run(&["start", "greet", "\"Eve\"", "--id", "eve"]).await.refused(4);
    assert_eq!(hub.run(&["start", "order", "\"a lamp\"", "--id", "lamp"]).await.fine(), "lamp\n");
    hub.run(&["suspend", "lamp", "--reason", "stock is counted"]).await.fine();
    hub.run(&["resume", "lamp"]).await.fine();
    hub.run(&["cancel", "lamp", "--reason", "not wanted"]).await.fine();
    let ended = hub.run(&["watch", "lamp", "--until-done"]).await;
    assert!(ended.code == 1 && ended.out.contains("not wanted"), "{ended:?}");
    let error = hub.run(&["metrics"]).await.refused(5);
    assert!(error.contains("metrics are those of one host"), "{error}");
    // While it works, what is exported is for people.
    let exported = hub.run(&["export", "--quiet"]).await.fine();
    assert!(exported.lines().next().unwrap().contains("\"at_rest\":false"), "{exported}");
    let healthy = hub.run(&["doctor"]).await.fine();
    assert!(healthy.contains("6 instances were looked at"), "{healthy}");
    hub.run(&["purge", "lamp", "--yes"]).await.fine();
    // It is on its way to the host.
    while hub.run(&["show", "lamp"]).await.code != 3 {}
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_message_is_shown_sent_again_and_discarded() {
    let hub = Hub::new("poisoned").await;
    let store = hub.store().await;
    let to = InstanceId::new("order-1").unwrap();
    let shard = ShardId::of(&to, store.shards());
    let poison = Message { key: "poison".to_owned(), to, bytes: [250, 1, 2, 3].into() };
    store.sharing().unwrap().router().send(shard, poison).await.unwrap();
    let host = hub.host().await;
    fill(&host).await;
    let found = async || {
        while host.quarantined(None, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let listed = hub.run(&["quarantine", "--json"]).await.json();
        let messages = listed["messages"].as_array().unwrap();
        assert_eq!((messages.len(), &messages[0]["instance"]), (1, &Value::from("order-1")));
        messages[0]["id"].as_str().unwrap().to_owned()
    };
    let entry = found().await;
    let table = hub.run(&["quarantine"]).await.fine();
    assert!(table.contains("order-1") && table.contains("format version 250"), "{table}");
    hub.run(&["quarantine", "requeue", &entry]).await.fine();
    let again = found().await;
    let error = hub.run(&["quarantine", "discard", &again]).await.refused(4);
    assert!(error.contains("order-1") && error.contains("--yes"), "{error}");
    hub.run(&["quarantine", "discard", &again, "--yes"]).await.fine();
    hub.run(&["quarantine", "discard", &again, "--yes"]).await.refused(3);
    assert_eq!(hub.run(&["quarantine", "--json"]).await.json()["messages"], serde_json::json!([]));
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_moves_into_a_directory_and_into_another_hub() {
    let hub = Hub::at_rest("moved-from").await;
    let scratch = Scratch::new();
    let file = scratch.path("orders.jsonl");
    let path = file.to_str().unwrap();
    hub.run(&["export", "-o", path, "--quiet"]).await.fine();
    hub.run(&["raise", "order-1", "Later"]).await.fine();
    let error = hub.run(&["export", "--at-rest"]).await.refused(4);
    assert!(error.contains("1 message in its queues") && error.contains("start a host"), "{error}");
    let host = hub.host().await;
    while Access::connect(&hub.store().await).unwrap().waiting().await.unwrap() != Some(0) {}
    assert!(hub.run(&["export", "--at-rest"]).await.refused(4).contains("a host works"));
    host.shutdown().await.unwrap();
    let directory = scratch.path("orders.reenact");
    let error = on(&directory, &["import", path]).await.refused(4);
    assert!(error.contains("hosts may have worked"), "{error}");
    hub.run(&["export", "-o", path, "--at-rest", "--quiet"]).await.fine();
    on(&directory, &["import", path]).await.fine();
    let other = Hub::new("moved-to").await;
    let imported = other.run(&["import", path]).await.fine();
    assert!(imported.contains("imported 4 instances"), "{imported}");
    assert!(other.run(&["import", path]).await.fine().contains("4 were there already"));
    for command in [&["list", "--jsonl"][..], &["history", "bill", "--jsonl"]] {
        let before = hub.run(command).await.fine();
        assert_eq!(other.run(command).await.fine(), before);
        assert_eq!(on(&directory, command).await.fine(), before);
    }
    // It goes on there, and no import disturbs its host.
    let host = other.host().await;
    assert!(other.run(&["import", path]).await.refused(4).contains("a host works"));
    other.run(&["raise", "order-1", "Approved", "true"]).await.fine();
    let result: String = host.client().instance("order-1").result().await.unwrap();
    assert!(result.ends_with("approved: true"), "{result}");
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_serves_a_hub_without_a_host() {
    let hub = Hub::at_rest("served").await;
    let mut command = hub.program(&["console"]);
    let mut console = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(console.stdout.take().unwrap()).lines();
    let address = lines.next_line().await.unwrap().unwrap();
    assert_eq!(run(&["count", "--url", &address]).await.fine(), "4\n");
    run(&["cancel", "order-1", "--url", &address]).await.refused(4);
    console.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_healthy_hub_healthy() {
    let hub = Hub::at_rest("healthy").await;
    let found = hub.run(&["doctor", "--json"]).await.json();
    assert_eq!(found["needs_help"], 0);
    assert!(found.to_string().contains("4 instances were looked at"), "{found}");
    hub.run(&["doctor", "--quick"]).await.fine();
}
