//! The emulator that all cases share, and connections to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reenact_providers::azure::connection::{Connection, InvalidConnection, Options};
use reenact_providers::azure::emulator::Emulator;
use reenact_providers::azure::port::StoragePort;
use tokio::sync::OnceCell;

/// How an adapter is connected.
pub(crate) type Connect =
    fn(&Connection, &str, Options) -> Result<Arc<dyn StoragePort>, InvalidConnection>;

#[cfg(feature = "azure")]
pub(crate) async fn azure() -> (Arc<dyn StoragePort>, String) {
    connected(reenact_providers::azure::sdk::connect).await
}

#[cfg(feature = "azure-legacy")]
pub(crate) async fn azure_legacy() -> (Arc<dyn StoragePort>, String) {
    connected(reenact_providers::azure::legacy::connect).await
}

/// A hub that no other case has, and its name.
async fn connected(connect: Connect) -> (Arc<dyn StoragePort>, String) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let connection = Connection::parse(&emulator().await.connection_string()).unwrap();
    let hub = format!("hub-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    (connect(&connection, &hub, Options::default()).unwrap(), hub)
}

pub(crate) async fn emulator() -> &'static Emulator {
    static EMULATOR: OnceCell<Emulator> = OnceCell::const_new();
    match EMULATOR.get_or_try_init(Emulator::start).await {
        Ok(emulator) => emulator,
        Err(error) => panic!("{error}"),
    }
}
