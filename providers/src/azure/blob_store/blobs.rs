//! The container of a hub in Azure Storage, as a store of blobs.

use super::BlobStore;
use crate::ProviderError;
use crate::azure::client::Client;
use crate::azure::port::{Etag, Metadata, Only, PortError};

/// The blobs of a hub. For threads that may block.
#[derive(Debug)]
pub(in crate::azure) struct ContainerStore {
    client: Client,
}

impl ContainerStore {
    pub(in crate::azure) fn new(client: Client) -> Self {
        Self { client }
    }
}

impl BlobStore for ContainerStore {
    fn get(
        &self,
        name: &str,
        from: u64,
        length: Option<u64>,
    ) -> Result<Option<Vec<u8>>, ProviderError> {
        let got = self.client.block_on(self.client.get(name, from, length));
        Ok(got.map_err(PortError::into_provider_error)?.map(|got| got.bytes))
    }

    fn put(&self, name: &str, bytes: Vec<u8>, only: &Only) -> Result<Etag, ProviderError> {
        let put = self
            .client
            .block_on(async { self.client.put(name, bytes, &Metadata::new(), only).await });
        put.map_err(PortError::into_provider_error)
    }

    fn delete(&self, name: &str) -> Result<(), ProviderError> {
        let deleted = self.client.block_on(self.client.delete(name, false));
        deleted.map_err(PortError::into_provider_error)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, ProviderError> {
        let listed = self.client.block_on(self.client.list(prefix));
        let listed = listed.map_err(PortError::into_provider_error)?;
        Ok(listed.into_iter().map(|blob| blob.name).collect())
    }

    fn load(&self, name: &str) -> Result<Option<(Vec<u8>, Etag)>, ProviderError> {
        let got = self.client.block_on(self.client.get(name, 0, None));
        let got = got.map_err(PortError::into_provider_error)?;
        // Nothing that is loaded is empty: where nothing was read, there is nothing.
        Ok(got.and_then(|got| Some((got.bytes, got.etag?))))
    }
}
