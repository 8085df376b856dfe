//! A hub in Azure Storage that several hosts share, each with a way to it of its own. The storage is in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use reenact::prelude::*;
use reenact::providers::SystemClock;
use reenact::providers::azure::port::StoragePort;
use reenact_testkit::azure::storage::FakeStorage;

use super::scene::SHARDS;
use crate::kit::guard;

pub(crate) struct Hub {
    port: Arc<FakeStorage>,
    takes_large: bool,
}

impl Hub {
    pub(crate) fn new(takes_large: bool) -> Self {
        Self { port: Arc::new(FakeStorage::new(Arc::new(SystemClock))), takes_large }
    }

    /// As a process opens it.
    pub(crate) async fn open(&self) -> Azure {
        let options = AzureOptions::new().shards(SHARDS).large_payloads(self.takes_large);
        guard(options.open(self.port.clone(), "hub")).await.unwrap()
    }

    /// A client without a host.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.open().await).unwrap()
    }

    /// The blobs with turns that are too large for a journal.
    pub(crate) async fn large_turns(&self) -> Vec<String> {
        let page = guard(self.port.list("large", None)).await.unwrap();
        page.blobs.into_iter().map(|blob| blob.name).collect()
    }
}

/// Returns when these hosts, and no others, have shards, and all shards are theirs.
pub(crate) async fn until_shared_by(client: &Client, hosts: &[&str]) {
    let wanted: BTreeSet<_> = hosts.iter().map(|name| Some((*name).to_owned())).collect();
    guard(async {
        loop {
            let shards = client.shards().await.unwrap();
            let owners: BTreeSet<_> = shards.into_iter().map(|shard| shard.owner).collect();
            if owners == wanted {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}
