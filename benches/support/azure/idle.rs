//! What a hub costs on which nothing happens.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use reenact::{Azure, Client};

use super::Setting;
use super::rows::{in_words, since};
use super::table::{line, thousands, time};
use super::workloads::{event, host_on};

/// How long it is looked at.
const LOOKED_AT: Duration = Duration::from_secs(60);

/// The same at a glance.
const GLANCE: Duration = Duration::from_secs(20);

/// How long nothing happens before: looks at queues that stay empty become rare.
const SETTLED_AFTER: Duration = Duration::from_secs(130);

/// The same at a glance.
const GLANCED_AFTER: Duration = Duration::from_secs(15);

const WIDTHS: [usize; 4] = [12, 10, 12, 12];

pub(crate) async fn measure(setting: &Setting<'_>) -> reenact::Result<()> {
    line(&WIDTHS, ["idle: waiting", "in memory", "looked at", "requests/s"]);
    // Both at the same time: they have nothing in common.
    let (none, some) = tokio::try_join!(
        row(setting, "idle-none", 0),
        row(setting, "idle-some", setting.options.rest)
    )?;
    none.print();
    some.print();
    Ok(())
}

struct Idle {
    cells: [String; 4],
    kinds: String,
}

impl Idle {
    fn print(&self) {
        line(&WIDTHS, self.cells.clone());
        println!("  {}", self.kinds);
    }
}

async fn row(setting: &Setting<'_>, name: &str, waiting: u64) -> reenact::Result<Idle> {
    let is_quick = setting.options.is_quick;
    let (settled, looked_at) =
        if is_quick { (GLANCED_AFTER, GLANCE) } else { (SETTLED_AFTER, LOOKED_AT) };
    let hub: Azure = setting.hub(name).await;
    let host = host_on(hub.clone()).await?;
    wait_for_events(&host, waiting).await?;
    tokio::time::sleep(settled).await;
    let (before, begun) = (hub.transactions(), Instant::now());
    tokio::time::sleep(looked_at).await;
    let (spent, elapsed) = (since(before, hub.transactions()), begun.elapsed());
    let cells = [
        thousands(waiting as f64),
        thousands(host.in_memory() as f64),
        time(elapsed),
        format!("{:.2}", spent.total() as f64 / elapsed.as_secs_f64()),
    ];
    host.shutdown().await?;
    Ok(Idle { cells, kinds: in_words(&spent) })
}

async fn wait_for_events(client: &Client, count: u64) -> reenact::Result<()> {
    let starts = (0..count).map(|n| async move { client.start_new(event, n).await });
    try_join_all(starts).await.map(drop)
}
