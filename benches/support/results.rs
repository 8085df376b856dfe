//! What an instance holds that waits after many results.

use std::time::Duration;

use futures::future::try_join_all;
use reenact::HostOptions;
use reenact::prelude::*;

use super::process::resident_bytes;
use super::scratch::Scratch;

/// Results that it has had, one after the other.
const RESULTS: u64 = 20_000;

/// Bytes of each.
const BYTES: usize = 8 * 1_024;

/// Instances that have this many results each and then wait, at the same time: what the process holds
/// beside them counts the less.
const WAITING: u64 = 8;

/// Each of these shares its results with this many instances that come one after the other and end. They run
/// before: what the store and the allocator keep for such work is there by then.
const BEFORE: u64 = 400;

/// For each of those that wait.
pub(crate) struct Held {
    /// By what the memory of the process has grown.
    pub(crate) resident: u64,
    /// What the host says that they hold.
    pub(crate) counted: f64,
}

#[activity]
async fn page(_ctx: ActivityContext, n: u64) -> Result<String, ActivityError> {
    let letter = char::from(b'a' + (n % 26) as u8);
    Ok(letter.to_string().repeat(BYTES))
}

/// Reads this many pages, and then waits if its input says so.
#[orchestration]
async fn reader(
    ctx: OrchestrationContext,
    (pages, waits): (u64, bool),
) -> Result<u64, OrchestrationError> {
    let mut bytes = 0;
    for n in 0..pages {
        bytes += ctx.call_activity(page, n).await?.len() as u64;
    }
    if waits {
        ctx.set_status("waits");
        ctx.wait_external::<()>("Go").await?;
    }
    Ok(bytes)
}

pub(crate) async fn held(options: HostOptions) -> reenact::Result<Held> {
    let scratch = Scratch::new("results");
    let store = Local::open(scratch.path().join("store"))?;
    let builder = Host::builder().options(options).provider(store);
    let host = builder.orchestration(reader).activity(page).start().await?;
    try_join_all((0..WAITING).map(|_| ended(&host))).await?;
    let before = resident_bytes();
    let start = |_| host.start_new(reader, (RESULTS, true)).into_future();
    let waiting = try_join_all((0..WAITING).map(start)).await?;
    for instance in &waiting {
        while instance.status().await?.custom_status.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let (after, counted) = (resident_bytes(), host.in_memory_bytes() as f64);
    for instance in waiting {
        instance.raise_event("Go", ()).await?;
        assert_eq!(instance.result().await?, RESULTS * BYTES as u64);
    }
    host.shutdown().await?;
    let resident = after.saturating_sub(before) / WAITING;
    Ok(Held { resident, counted: counted / WAITING as f64 })
}

/// As many results as one that waits has, in instances that end.
async fn ended(host: &Host) -> reenact::Result<()> {
    for _ in 0..BEFORE {
        host.start_new(reader, (RESULTS / BEFORE, false)).await?.result().await?;
    }
    Ok(())
}
