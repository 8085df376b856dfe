//! How long an export of a directory takes, and an import into another one.
//!
//! `cargo bench --bench transfer -- [INSTANCES]`
//!
//! Each instance calls five activities with small inputs: 7 turns. Half of them have ended, half wait for an event.

#[path = "support/scratch.rs"]
mod scratch;

use std::fs::File;
use std::future::IntoFuture;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use reenact::prelude::*;
use reenact::transfer::{self, ExportOptions, ImportOptions};
use reenact::{Access, InstanceFilter, InstanceState, Local};

use self::scratch::Scratch;

/// Instances without an argument.
const INSTANCES: u64 = 20_000;

/// Instances that are started at a time.
const AT_A_TIME: usize = 256;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[activity]
async fn double(_ctx: ActivityContext, number: u64) -> Result<u64, ActivityError> {
    Ok(number * 2)
}

#[orchestration]
async fn five(ctx: OrchestrationContext, number: u64) -> Result<u64, OrchestrationError> {
    let mut sum = number;
    for _ in 0..5 {
        sum = ctx.call_activity(double, sum % 1_000).await?;
    }
    if number % 2 == 1 {
        sum += ctx.wait_external::<u64>("Go").await?;
    }
    Ok(sum)
}

fn main() -> ExitCode {
    // Cargo gives an argument of its own.
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let tokio = tokio.expect("the system gives threads");
    match tokio.block_on(measure(number.unwrap_or(INSTANCES))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(instances: u64) -> Outcome {
    let scratch = Scratch::new("transfer");
    let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
    fill(&from, instances).await?;
    for readable in [true, false] {
        let name = if readable { "with events" } else { "compact" };
        let file = scratch.path().join(name);
        let (bytes, took) = export(&from, &file, readable).await?;
        report(&format!("export, {name}"), instances, bytes, took);
    }
    let file = scratch.path().join("with events");
    let bytes = file.metadata()?.len();
    report("import", instances, bytes, import(&file, &to, instances, 0).await?);
    report("import of the same", instances, bytes, import(&file, &to, 0, instances).await?);
    Ok(())
}

fn report(what: &str, instances: u64, bytes: u64, took: Duration) {
    let seconds = took.as_secs_f64();
    let (each, megabytes) = (instances as f64 / seconds, bytes as f64 / seconds / 1e6);
    let size = bytes as f64 / 1e6;
    println!(
        "{what:<20} {seconds:>7.2} s {each:>9.0} instances/s {megabytes:>7.1} MB/s of {size:.1} MB"
    );
}

async fn fill(directory: &Path, instances: u64) -> Outcome {
    let host = Host::builder().provider(Local::open(directory)?).activity(double);
    let host = host.orchestration(five).start().await?;
    let start =
        |number| host.start_new(five, number).id(format!("order-{number:07}")).into_future();
    stream::iter(0..instances)
        .map(start)
        .buffer_unordered(AT_A_TIME)
        .try_for_each(async |_| Ok(()))
        .await?;
    let ended = InstanceFilter::new().states([InstanceState::Completed]);
    while host.count(&ended).await? < instances / 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(host.shutdown().await?)
}

async fn export(directory: &Path, file: &Path, readable: bool) -> Outcome<(u64, Duration)> {
    let began = Instant::now();
    let store = Access::read_only(&Local::open_read_only(directory)?);
    let mut out = BufWriter::new(File::create(file)?);
    let options = ExportOptions::new().readable(readable);
    transfer::export(&store, &InstanceFilter::new(), options, &mut out, |_| {}).await?;
    out.flush()?;
    let bytes = out.get_ref().metadata()?.len();
    Ok((bytes, began.elapsed()))
}

async fn import(file: &Path, directory: &Path, new: u64, old: u64) -> Outcome<Duration> {
    let began = Instant::now();
    let store = Local::open(directory)?;
    let file = BufReader::new(File::open(file)?);
    let imported = transfer::import(file, &store, ImportOptions::new(), |_| {}).await?;
    assert_eq!((imported.imported, imported.already_there), (new, old));
    drop(store);
    Ok(began.elapsed())
}
