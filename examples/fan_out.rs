//! Fan-out and fan-in: one activity for each file of a directory, and the sum of what they return.
//!
//!     cargo run --example fan_out

use futures::future::try_join_all;
use reenact::prelude::*;

/// The sources of this package.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

#[activity]
async fn list_files(_ctx: ActivityContext, path: String) -> Result<Vec<String>, ActivityError> {
    rust_files(&path).map_err(ActivityError::retryable)
}

#[activity]
async fn count_lines(_ctx: ActivityContext, path: String) -> Result<usize, ActivityError> {
    lines_of(&path).map_err(ActivityError::retryable)
}

/// Files are for activities; the orchestration only says what is to be done, and in which order.
#[orchestration]
async fn count_all(ctx: OrchestrationContext, path: String) -> Result<usize, OrchestrationError> {
    let files = ctx.call_activity(list_files, path).await?;
    // Scheduled one by one, under way all at once. Any combinator will do.
    let counts = files.into_iter().map(|file| ctx.schedule_activity(count_lines, file));
    Ok(try_join_all(counts).await?.into_iter().sum())
}

#[tokio::main]
async fn main() -> reenact::Result<()> {
    let host = Host::builder()
        .provider(InMemory::new())
        .orchestration(count_all)
        .activity(list_files)
        .activity(count_lines)
        .start()
        .await?;
    let lines = host.run_to_completion("count", count_all, DIRECTORY.to_string()).await?;
    let events = host.history(&"count".try_into()?).await?.len();
    println!("{lines} lines of Rust, counted in {events} events");
    assert_eq!(lines, counted_directly());
    host.shutdown().await
}

fn rust_files(path: &str) -> std::io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "rs") {
            files.push(file.display().to_string());
        }
    }
    Ok(files)
}

fn lines_of(path: &str) -> std::io::Result<usize> {
    Ok(std::fs::read_to_string(path)?.lines().count())
}

fn counted_directly() -> usize {
    let files = rust_files(DIRECTORY).expect("the sources are there");
    files.iter().map(|file| lines_of(file).expect("the file is there")).sum()
}
