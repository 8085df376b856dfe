//! Activities that block their thread: code without async, a client that blocks, a long calculation. Each runs on
//! a thread that it has for itself, so that commits and other instances do not wait for it.
//!
//!     cargo run --example blocking

use std::fs;
use std::io;
use std::path::PathBuf;

use reenact::prelude::*;

/// Plain code, which waits for the disk. It can say how far it is, and can be asked to end, as any activity.
#[activity(blocking)]
fn sum_of_bytes(ctx: ActivityContext, path: PathBuf) -> io::Result<u64> {
    let mut sum = 0;
    for (n, byte) in fs::read(path)?.into_iter().enumerate() {
        sum += u64::from(byte);
        if n % 4_096 == 0 {
            let _ = ctx.heartbeat(&n);
        }
        if ctx.is_cancelled() {
            return Err(io::Error::other("nobody waits for it any more"));
        }
    }
    Ok(sum)
}

/// Async code that computes for long between two awaits.
#[activity(blocking)]
async fn largest_prime_factor(
    _ctx: ActivityContext,
    mut number: u64,
) -> Result<u64, ActivityError> {
    let mut factor = 2;
    while factor * factor <= number {
        match number % factor {
            0 => number /= factor,
            _ => factor += 1,
        }
    }
    tokio::time::sleep(Duration::from_millis(1)).await; // timers and I/O work there as well
    Ok(number)
}

#[orchestration]
async fn survey(ctx: OrchestrationContext, path: PathBuf) -> Result<String, OrchestrationError> {
    let sum = ctx.call_activity(sum_of_bytes, path).await?;
    let prime = ctx.call_activity(largest_prime_factor, sum).await?;
    // Written by somebody else, and named in the options.
    let report: String = ctx.call_activity_by_name("report", &prime).await?;
    Ok(report)
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let options = HostOptions::new().blocking_activities(["report"]).max_blocking_activities(16); // threads; what comes beyond waits for one
    let host = Host::builder()
        .provider(InMemory::new())
        .options(options)
        .orchestration(survey)
        .activity(sum_of_bytes)
        .activity(largest_prime_factor)
        .register_activity("report", |_ctx: ActivityContext, prime: u64| async move {
            let name = std::thread::current().name().unwrap_or_default().to_string();
            Ok(format!("{prime}, says {name}"))
        })
        .start()
        .await?;
    let path = std::env::temp_dir().join(format!("reenact-blocking-{}", std::process::id()));
    fs::write(&path, "reenact").expect("a file for the example");
    let result = host.start_new(survey, path.clone()).await?.result().await?;
    println!("{result}");
    assert_eq!(result, "41, says reenact-blocking");
    fs::remove_file(path).expect("it is there");
    host.shutdown().await
}
