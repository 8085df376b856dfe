//! Turns that are too large for a journal, as blobs of the hub.

use std::sync::Arc;

use async_trait::async_trait;
use reenact_core::ShardId;

use super::client::{Client, shard_name};
use super::port::{Metadata, Only, PortError};
use crate::large_turns::{Blobs, Index, LargeTurns};
use crate::{HistoryStore, ProviderError};

/// How their names begin.
const PREFIX: &str = "large";

/// The large turns of a hub.
pub(super) struct LargeTurnBlobs {
    blobs: Arc<ContainerBlobs>,
    index: Arc<Index>,
    takes_large: bool,
}

struct ContainerBlobs {
    client: Client,
}

impl LargeTurnBlobs {
    pub(super) fn new(client: Client, takes_large: bool) -> Self {
        let blobs = Arc::new(ContainerBlobs { client });
        Self { blobs, index: Arc::default(), takes_large }
    }

    /// The histories with the turns that are in blobs.
    pub(super) fn beside(&self, histories: Arc<dyn HistoryStore>) -> LargeTurns {
        let (blobs, index) = (Arc::clone(&self.blobs), Arc::clone(&self.index));
        LargeTurns::with_index(histories, blobs, index, self.takes_large)
    }
}

fn of_shard(shard: ShardId) -> String {
    format!("{PREFIX}/{}/", shard_name(shard))
}

#[async_trait]
impl Blobs for ContainerBlobs {
    async fn put(
        &self,
        shard: ShardId,
        name: &str,
        head: Vec<u8>,
        body: Arc<[u8]>,
    ) -> Result<(), ProviderError> {
        let (client, name) = (self.client.clone(), of_shard(shard) + name);
        let put = async move {
            let mut bytes = head;
            bytes.reserve_exact(body.len());
            bytes.extend_from_slice(&body);
            drop(body);
            let put = client.put(&name, bytes, &Metadata::new(), &Only::Always).await;
            put.map(drop).map_err(PortError::into_provider_error)
        };
        self.client.run(put).await
    }

    async fn get(
        &self,
        shard: ShardId,
        name: &str,
        limit: Option<usize>,
    ) -> Result<Option<Vec<u8>>, ProviderError> {
        let (client, name) = (self.client.clone(), of_shard(shard) + name);
        let get = async move {
            let got = client.get(&name, 0, limit.map(|limit| limit as u64)).await;
            Ok(got.map_err(PortError::into_provider_error)?.map(|got| got.bytes))
        };
        self.client.run_while_awaited(get).await
    }

    async fn delete(&self, shard: ShardId, names: Vec<String>) -> Result<(), ProviderError> {
        let client = self.client.clone();
        let delete = async move {
            for name in names {
                let deleted = client.delete(&(of_shard(shard) + &name), false).await;
                deleted.map_err(PortError::into_provider_error)?;
            }
            Ok(())
        };
        self.client.run(delete).await
    }

    async fn list(&self, shard: ShardId) -> Result<Vec<String>, ProviderError> {
        let client = self.client.clone();
        let list = async move {
            let prefix = of_shard(shard);
            let blobs = client.list(&prefix).await.map_err(PortError::into_provider_error)?;
            let names = blobs.into_iter();
            Ok(names
                .filter_map(|blob| blob.name.strip_prefix(&prefix).map(str::to_owned))
                .collect())
        };
        self.client.run_while_awaited(list).await
    }
}
