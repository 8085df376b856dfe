//! The processes, and who has the shards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use reenact::Connection;
use reenact::providers::azure::connection::Options;
use reenact::providers::azure::port::StoragePort;
use reenact::providers::azure::sdk;

use super::worker::{self, Order};

/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(180);

/// How often it is looked who has the shards.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Hosts, by name. All are killed when this is dropped.
pub(crate) struct Hosts {
    connection: String,
    directory: PathBuf,
    port: Arc<dyn StoragePort>,
    running: BTreeMap<String, Child>,
}

impl Hosts {
    /// Makes the hub. The hosts have a way to it of their own.
    pub(crate) async fn new(direct: &str, connection: &str, directory: &Path) -> Self {
        drop(worker::open(direct).await);
        let parsed = Connection::parse(direct).unwrap();
        let port = sdk::connect(&parsed, worker::HUB, Options::default()).unwrap();
        let (connection, directory) = (connection.to_owned(), directory.to_owned());
        Self { connection, directory, port, running: BTreeMap::new() }
    }

    pub(crate) fn start(&mut self, name: &str) {
        let program = std::env::current_exe().expect("this program is somewhere");
        let test = "kills::hosts_that_are_killed_and_frozen_lose_nothing_and_do_nothing_twice";
        let mut command = Command::new(program);
        command.args(["--nocapture", "--exact", test]).stdin(Stdio::piped()).stdout(Stdio::null());
        Order::give(&mut command, &self.connection, name, &self.directory);
        let child = command.spawn().expect("a host can be started");
        assert!(self.running.insert(name.to_owned(), child).is_none(), "{name} is there already");
    }

    pub(crate) fn kill(&mut self, name: &str) {
        let mut child = self.running.remove(name).expect("it runs");
        child.kill().expect("it can be killed");
        let status = child.wait().expect("it has ended");
        let by = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(by, Some(9), "{name} ends by a kill and by nothing else: {status}");
    }

    pub(crate) fn freeze(&self, name: &str) {
        self.signal(name, "-STOP");
    }

    pub(crate) fn thaw(&self, name: &str) {
        self.signal(name, "-CONT");
    }

    fn signal(&self, name: &str, signal: &str) {
        let id = self.running[name].id().to_string();
        let status = Command::new("kill").args([signal, &id]).status();
        assert!(status.expect("there is a `kill`").success(), "{name} can receive {signal}");
    }

    pub(crate) async fn until_it_has_shards(&self, name: &str) {
        self.until(name, |shards| shards > 0).await;
    }

    pub(crate) async fn until_it_has_no_shards(&self, name: &str) {
        self.until(name, |shards| shards == 0).await;
    }

    /// It takes as long as a lease does: there is nothing but to look again and again.
    async fn until(&self, name: &str, holds: impl Fn(usize) -> bool) {
        let looking = async {
            loop {
                // The store may be away.
                if let Ok(page) = self.port.list("live/shard-", None).await {
                    let labels = page.blobs.iter().filter_map(|blob| blob.metadata.get("label"));
                    if holds(labels.filter(|label| *label == name).count()) {
                        return;
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let looked = tokio::time::timeout(HANGS, looking).await;
        assert!(looked.is_ok(), "the shards of {name} do not move");
    }

    /// Those that are left end by themselves, and well.
    pub(crate) fn end(mut self) {
        for (name, child) in &mut self.running {
            drop(child.stdin.take());
            let status = child.wait().expect("it ends");
            assert!(status.success(), "{name}: {status}");
        }
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
