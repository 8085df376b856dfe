//! What the emulator carries when somebody sends one request after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reenact::providers::azure::connection;
use reenact::providers::azure::port::{LeaseId, StoragePort};
use reenact::providers::azure::sdk;

use super::Setting;
use super::table::thousands;

/// Bytes of a block.
const BLOCK: usize = 256;

/// Bytes of a message, of text.
const MESSAGE: usize = 256;

/// Blocks that a blob takes before the next is begun: far below what the service allows.
const BLOCKS_PER_BLOB: u64 = 1_000;

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(2);

/// A container and a queue to send bare requests to.
pub(crate) struct Bare {
    port: Arc<dyn StoragePort>,
    /// Blobs that were begun.
    blobs: AtomicU64,
}

impl Bare {
    pub(crate) async fn new(setting: &Setting<'_>) -> Self {
        let port = sdk::connect(&setting.connection(), "bare", connection::Options::default());
        let port = port.expect("the emulator's connection is one");
        port.create_container().await.expect("a container");
        port.create_queue("bare").await.expect("a queue");
        Self { port, blobs: AtomicU64::new(0) }
    }

    /// Measures both kinds, and prints them.
    pub(crate) async fn print(&self) {
        println!(
            "bare, one after the other: {} conditional appends/s, {} puts into a queue/s",
            thousands(self.appends().await),
            thousands(self.puts().await)
        );
        println!();
    }

    /// Appends per second, of one block each, under a lease and at a position, as a commit is.
    pub(crate) async fn appends(&self) -> f64 {
        let lease = LeaseId("6a1f3a5e-51a4-4d6c-8a31-0e4f2f0c7d11".to_owned());
        let (begun, mut count, mut blob) = (Instant::now(), 0_u64, String::new());
        while begun.elapsed() < TIME {
            let at = count % BLOCKS_PER_BLOB;
            if at == 0 {
                blob = format!("bare-{}", self.blobs.fetch_add(1, Ordering::Relaxed));
                self.port.create_append_blob(&blob).await.expect("a blob");
                self.port.acquire_lease(&blob, &lease).await.expect("a lease");
            }
            let position = at * BLOCK as u64;
            let appended = self.port.append(&blob, vec![7; BLOCK], position, &lease).await;
            appended.expect("an append");
            count += 1;
        }
        count as f64 / begun.elapsed().as_secs_f64()
    }

    async fn puts(&self) -> f64 {
        let (text, begun, mut count) = ("7".repeat(MESSAGE), Instant::now(), 0_u64);
        while begun.elapsed() < TIME {
            self.port.send("bare", &text).await.expect("a put");
            count += 1;
        }
        count as f64 / begun.elapsed().as_secs_f64()
    }
}
