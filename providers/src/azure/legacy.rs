//! The port on the unofficial crates of before, `azure_storage_blobs` and `azure_storage_queues`,
//! the last of which is 0.21.
//!
//! They keep no secret and send nothing themselves: their credentials are anonymous, and their
//! requests go through the same wire as those of the released crates. An identity of Entra ID they
//! know only with further crates, which this feature does not bring.

mod blobs;
mod queues;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core_legacy::{RetryOptions, TransportOptions, Url};
use azure_storage::{CloudLocation, StorageCredentials};
use azure_storage_blobs::prelude::{ClientBuilder, ContainerClient};
use azure_storage_queues::{QueueServiceClient, QueueServiceClientBuilder};
use reenact_core::Timestamp;

use super::connection::{Access, Connection, InvalidConnection, Options};
use super::names;
use super::port::{
    BlobPage, Etag, Got, LeaseId, Metadata, Only, PortError, PortErrorKind, QueueMessage,
    StoragePort,
};
use super::wire::{Failure, Wire};
use transport::Through;

/// One container and the queues beside it. Nothing is sent.
///
/// # Errors
/// The container's name is invalid, or the connection has an identity of Entra ID.
pub fn connect(
    connection: &Connection,
    container: &str,
    options: Options,
) -> Result<Arc<dyn StoragePort>, InvalidConnection> {
    let name = names::container(container)?.to_owned();
    let account = match &connection.access {
        Access::SharedKey { account, .. } => account.clone(),
        Access::Sas(_) => String::new(),
        Access::Entra(_) => {
            let reason = "feature `azure-legacy` has no Entra ID; use feature `azure` for it";
            return Err(InvalidConnection::Credential { reason });
        }
    };
    let loopback = connection.endpoints.are_loopback();
    let blobs_per_page = options.blobs_per_page;
    let wire = Wire::new(connection.access.clone(), options, loopback)
        .map_err(|_| InvalidConnection::Client)?;
    let transport = TransportOptions::new(Arc::new(Through::new(wire)));
    let blobs = ClientBuilder::with_location(
        location(&account, connection.endpoints.blob()),
        StorageCredentials::anonymous(),
    )
    .retry(RetryOptions::none())
    .transport(transport.clone())
    .container_client(&name);
    let queues = QueueServiceClientBuilder::with_location(
        location(&account, connection.endpoints.queue()),
        StorageCredentials::anonymous(),
    )
    .retry(RetryOptions::none())
    .transport(transport)
    .build();
    Ok(Arc::new(Storage { name, blobs, queues, blobs_per_page }))
}

fn location(account: &str, url: &Url) -> CloudLocation {
    CloudLocation::Custom { account: account.to_owned(), uri: url.to_string() }
}

struct Storage {
    name: String,
    blobs: ContainerClient,
    queues: QueueServiceClient,
    blobs_per_page: u32,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("container", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl StoragePort for Storage {
    async fn create_container(&self) -> Result<(), PortError> {
        with_context("create", "the container", blobs::create_container(self).await)
    }

    async fn list(&self, prefix: &str, marker: Option<&str>) -> Result<BlobPage, PortError> {
        with_context("list", prefix, blobs::list(self, prefix, marker).await)
    }

    async fn get(&self, blob: &str, from: u64, length: Option<u64>) -> Result<Got, PortError> {
        with_context("get", blob, blobs::get(self, blob, from, length).await)
    }

    async fn put(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        metadata: &Metadata,
        only: &Only,
    ) -> Result<Etag, PortError> {
        with_context("put", blob, blobs::put(self, blob, bytes, metadata, only).await)
    }

    async fn delete(&self, blob: &str) -> Result<(), PortError> {
        with_context("delete", blob, blobs::delete(self, blob).await)
    }

    async fn create_append_blob(&self, blob: &str) -> Result<(), PortError> {
        with_context("create", blob, blobs::create_append_blob(self, blob).await)
    }

    async fn append(
        &self,
        blob: &str,
        bytes: Vec<u8>,
        position: u64,
        lease: &LeaseId,
    ) -> Result<(), PortError> {
        with_context("append to", blob, blobs::append(self, blob, bytes, position, lease).await)
    }

    async fn acquire_lease(&self, blob: &str, id: &LeaseId) -> Result<(), PortError> {
        with_context("lease", blob, blobs::acquire_lease(self, blob, id).await)
    }

    async fn break_lease(&self, blob: &str) -> Result<(), PortError> {
        with_context("break the lease of", blob, blobs::break_lease(self, blob).await)
    }

    async fn create_queue(&self, queue: &str) -> Result<(), PortError> {
        with_context("create", queue, queues::create(self, queue).await)
    }

    async fn send(&self, queue: &str, text: &str) -> Result<(), PortError> {
        with_context("send to", queue, queues::send(self, queue, text).await)
    }

    async fn queue_length(&self, queue: &str) -> Result<u64, PortError> {
        with_context("count", queue, queues::length(self, queue).await)
    }

    async fn oldest_message(&self, queue: &str) -> Result<Option<Timestamp>, PortError> {
        with_context("look into", queue, queues::oldest(self, queue).await)
    }

    async fn receive(
        &self,
        queue: &str,
        limit: u32,
        visibility: Duration,
    ) -> Result<Vec<QueueMessage>, PortError> {
        with_context("receive from", queue, queues::receive(self, queue, limit, visibility).await)
    }

    async fn extend(
        &self,
        queue: &str,
        id: &str,
        receipt: &str,
        visibility: Duration,
    ) -> Result<String, PortError> {
        with_context("extend", queue, queues::extend(self, queue, id, receipt, visibility).await)
    }

    async fn remove(&self, queue: &str, id: &str, receipt: &str) -> Result<(), PortError> {
        with_context("remove", queue, queues::remove(self, queue, id, receipt).await)
    }
}

fn with_context<T>(
    operation: &'static str,
    target: &str,
    result: Result<T, PortErrorKind>,
) -> Result<T, PortError> {
    result.map_err(|kind| PortError { operation, target: target.to_owned(), kind })
}

/// What an error of the crates means. Its own words hold URLs and are not passed on.
fn meaning(error: &azure_core_legacy::Error) -> PortErrorKind {
    match Failure::within(error) {
        Some(Failure(kind)) => kind.clone(),
        None => unreadable("an answer that cannot be read"),
    }
}

/// It was sent and answered, and the answer does not say what it should.
fn unreadable(what: &str) -> PortErrorKind {
    PortErrorKind::Unknown { reason: format!("the service gave {what}") }
}
