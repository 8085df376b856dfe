//! Two processes on one hub: how long until a second one has its part, and until it goes on with
//! what the first one had when that is killed.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;
use reenact::{Azure, Client};

use super::Setting;
use super::table::{line, time};

/// How a process learns that it is a host, and where.
const CONNECTION: &str = "REENACT_BENCH_CONNECTION";

const HUB: &str = "hosts";

/// What a host says when it has started.
const READY: &str = "ready";

/// Instances: each shard has some.
const INSTANCES: u64 = 128;

/// How long an instance waits between two activities.
const BETWEEN: Duration = Duration::from_millis(500);

/// Activities of one instance: they last longer than the bench.
const TICKS: u64 = 10_000;

/// When a host gets nothing new for so long, it has its part.
const QUIET: Duration = Duration::from_secs(12);

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What may pass beside the lease time until an instance goes on whose host was killed.
const BESIDE_THE_LEASE: Duration = Duration::from_secs(5);

const WIDTHS: [usize; 4] = [44, 10, 10, 10];

/// That an instance did something on a host, the first or the second.
struct Said {
    host: usize,
    /// `None`: the host is ready.
    instance: Option<u64>,
    at: Instant,
}

pub(crate) async fn measure(setting: &Setting<'_>) -> reenact::Result<()> {
    line(&WIDTHS, ["two processes, lease of 15 s", "first", "last", "aim"]);
    let (tell, heard) = channel();
    let mut first = Started::begin(setting, 0, tell.clone());
    ready(&heard, 0);
    let client = Client::connect(setting.hub(HUB).await)?;
    try_join_all((0..INSTANCES).map(|n| client.start_new(ticking, n).into_future())).await?;
    let ran_at_first = who_ticks(&heard, 0, PATIENCE, |seen| seen.len() as u64 == INSTANCES);
    println!("  {} of {INSTANCES} instances go on at the first host", ran_at_first.len());
    let second = Started::begin(setting, 1, tell);
    let joined = ready(&heard, 1);
    let moved = who_ticks(&heard, 1, QUIET, |_| false);
    row("until a host that joins has its part", joined, &moved, 2 * LEASE_TIME);
    let left = ran_at_first.into_keys().filter(|n| !moved.contains_key(n));
    let left: Vec<u64> = left.collect();
    let killed = Instant::now();
    first.kill();
    let taken = who_ticks(&heard, 1, PATIENCE, |seen| left.iter().all(|n| seen.contains_key(n)));
    let taken = taken.into_iter().filter(|(n, _)| left.contains(n)).collect();
    row(
        "until the instances of a killed host go on",
        killed,
        &taken,
        LEASE_TIME + BESIDE_THE_LEASE,
    );
    println!("  {} of {INSTANCES} instances had moved, {} were left", moved.len(), left.len());
    drop(second);
    Ok(())
}

fn row(what: &str, since: Instant, seen: &HashMap<u64, Instant>, aim: Duration) {
    let took = |at: Option<&Instant>| at.map_or("never".into(), |at| time(*at - since));
    let (first, last) = (took(seen.values().min()), took(seen.values().max()));
    line(&WIDTHS, [what.into(), first, last, time(aim)]);
}

/// Waits until a host is ready; when it was.
fn ready(heard: &Receiver<Said>, host: usize) -> Instant {
    loop {
        let said = heard.recv_timeout(PATIENCE).expect("a host starts");
        if said.host == host && said.instance.is_none() {
            return said.at;
        }
    }
}

/// When each instance did something on a host for the first time; until it is enough, or nothing new
/// was said for so long. What was said while nobody listened counts as of when it was said.
fn who_ticks(
    heard: &Receiver<Said>,
    host: usize,
    quiet: Duration,
    is_enough: impl Fn(&HashMap<u64, Instant>) -> bool,
) -> HashMap<u64, Instant> {
    let (mut seen, mut newest, begun) = (HashMap::new(), None::<Instant>, Instant::now());
    while begun.elapsed() < PATIENCE && !is_enough(&seen) {
        let Ok(said) = heard.recv_timeout(QUIET) else { continue };
        if let Some(instance) = said.instance.filter(|_| said.host == host) {
            seen.entry(instance).or_insert_with(|| *newest.insert(said.at));
        }
        if newest.is_some_and(|newest| said.at.saturating_duration_since(newest) > quiet) {
            break;
        }
    }
    seen
}

/// A host in a process of its own; killed when it is dropped.
struct Started(Child);

impl Started {
    fn begin(setting: &Setting<'_>, host: usize, tell: Sender<Said>) -> Self {
        let program = std::env::current_exe().expect("this program has a place");
        let mut child = Command::new(program)
            .env(CONNECTION, setting.emulator.connection_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let said = BufReader::new(child.stdout.take().expect("it was asked for"));
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                let instance = line.parse().ok();
                if instance.is_some() || line == READY {
                    let _ = tell.send(Said { host, instance, at: Instant::now() });
                }
            }
        });
        Self(child)
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a host until it is killed, if this process is to be one.
pub(crate) fn be_a_host() -> Option<ExitCode> {
    let connection = std::env::var(CONNECTION).ok()?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("the system gives threads");
    let ran: reenact::Result<()> = runtime.block_on(async {
        let hub = Azure::connect(&connection, HUB).await.expect("the hub is there");
        let host = Host::builder().provider(hub).orchestration(ticking).activity(tick);
        let _host = host.start().await?;
        println!("{READY}");
        std::io::stdout().flush().expect("the parent process reads");
        std::future::pending().await
    });
    if let Err(error) = ran {
        eprintln!("{error}");
    }
    Some(ExitCode::FAILURE)
}

#[activity]
async fn tick(_ctx: ActivityContext, n: u64) -> Result<(), ActivityError> {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{n}").and_then(|()| out.flush());
    Ok(())
}

#[orchestration]
async fn ticking(ctx: OrchestrationContext, n: u64) -> Result<(), OrchestrationError> {
    for _ in 0..TICKS {
        ctx.call_activity(tick, n).await?;
        ctx.timer(BETWEEN).await;
    }
    Ok(())
}
