//! What the tests have in common: the program, stores with something in them, and hosts.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use reenact::prelude::*;
use reenact::{Event, HostBuilder};
use serde_json::Value;
use tokio::process::Command;

/// How the program ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Ran {
    /// What it wrote, if it did what it was asked for.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// What it complained about, if it ended with that code and wrote no results.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.out, "", "a refusal is no result");
        assert!(self.error.starts_with("reenact: "), "{self:?}");
        assert!(!self.error.contains("Error {") && !self.error.contains("panicked"), "{self:?}");
        self.error
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let out = self.fine();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in {out}"))
    }
}

/// The program, with nothing in its environment that it looks for.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    for variable in [
        "REENACT_STORE",
        "REENACT_URL",
        "REENACT_HUB",
        "REENACT_TOKEN",
        "REENACT_KEYS",
        "AZURE_STORAGE_CONNECTION_STRING",
        "NO_COLOR",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program in a pipe.
pub(crate) async fn run(arguments: &[&str]) -> Ran {
    ran(program(arguments)).await
}

/// Runs the program on a store.
pub(crate) async fn on(store: &Path, arguments: &[&str]) -> Ran {
    let mut command = program(arguments);
    command.args([OsStr::new("--store"), store.as_os_str()]);
    ran(command).await
}

pub(crate) async fn ran(mut command: Command) -> Ran {
    let output = command.output().await.unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        error: String::from_utf8(output.stderr).unwrap(),
    }
}

#[activity]
async fn reserve(_ctx: ActivityContext, item: String) -> Result<String, ActivityError> {
    Ok(format!("{item} is reserved"))
}

#[activity]
async fn charge(_ctx: ActivityContext, _amount: u64) -> Result<String, ActivityError> {
    Err(ActivityError::retryable("the card is declined"))
}

/// Reserves, and waits for somebody to approve.
#[orchestration]
async fn order(ctx: OrchestrationContext, item: String) -> Result<String, OrchestrationError> {
    let reserved = ctx.call_activity(reserve, item).await?;
    let approved: bool = ctx.wait_external("Approved").await?;
    Ok(format!("{reserved}, approved: {approved}"))
}

/// Ends at once.
#[orchestration]
async fn greet(_ctx: OrchestrationContext, name: String) -> Result<String, OrchestrationError> {
    Ok(format!("Hello, {name}!"))
}

/// Fails in its activity, at the third attempt.
#[orchestration]
async fn payment(ctx: OrchestrationContext, amount: u64) -> Result<String, OrchestrationError> {
    let again = RetryPolicy::new(3).first_delay(Duration::from_millis(1));
    Ok(ctx.call_activity(charge.with(ActivityOptions::new().retry(again)), amount).await?)
}

/// Fails because its child does.
#[orchestration]
async fn purchase(ctx: OrchestrationContext, amount: u64) -> Result<String, OrchestrationError> {
    Ok(ctx.call_orchestration(payment, amount).await?)
}

/// Answers updates `add`, and publishes what it has.
#[orchestration]
async fn cart(ctx: OrchestrationContext, most: usize) -> Result<Vec<String>, OrchestrationError> {
    let mut items = Vec::new();
    let mut adds = ctx.updates::<String, usize, String>("add");
    while items.len() < most {
        let add = adds.next().await?;
        if add.request() == "gold" {
            add.refuse(&"out of stock".to_owned());
            continue;
        }
        items.push(add.request().clone());
        ctx.publish("cart", &items);
        add.reply(&items.len());
    }
    Ok(items)
}

/// Emits a word for each number, waits for somebody to let it go, and emits the last one.
#[orchestration]
async fn speech(ctx: OrchestrationContext, words: u64) -> Result<u64, OrchestrationError> {
    (0..words).for_each(|word| ctx.emit("words", &format!("word {word}")));
    ctx.emit("other", &words);
    let () = ctx.wait_external("Go").await?;
    ctx.emit("words", "the end");
    Ok(words)
}

/// An entity.
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Account {
    cents: u64,
}

#[entity]
impl Account {
    fn deposit(&mut self, cents: u64, note: Option<String>) -> String {
        self.cents += cents;
        format!("{} {}", self.cents, note.unwrap_or_default())
    }

    fn withdraw(&mut self, cents: u64) -> Result<u64, String> {
        self.cents = self.cents.checked_sub(cents).ok_or("too little")?;
        Ok(self.cents)
    }

    fn balance(&self) -> u64 {
        self.cents
    }
}

/// Holds the lock of the account until somebody lets it go.
#[orchestration]
async fn audit(ctx: OrchestrationContext, key: String) -> Result<u64, OrchestrationError> {
    let account = ctx.entity::<Account>(&key);
    let _lock = ctx.lock([account.recipient()]).await?;
    ctx.set_status("locked");
    let () = ctx.wait_external("Go").await?;
    Ok(account.balance().await?)
}

/// Its result comes from outside; its token is its heartbeat.
#[activity]
async fn sign(ctx: ActivityContext, _what: String) -> Result<String, ActivityError> {
    ctx.heartbeat(&ctx.token().to_string())?;
    Err(ActivityError::later())
}

/// Waits until somebody has signed.
#[orchestration]
async fn contract(ctx: OrchestrationContext, what: String) -> Result<String, OrchestrationError> {
    Ok(ctx.call_activity(sign, what).await?)
}

/// A host with all of that, on a store that is yet to be given.
pub(crate) fn builder() -> HostBuilder {
    let host = Host::builder().activity(reserve).activity(charge).activity(sign);
    let host = host.orchestration(cart).orchestration(contract).orchestration(speech);
    let host = host.entity::<Account>().orchestration(audit);
    host.orchestration(order).orchestration(greet).orchestration(payment).orchestration(purchase)
}

/// A host with all of that, on a directory.
pub(crate) async fn host(directory: &Path) -> Host {
    builder().provider(Local::open(directory).unwrap()).start().await.unwrap()
}

/// A directory for a test, which goes with it.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A store that no host has open, with `order-1` that waits, `ada` that has completed, and `bill` that has
/// failed because its child has.
pub(crate) async fn store() -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let directory = scratch.path("orders.reenact");
    let host = host(&directory).await;
    fill(&host).await;
    host.shutdown().await.unwrap();
    until_free(&directory).await;
    (scratch, directory)
}

/// Waits until nobody has a directory. A process that another test starts at this time has its lock for as long as
/// it takes to begin.
pub(crate) async fn until_free(directory: &Path) {
    while Local::open_read_only(directory).is_err() {
        tokio::task::yield_now().await;
    }
}

/// Starts what [`store`] names, and waits until each is as far as it gets.
pub(crate) async fn fill(host: &Host) {
    let waiting = host.start_new(order, "a chair".to_owned()).id("order-1").await.unwrap();
    let waits = |event: &Event| matches!(event, Event::ExternalSubscribed { .. });
    loop {
        let history = waiting.history().await.unwrap();
        if history.events().any(|placed| waits(placed.event)) {
            break;
        }
        tokio::task::yield_now().await;
    }
    host.start_new(greet, "Ada".to_owned()).id("ada").await.unwrap().result().await.unwrap();
    host.start_new(purchase, 100).id("bill").await.unwrap().result().await.unwrap_err();
}
