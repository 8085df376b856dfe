//! The process that is killed: a host under load, which says what was acknowledged.

use std::collections::VecDeque;
use std::io::{BufRead, stdin};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reenact::prelude::*;
use reenact::{HostOptions, Retention};

use crate::load::{self, ENTITIES, Operation};

/// The first argument of such a process.
pub(crate) const ARGUMENT: &str = "--host";

/// Operations at once.
const OUTSTANDING: usize = 32;

/// How long a finished instance is kept: the newest that were acknowledged are asked for after a kill.
const KEPT: Duration = Duration::from_secs(60);

/// How long an operation waits that was refused, before it is done again.
const AGAIN: Duration = Duration::from_millis(200);

/// What is left to do.
struct Work {
    /// Done before, and not acknowledged.
    again: Mutex<VecDeque<u64>>,
    next: AtomicU64,
    is_over: AtomicBool,
}

impl Work {
    fn take(&self) -> Option<Operation> {
        let again = self.again.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let number = match again {
            Some(number) => number,
            None if self.is_over.load(Ordering::Relaxed) => return None,
            None => self.next.fetch_add(1, Ordering::Relaxed),
        };
        Some(Operation(number))
    }
}

/// `--host DIR NEXT AGAIN ACKNOWLEDGED`, the last two as numbers with commas between them. Ends when its standard input
/// does, once all that was begun is acknowledged.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build();
    let done = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), String> {
    let [dir, next, again, acknowledged] = arguments else {
        return Err(format!("{ARGUMENT} needs four arguments"));
    };
    let work = Arc::new(Work {
        again: Mutex::new(numbers(again).collect()),
        next: AtomicU64::new(next.parse().map_err(|_| "NEXT is no number".to_owned())?),
        is_over: AtomicBool::new(false),
    });
    let store = Local::open(dir).map_err(|error| error.to_string())?;
    let options = HostOptions::new().retention(Retention::new().finished_for(KEPT));
    let host = load::register(Host::builder().options(options).provider(store)).start().await;
    let host = host.map_err(|error| error.to_string())?;
    let client = host.client();
    for number in numbers(acknowledged) {
        if let Err(error) = Operation(number).find(client).await {
            println!("lost {number} {error}");
        }
    }
    println!("ready");
    let over = Arc::clone(&work);
    std::thread::spawn(move || {
        // Nothing comes: it ends.
        let _ = stdin().lock().read_line(&mut String::new());
        over.is_over.store(true, Ordering::Relaxed);
    });
    let workers = (0..OUTSTANDING).map(|_| tokio::spawn(worker(Arc::clone(&work), client.clone())));
    futures_util::future::join_all(workers).await;
    for entity in 0..ENTITIES {
        println!("sum {entity} {}", load::sum(client, entity).await?);
    }
    host.shutdown().await.map_err(|error| error.to_string())?;
    println!("end");
    Ok(())
}

async fn worker(work: Arc<Work>, client: Client) {
    while let Some(operation) = work.take() {
        let begun = Instant::now();
        while let Err(error) = operation.run(&client).await {
            // Full disks, and shards that are on their way: it is done again under the same keys.
            println!("refused {} {error}", operation.0);
            tokio::time::sleep(AGAIN).await;
        }
        println!("done {} {}", operation.0, begun.elapsed().as_micros());
    }
}

fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split(',').filter_map(|number| number.parse().ok())
}
