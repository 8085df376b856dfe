//! The binary, in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_reenact-sidecar");

/// A sidecar that serves.
pub(crate) struct Sidecar {
    process: Child,
    /// Kept, so that the process can write to it.
    _stdout: BufReader<ChildStdout>,
    address: String,
}

/// How it is started: in memory, or on a directory.
pub(crate) fn command(store: Option<&Path>) -> Command {
    let mut command = Command::new(BINARY);
    match store {
        Some(directory) => command.arg("--store").arg(directory),
        None => command.arg("--memory"),
    };
    command
}

impl Sidecar {
    /// Starts one on a free port, and returns when it is ready.
    pub(crate) fn start(store: Option<&Path>) -> Self {
        Self::start_at("0", store)
    }

    /// Starts one on a hub, on a free port, and returns when it is ready.
    pub(crate) fn on_hub(connection: &str, hub: &str) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["--azure", connection, "--hub", hub]);
        Self::start_by(command, "0")
    }

    fn start_at(port: &str, store: Option<&Path>) -> Self {
        Self::start_by(command(store), port)
    }

    fn start_by(mut command: Command, port: &str) -> Self {
        let process = command.args(["--port", port]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = process.spawn().expect("the sidecar starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the sidecar says when it is ready");
        let address = line.trim().strip_prefix("ready on ");
        let address = address.unwrap_or_else(|| panic!("this is no address: {line:?}")).to_owned();
        Self { process, _stdout: stdout, address }
    }

    /// Where it serves: host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Kills it, and starts one on the same port and the same directory.
    pub(crate) fn kill_and_start(&mut self, store: &Path) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
        let (_, port) = self.address.rsplit_once(':').expect("an address has a port");
        *self = Self::start_at(port, Some(store));
    }

    /// Asks it to end, which it does without an error.
    pub(crate) fn stop(mut self) {
        let id = self.process.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().expect("`kill` is there");
        assert!(asked.success(), "the sidecar has ended before it was asked to");
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "the sidecar was asked to end, and ended with {status}");
    }
}

impl Drop for Sidecar {
    /// A test that fails leaves no process.
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
