//! The emulator: it restarts with its data, and it ends with the process that started it.

use std::env;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

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

/// Set for the process that is killed.
const VICTIM: &str = "REENACT_EMULATOR_VICTIM";

/// What the process that is killed says before the port.
const PORT: &str = "port of the victim's emulator: ";

/// Longer than the emulator takes to end, in seconds.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_emulator_ends_with_the_process_that_has_started_it_even_when_that_is_killed() {
    if env::var_os(VICTIM).is_some() {
        return be_the_victim().await;
    }
    let this =
        "emulator::the_emulator_ends_with_the_process_that_has_started_it_even_when_that_is_killed";
    let mut victim = Command::new(env::current_exe().unwrap())
        .args([this, "--exact", "--nocapture"])
        .env(VICTIM, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(victim.stdout.take().unwrap());
    let port: u16 =
        said.lines().find_map(|line| line.unwrap().split_once(PORT)?.1.parse().ok()).unwrap();
    assert!(answers(port).await);
    victim.kill().unwrap();
    victim.wait().unwrap();
    let ended = async {
        while answers(port).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(ENDS_WITHIN, ended).await.unwrap();
}

/// Has an emulator until it is killed.
async fn be_the_victim() {
    let emulator = Emulator::start().await.unwrap_or_else(|error| panic!("{error}"));
    println!("{PORT}{}", emulator.blob_port());
    // Ends with its killer, should that fail to kill it.
    let _ = io::stdin().read(&mut [0]);
}

async fn answers(port: u16) -> bool {
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}

fn connect(emulator: &Emulator, adapter: &str) -> Arc<dyn StoragePort> {
    let connection = Connection::parse(&emulator.connection_string()).unwrap();
    let (_, connect) = ADAPTERS.iter().find(|(name, _)| *name == adapter).unwrap();
    connect(&connection, adapter, Options::default()).unwrap()
}
