//! A program that is killed again and again, and goes on each time.
//!
//!     cargo run --example survives
//!
//! It starts itself as a worker that runs one long order, kills it after every few steps, and starts
//! it again on the same directory until the order is done.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use reenact::prelude::*;

const STEPS: u32 = 12;

/// How many steps a worker does until it is killed.
const PATIENCE: usize = 4;

#[activity]
async fn pack(ctx: ActivityContext, box_number: u32) -> Result<u32, ActivityError> {
    tokio::time::sleep(Duration::from_millis(30)).await;
    // The service that does the work gets the key, and does it once for each.
    println!("packed box {box_number} (key {})", ctx.idempotency_key());
    Ok(box_number)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, boxes: u32) -> Result<u32, OrchestrationError> {
    let mut packed = 0;
    for number in 1..=boxes {
        ctx.call_activity(pack, number).await?;
        packed += 1;
    }
    Ok(packed)
}

/// The process that is killed: it starts the order, or goes on with it.
async fn work() -> reenact::Result<()> {
    let store = Local::open("survives.reenact")?;
    let host = Host::builder().provider(store).orchestration(order).activity(pack).start().await?;
    let packed = match host.start_new(order, STEPS).id("order").await {
        Ok(instance) => instance.result().await?,
        Err(reenact::Error::AlreadyExists { instance }) => {
            host.instance(&instance).result().await?
        }
        Err(error) => return Err(error),
    };
    println!("done: {packed} boxes");
    host.purge(&InstanceId::new("order")?).await?;
    host.shutdown().await
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("work") {
        return Ok(tokio::runtime::Runtime::new()?.block_on(work())?);
    }
    for worker in 1.. {
        let mut child =
            Command::new(std::env::current_exe()?).arg("work").stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("it says nothing")?).lines();
        let mut done = false;
        for (said, line) in (1..).zip(lines) {
            let line = line?;
            println!("worker {worker}: {line}");
            done |= line.starts_with("done");
            if said == PATIENCE && !done {
                child.kill()?;
            }
        }
        let status = child.wait()?;
        println!("worker {worker} has ended: {status}");
        if done {
            return if status.success() { Ok(()) } else { Err("the last one failed".into()) };
        }
    }
    Ok(())
}
