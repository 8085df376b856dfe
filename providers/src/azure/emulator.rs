//! An emulator of Azure Storage as a child process, for tests: Azurite, with a folder of its own on
//! free ports of this machine.
//!
//! It is installed once with `npm` out of the lock file in this crate, into a folder that all
//! programs share. It ends with the process that has started it, however that ends.

mod error;
mod install;
mod ports;
mod process;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

pub use error::EmulatorError;
use ports::Ports;
use process::Process;

/// How long the emulator may take to start, in seconds. It takes 3 to 11.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// How long the emulator may take to write everything and end, in seconds.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

/// How often it is asked whether it is ready or has ended, in milliseconds.
const ASKED_EVERY: Duration = Duration::from_millis(25);

/// How often other ports are tried when somebody else takes one first.
const TRIES: usize = 3;

/// The account in every emulator.
const ACCOUNT: &str = "devstoreaccount1";

/// Its key, the same in every emulator and no secret.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A running emulator. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Emulator {
    script: PathBuf,
    ports: Ports,
    process: Process,
}

impl Emulator {
    /// Starts one with nothing in it, and waits until it answers. The first time on a machine this
    /// installs it, which takes up to a minute.
    ///
    /// # Errors
    /// Node.js or npm is missing, npm cannot reach its registry, or it does not start in time.
    pub async fn start() -> Result<Self, EmulatorError> {
        let script = tokio::task::spawn_blocking(install::script)
            .await
            .map_err(|_| EmulatorError::Install { reason: "it was interrupted".to_owned() })??;
        let mut tries = 1;
        loop {
            match Self::try_start(script.clone()).await {
                // Somebody else may have taken a port since it was found free.
                Err(EmulatorError::Ended { .. }) if tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn try_start(script: PathBuf) -> Result<Self, EmulatorError> {
        let ports = Ports::free().map_err(|source| EmulatorError::NoPort { source })?;
        let process = Process::start(&script, ports, None)?;
        let mut emulator = Self { script, ports, process };
        emulator.ready().await?;
        Ok(emulator)
    }

    /// Ends it so that everything is written, and starts it again on the same ports with what was
    /// in it. Requests fail meanwhile.
    ///
    /// # Errors
    /// It does not end or start in time.
    pub async fn restart(&mut self) -> Result<(), EmulatorError> {
        self.process.ask_to_stop();
        let limit = Instant::now() + STOPS_WITHIN;
        while self.process.is_running() {
            if Instant::now() > limit {
                return Err(EmulatorError::TooSlow { what: "stop", limit: STOPS_WITHIN });
            }
            sleep(ASKED_EVERY).await;
        }
        let folder = self.process.take_folder();
        self.process = Process::start(&self.script, self.ports, folder)?;
        self.ready().await
    }

    /// The connection string of the emulator.
    pub fn connection_string(&self) -> String {
        connection_string(self.ports.blob, self.ports.queue)
    }

    /// A connection string that leads through other ports, for example those of proxies.
    pub fn connection_string_through(&self, blob_port: u16, queue_port: u16) -> String {
        connection_string(blob_port, queue_port)
    }

    /// The port of the blobs.
    pub fn blob_port(&self) -> u16 {
        self.ports.blob
    }

    /// The port of the queues.
    pub fn queue_port(&self) -> u16 {
        self.ports.queue
    }

    async fn ready(&mut self) -> Result<(), EmulatorError> {
        let limit = Instant::now() + STARTS_WITHIN;
        // The table's port is the last to be opened.
        for port in [self.ports.blob, self.ports.queue, self.ports.table] {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                if !self.process.is_running() {
                    return Err(EmulatorError::Ended { reason: self.process.last_words() });
                }
                if Instant::now() > limit {
                    return Err(EmulatorError::TooSlow { what: "start", limit: STARTS_WITHIN });
                }
                sleep(ASKED_EVERY).await;
            }
        }
        Ok(())
    }
}

fn connection_string(blob: u16, queue: u16) -> String {
    format!(
        "AccountName={ACCOUNT};AccountKey={KEY};\
         BlobEndpoint=http://127.0.0.1:{blob}/{ACCOUNT};\
         QueueEndpoint=http://127.0.0.1:{queue}/{ACCOUNT}"
    )
}
