//! The emulator itself.

use std::sync::Arc;

use reenact_providers::azure::connection::{Connection, Options};
use reenact_providers::azure::emulator::Emulator;
use reenact_providers::azure::port::StoragePort;

use crate::stage::{ADAPTERS, lease};

#[tokio::test]
async fn what_is_stored_is_there_after_a_restart_on_the_same_ports() {
    let mut emulator = Emulator::start().await.unwrap_or_else(|error| panic!("{error}"));
    let ports: Vec<_> = ADAPTERS.iter().map(|(name, _)| connect(&emulator, name)).collect();
    for (port, (name, _)) in ports.iter().zip(ADAPTERS) {
        port.create_container().await.unwrap();
        port.create_append_blob("log").await.unwrap();
        port.acquire_lease("log", &lease(1)).await.unwrap();
        port.append("log", name.as_bytes().to_vec(), 0, &lease(1)).await.unwrap();
    }
    let before = emulator.connection_string();
    emulator.restart().await.unwrap();
    assert_eq!(emulator.connection_string(), before);
    for (port, (name, _)) in ports.iter().zip(ADAPTERS) {
        assert_eq!(port.get("log", 0, None).await.unwrap().bytes, name.as_bytes());
        // The lease is kept as well.
        let length = name.len() as u64;
        port.append("log", b"!".to_vec(), length, &lease(1)).await.unwrap();
    }
}

fn connect(emulator: &Emulator, adapter: &str) -> Arc<dyn StoragePort> {
    let connection = Connection::parse(&emulator.connection_string()).unwrap();
    let (_, connect) = ADAPTERS.iter().find(|(name, _)| *name == adapter).unwrap();
    connect(&connection, adapter, Options::default()).unwrap()
}
