//! A process that is a host.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use reenact::prelude::*;
#[cfg(feature = "azure-legacy")]
use reenact::providers::azure::{connection::Options, legacy};
use reenact::{Azure, AzureOptions, Connection};

/// The name of the hub.
pub(crate) const HUB: &str = "kills";

/// How many steps an instance has, and events.
pub(crate) const STEPS: u64 = 2;

/// So short that the hosts find each other dead in a test.
const LEASE_TIME: Duration = Duration::from_secs(2);

/// What a host is to do.
pub(crate) struct Order {
    connection: String,
    name: String,
    directory: PathBuf,
}

impl Order {
    const CONNECTION: &str = "REENACT_TEST_HUB_CONNECTION";
    const NAME: &str = "REENACT_TEST_HUB_HOST";
    const DIRECTORY: &str = "REENACT_TEST_HUB_DIRECTORY";

    pub(crate) fn of_this_process() -> Option<Self> {
        let connection = std::env::var(Self::CONNECTION).ok()?;
        let name = std::env::var(Self::NAME).ok()?;
        let directory = std::env::var_os(Self::DIRECTORY)?.into();
        Some(Self { connection, name, directory })
    }

    pub(crate) fn give(
        command: &mut std::process::Command,
        connection: &str,
        name: &str,
        directory: &Path,
    ) {
        command.env(Self::CONNECTION, connection).env(Self::NAME, name);
        command.env(Self::DIRECTORY, directory);
    }
}

/// The hub, as all processes open it.
pub(crate) async fn open(connection: &str) -> Azure {
    let mut options =
        AzureOptions::new().shards(4).lease_time(LEASE_TIME).visibility_time(LEASE_TIME);
    // So little that the archive and the checkpoints have their share of the kills.
    options = options.flush_bytes(8 * 1024);
    let connection = Connection::parse(connection).unwrap();
    #[cfg(feature = "azure-legacy")]
    if is_older() {
        let port = legacy::connect(&connection, HUB, Options::default()).unwrap();
        return options.open(port, HUB).await.unwrap();
    }
    options.connect(&connection, HUB).await.unwrap()
}

/// Whether this process is one of the hosts that use the older crates.
#[cfg(feature = "azure-legacy")]
fn is_older() -> bool {
    Order::of_this_process().is_some_and(|it| ["second", "third"].contains(&it.name.as_str()))
}

static LEDGER: OnceLock<std::fs::File> = OnceLock::new();

pub(crate) fn ledger(directory: &Path) -> PathBuf {
    directory.join("ledger")
}

/// Tells the world that it has run: a line is written by one call, so no kill cuts it.
#[activity]
async fn enter(ctx: ActivityContext, what: String) -> Result<String, ActivityError> {
    let line = format!("{}\t{what}\n", ctx.idempotency_key());
    let mut ledger = LEDGER.get().expect("it was opened");
    ledger.write_all(line.as_bytes()).expect("a line");
    Ok(what)
}

#[orchestration]
async fn twice(_ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    Ok(number * 2)
}

/// Steps, timers, events and a child. The result tells all that it went through.
#[orchestration]
pub(crate) async fn order(
    ctx: OrchestrationContext,
    number: u64,
) -> Result<String, OrchestrationError> {
    let mut went_through = Vec::new();
    for step in 0..STEPS {
        went_through.push(ctx.call_activity(enter, format!("{number}/{step}")).await?);
        ctx.timer(Duration::from_millis(number % 7 * 20)).await;
        let said: String = ctx.wait_external(&name_of_event(step)).await?;
        went_through.push(said);
    }
    let child = twice.with(ChildOptions::default().id(child_id(number).as_str()));
    went_through.push(ctx.call_orchestration(child, number).await?.to_string());
    Ok(went_through.join(" "))
}

/// Each step has a name of its own. Events of one name arrive in the order in which a host takes them
/// out of the queue, and what a host that dies has in hand comes again after what was sent later.
pub(crate) fn name_of_event(step: u64) -> String {
    format!("say-{step}")
}

/// What an instance gives, if every event reached it.
pub(crate) fn expected(number: u64) -> String {
    let parts = (0..STEPS).flat_map(|step| [format!("{number}/{step}"), event(number, step)]);
    parts.chain([(number * 2).to_string()]).collect::<Vec<_>>().join(" ")
}

pub(crate) fn event(number: u64, event: u64) -> String {
    format!("event-{number}-{event}")
}

pub(crate) fn id(number: u64) -> InstanceId {
    InstanceId::new(format!("order-{number}")).unwrap()
}

pub(crate) fn child_id(number: u64) -> InstanceId {
    InstanceId::new(format!("child-of-{number}")).unwrap()
}

/// Until its input ends: when that is wanted, or the one who has started it is gone.
pub(crate) async fn run(order_for_host: &Order) {
    let Order { connection, name, directory } = order_for_host;
    let ledger = OpenOptions::new().append(true).create(true).open(ledger(directory)).unwrap();
    let _ = LEDGER.set(ledger);
    let options = HostOptions::new().host_name(name.clone());
    let host = Host::builder().provider(open(connection).await).options(options);
    let host = host.orchestration(order).orchestration(twice).activity(enter);
    let host = host.start().await.unwrap();
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = end.await;
    host.shutdown().await.unwrap();
}
