//! Three hosts share a hub in Azure Storage, one of them is killed, and the others go on.
//!
//!     cargo run --features azure --example hosts
//!
//! It starts an emulator (Node.js 20 or newer with npm is needed), and itself three times as a host.
//! What is in this process is a client without a host. One of the hosts declares the tag `gpu`.

use std::collections::BTreeMap;
use std::future::IntoFuture;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use futures::future::try_join_all;
use reenact::Connection;
use reenact::core::ShardId;
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::testing::Emulator;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How a host learns of the account, in its environment: its arguments would show the secret to
/// everybody on the machine.
const CONNECTION: &str = "REENACT_EXAMPLE_CONNECTION";

const HUB: &str = "orders";
const HOSTS: [&str; 3] = ["ada", "bob", "eve"];
const KILLED: &str = "bob";
const WITH_GPU: &str = "eve";

const SHARDS: u32 = 6;
const ORDERS: u64 = 24;

/// Activities after which a host is killed, of the four that each order has.
const KILLED_AFTER: usize = ORDERS as usize * 3 / 2;

/// A host that was killed is taken for dead after so long. In real life that is 15 s unless you say
/// otherwise: a shorter time costs more requests.
const LEASE_TIME: Duration = Duration::from_secs(3);

/// Reports to the client what is done here.
fn report(ctx: &ActivityContext) {
    println!("ran {} {}", ctx.activity_name(), ctx.instance_id());
}

#[activity]
async fn reserve(ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    report(&ctx);
    Ok(number)
}

#[activity]
async fn render(ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    report(&ctx);
    Ok(number * 100)
}

#[activity]
async fn ship(ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    report(&ctx);
    Ok(number * 10_000)
}

/// A child of each order, mostly in another shard, and so on another host.
#[orchestration]
async fn shipment(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    ctx.timer(Duration::from_millis(200)).await;
    Ok(ctx.call_activity(ship, number).await?)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    let reserved = ctx.call_activity(reserve, number).await?;
    ctx.timer(Duration::from_millis(200)).await;
    let paid: u64 = ctx.wait_external("Paid").await?;
    let on_a_gpu = render.with(ActivityOptions::new().tag("gpu"));
    let rendered = ctx.call_activity(on_a_gpu, number).await?;
    let shipped = ctx.call_orchestration(shipment, number).await?;
    ctx.call_activity(reserve, number).await?;
    Ok(reserved + paid + rendered + shipped)
}

/// What an order of this number gives.
fn expected(number: u64) -> u64 {
    number * 10_101 + 1
}

async fn connect(connection: &str) -> Outcome<Azure> {
    let options =
        AzureOptions::new().shards(SHARDS).lease_time(LEASE_TIME).visibility_time(LEASE_TIME);
    Ok(options.connect(&Connection::parse(connection)?, HUB).await?)
}

/// What a host process does: run until nobody holds its input open.
async fn be_a_host(name: &str) -> Outcome {
    let hub = connect(&std::env::var(CONNECTION)?).await?;
    let is_fast = name == WITH_GPU;
    let options = HostOptions::new().host_name(name).tags(is_fast.then_some("gpu"));
    let mut host = Host::builder().provider(hub.clone()).options(options);
    host = host.orchestration(order).orchestration(shipment).activity(reserve).activity(ship);
    if is_fast {
        host = host.activity(render);
    }
    let host = host.start().await?;
    println!("ready");
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()))
        .await??;
    host.shutdown().await?;
    println!("requests {}", hub.transactions().total());
    Ok(())
}

/// A host process. It does not outlive this one.
struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    fn start(
        name: &'static str,
        connection: &str,
        said: UnboundedSender<(&'static str, String)>,
    ) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(name).env(CONNECTION, connection).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Self { name, child: command.spawn()? };
        let out = process.child.stdout.take().ok_or("it says nothing")?;
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Nobody may listen any more.
                let _ = said.send((name, line));
            }
        });
        Ok(process)
    }

    /// Closes its input, and waits until it has ended by itself.
    fn end(mut self) -> Outcome {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("{}: {status}", self.name).into()) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has usually ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the hosts have said.
struct Log {
    said: UnboundedReceiver<(&'static str, String)>,
    ready: usize,
    /// Host, activity and instance of what has run, in the order in which it was heard of.
    runs: Vec<(&'static str, String, InstanceId)>,
    requests: BTreeMap<&'static str, u64>,
}

impl Log {
    fn new(said: UnboundedReceiver<(&'static str, String)>) -> Self {
        Self { said, ready: 0, runs: Vec::new(), requests: BTreeMap::new() }
    }

    async fn until(&mut self, wanted: impl Fn(&Self) -> bool) -> Outcome {
        while !wanted(self) {
            let (host, line) = self.said.recv().await.ok_or("all hosts have ended")?;
            match *line.split(' ').collect::<Vec<_>>() {
                ["ready"] => self.ready += 1,
                ["ran", activity, id] => {
                    self.runs.push((host, activity.to_owned(), InstanceId::new(id)?));
                }
                ["requests", number] => {
                    self.requests.insert(host, number.parse()?);
                }
                _ => println!("{host}: {line}"),
            }
        }
        Ok(())
    }

    /// Who has run how many of which activity.
    fn print_runs(&self) {
        let mut counts = BTreeMap::<_, usize>::new();
        for (host, activity, _) in &self.runs {
            *counts.entry((host, activity)).or_default() += 1;
        }
        for ((host, activity), count) in counts {
            println!("  {host} has run {activity:<8} {count:>3} times");
        }
    }

    /// Which hosts had a shard, one after the other: what has no tag runs where its instance is.
    fn print_shards(&self) {
        let mut owners = BTreeMap::<ShardId, Vec<&str>>::new();
        for (host, _, id) in self.runs.iter().filter(|(_, activity, _)| activity != "render") {
            let owners = owners.entry(ShardId::of(id, SHARDS)).or_default();
            if owners.last() != Some(host) {
                owners.push(host);
            }
        }
        for (shard, owners) in owners {
            println!("  shard {shard} was with {}", owners.join(", then with "));
        }
    }
}

/// Starts the orders, has one host killed in the middle, and looks at what has come of them.
async fn be_the_client(connection: &str) -> Outcome {
    let (sender, said) = unbounded_channel();
    let mut log = Log::new(said);
    let mut hosts = Vec::new();
    for name in HOSTS {
        hosts.push(Process::start(name, connection, sender.clone())?);
    }
    drop(sender);
    log.until(|log| log.ready == HOSTS.len()).await?;
    println!("{} are up, and share {SHARDS} shards.", HOSTS.join(", "));

    let hub = connect(connection).await?;
    assert_eq!(hub.shards(), SHARDS);
    let client = Client::connect(hub.clone())?;
    let starts = (1..=ORDERS).map(|number| {
        let start = client.start_new(order, number).id(format!("order-{number}"));
        start.into_future()
    });
    let orders = try_join_all(starts).await?;
    try_join_all(orders.iter().map(|started| started.raise_event("Paid", 1).into_future())).await?;
    println!("{ORDERS} orders are started and paid by a client without a host.");

    log.until(|log| log.runs.len() >= KILLED_AFTER).await?;
    let place = hosts.iter().position(|host| host.name == KILLED).ok_or("it is not there")?;
    let mut killed = hosts.remove(place);
    killed.child.kill()?;
    killed.child.wait()?;
    println!("After {} activities {KILLED} was killed with SIGKILL.", log.runs.len());

    let began = std::time::Instant::now();
    let results = try_join_all(orders.iter().map(|started| started.result())).await?;
    assert!(results.into_iter().eq((1..=ORDERS).map(expected)));
    println!("All have the right result, {:.1} s later.", began.elapsed().as_secs_f64());
    // Nothing was lost, and nothing was too much.
    assert_eq!(client.count(&Default::default()).await?, 2 * ORDERS);
    assert_eq!(client.quarantined(None, 1).await?, []);

    let left = hosts.len();
    hosts.into_iter().try_for_each(Process::end)?;
    log.until(|log| log.requests.len() == left).await?;
    assert!(log.runs.iter().all(|(host, activity, _)| activity != "render" || *host == WITH_GPU));
    log.print_runs();
    log.print_shards();
    for (host, requests) in &log.requests {
        println!("  {host} has made {requests} requests to the hub");
    }
    println!("  the client has made {}", hub.transactions().total());
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome {
    if let Some(name) = std::env::args().nth(1) {
        return be_a_host(&name).await;
    }
    let emulator = Emulator::start().await?;
    be_the_client(&emulator.connection_string()).await
}
