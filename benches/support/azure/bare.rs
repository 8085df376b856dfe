//! What the emulator carries when somebody sends one request after the other.

use std::time::Instant;

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

/// Requests per second, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bare {
    pub(crate) appends: f64,
    pub(crate) puts: f64,
}

/// Measures both, and prints them.
pub(crate) async fn measure(setting: &Setting<'_>) -> Bare {
    let port = sdk::connect(&setting.connection(), "bare", connection::Options::default());
    let port = port.expect("the emulator's connection is one");
    port.create_container().await.expect("a container");
    let bare = Bare { appends: appends(setting, &*port).await, puts: puts(setting, &*port).await };
    println!(
        "bare, one after the other: {} conditional appends/s, {} puts into a queue/s",
        thousands(bare.appends),
        thousands(bare.puts)
    );
    println!();
    bare
}

/// Appends of one block each, under a lease and at a position, as a commit is.
async fn appends(setting: &Setting<'_>, port: &dyn StoragePort) -> f64 {
    let lease = LeaseId("6a1f3a5e-51a4-4d6c-8a31-0e4f2f0c7d11".to_owned());
    let (begun, mut count) = (Instant::now(), 0_u64);
    while begun.elapsed() < setting.time() {
        let blob = format!("bare-{}", count / BLOCKS_PER_BLOB);
        let at = count % BLOCKS_PER_BLOB;
        if at == 0 {
            port.create_append_blob(&blob).await.expect("a blob");
            port.acquire_lease(&blob, &lease).await.expect("a lease");
        }
        let appended = port.append(&blob, vec![7; BLOCK], at * BLOCK as u64, &lease).await;
        appended.expect("an append");
        count += 1;
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

async fn puts(setting: &Setting<'_>, port: &dyn StoragePort) -> f64 {
    port.create_queue("bare").await.expect("a queue");
    let (text, begun, mut count) = ("7".repeat(MESSAGE), Instant::now(), 0_u64);
    while begun.elapsed() < setting.time() {
        port.send("bare", &text).await.expect("a put");
        count += 1;
    }
    count as f64 / begun.elapsed().as_secs_f64()
}
