//! The port on Microsoft's released crates, `azure_storage_blob` and `azure_storage_queue`.

mod blobs;
mod identity;
mod queues;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RetryOptions, Transport, Url};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use azure_storage_queue::{QueueServiceClient, QueueServiceClientOptions};
use reenact_core::Timestamp;

use super::connection::{Access, Connection, InvalidConnection, Options};
use super::names;
use super::port::{
    BlobPage, Etag, Got, LeaseId, Metadata, Only, PortError, PortErrorKind, QueueMessage,
    StoragePort,
};
use super::wire::{Answer, Failure, Wire};
use transport::Through;

/// The duration of a lease, and the life of a message, that do not end.
const NEVER_ENDING: i32 = -1;

/// One container and the queues beside it. Nothing is sent.
///
/// # Errors
/// The container's name is invalid, or the credential cannot be used.
pub fn connect(
    connection: &Connection,
    container: &str,
    options: Options,
) -> Result<Arc<dyn StoragePort>, InvalidConnection> {
    let name = names::container(container)?.to_owned();
    let token = match &connection.access {
        Access::Entra(credential) => Some(identity::token_credential(credential, &options)?),
        Access::SharedKey { .. } | Access::Sas(_) => None,
    };
    let loopback = connection.endpoints.are_loopback();
    let blobs_per_page = options.blobs_per_page;
    let wire = Wire::new(connection.access.clone(), options, loopback)
        .map_err(|_| InvalidConnection::Client)?;
    let client_options = ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(Through::new(wire)))),
        ..ClientOptions::default()
    };
    let blobs = container_client(connection, &name, token.clone(), client_options.clone())?;
    let queues = queue_client(connection, token, client_options)?;
    Ok(Arc::new(Storage { name, blobs, queues, blobs_per_page }))
}

fn container_client(
    connection: &Connection,
    name: &str,
    token: Option<Arc<dyn TokenCredential>>,
    client_options: ClientOptions,
) -> Result<BlobContainerClient, InvalidConnection> {
    let unusable = InvalidConnection::Malformed { part: "BlobEndpoint", reason: "it is a URL" };
    let mut url: Url = connection.endpoints.blob().clone();
    url.path_segments_mut().map_err(|()| unusable.clone())?.pop_if_empty().push(name);
    let options = BlobContainerClientOptions { client_options, ..Default::default() };
    BlobContainerClient::new(url, token, Some(options)).map_err(|_| unusable)
}

fn queue_client(
    connection: &Connection,
    token: Option<Arc<dyn TokenCredential>>,
    client_options: ClientOptions,
) -> Result<QueueServiceClient, InvalidConnection> {
    let mut url: Url = connection.endpoints.queue().clone();
    let unusable = InvalidConnection::Malformed { part: "QueueEndpoint", reason: "it is a URL" };
    url.path_segments_mut().map_err(|()| unusable.clone())?.pop_if_empty();
    let options = QueueServiceClientOptions { client_options, ..Default::default() };
    QueueServiceClient::new(url, token, Some(options)).map_err(|_| unusable)
}

struct Storage {
    name: String,
    blobs: BlobContainerClient,
    queues: QueueServiceClient,
    blobs_per_page: u32,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("container", &self.name)
            .field("blobs", &self.blobs.url().as_str())
            .field("queues", &self.queues.url().as_str())
            .finish_non_exhaustive()
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
fn meaning(error: &azure_core::Error) -> PortErrorKind {
    if let Some(Failure(kind)) = Failure::within(error) {
        return kind.clone();
    }
    match error.kind() {
        ErrorKind::HttpResponse { raw_response: Some(raw), .. } => {
            let answer: Answer = transport::answer_of(raw);
            answer.refusal().unwrap_or_else(|| unreadable("a success that it did not expect"))
        }
        ErrorKind::Credential => identity::meaning(error),
        _ => unreadable("an answer that cannot be read"),
    }
}

/// It was sent and answered, and the answer does not say what it should.
fn unreadable(what: &str) -> PortErrorKind {
    PortErrorKind::Unknown { reason: format!("the service gave {what}") }
}
