//! The service at an address.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reenact::Client;
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, ServerTlsConfig, server};

use crate::guard::Guard;
use crate::limits::{MAX_REQUESTS_PER_CONNECTION, SHUTDOWN_PATIENCE};
use crate::service::TaskHub;
use crate::sidecar::Sidecar;

/// How long a connection is silent before the other side is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How a sidecar serves. The default is for clients and workers on the same machine.
#[derive(Clone, Default)]
#[must_use = "options do nothing until a sidecar serves with them"]
pub struct ServeOptions {
    token: Option<String>,
    tls: Option<Identity>,
}

/// A sidecar that serves. Dropped, it ends at once; [`shutdown`](Self::shutdown) lets open requests end first.
#[must_use = "it ends when it is dropped"]
pub struct Server {
    address: SocketAddr,
    sidecar: Sidecar,
    ending: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Why a sidecar does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program has the address.
    #[error("the address {address} is in use; end the program that has it, or choose another port")]
    AddressInUse {
        /// The address.
        address: String,
    },
    /// The address cannot be served at.
    #[error("the sidecar cannot serve at {address}: {source}")]
    Address {
        /// The address.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// Other machines reach the address, and nothing keeps them out.
    #[error(
        "other machines reach {address}: give a token, or an address of this machine such as 127.0.0.1"
    )]
    Unguarded {
        /// The address.
        address: SocketAddr,
    },
    /// The certificate or its key is not valid.
    #[error("the certificate or its key cannot be used: {source}")]
    Tls {
        /// Why not.
        source: tonic::transport::Error,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
}

impl ServeOptions {
    /// Without a token, and without TLS.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those come in who give this text as the metadata `authorization`, alone or after `Bearer`. Needed where other
    /// machines reach the address.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Serves by TLS, with a chain of certificates and the key of the first, both in PEM.
    pub fn tls(mut self, certificates: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.tls = Some(Identity::from_pem(certificates, key));
        self
    }

    /// The same, from files.
    ///
    /// # Errors
    /// [`ServeError::File`].
    pub fn tls_files(self, certificates: &Path, key: &Path) -> Result<Self, ServeError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| {
                let path = path.display().to_string();
                ServeError::File { path, source }
            })
        };
        Ok(self.tls(read(certificates)?, read(key)?))
    }
}

impl Sidecar {
    /// Serves workers and clients at an address; with port 0 at a free one. The client is that of the host that the
    /// sidecar is [installed](Self::install) on.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(
        &self,
        client: &Client,
        address: impl ToSocketAddrs + fmt::Display,
        options: ServeOptions,
    ) -> Result<Server, ServeError> {
        let ServeOptions { token, tls } = options;
        let named = address.to_string();
        let failed = |source| ServeError::Address { address: named.clone(), source };
        for address in lookup_host(&address).await.map_err(failed)? {
            if !address.ip().is_loopback() && token.is_none() {
                return Err(ServeError::Unguarded { address });
            }
        }
        let listener = TcpListener::bind(&address).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::AddressInUse { address: named.clone() },
            _ => failed(source),
        })?;
        let address = listener.local_addr().map_err(failed)?;
        let mut server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .max_concurrent_streams(MAX_REQUESTS_PER_CONNECTION);
        if let Some(identity) = tls {
            let tls = ServerTlsConfig::new().identity(identity);
            server = server.tls_config(tls).map_err(|source| ServeError::Tls { source })?;
        }
        self.shared().set_client(client.clone());
        let hub = TaskHub::new(self.shared().clone(), client.clone(), Guard::new(token));
        let (ending, ended) = oneshot::channel();
        let serving = tokio::spawn(run(server, hub, listener, ended));
        Ok(Server { address, sidecar: self.clone(), ending: Some(ending), serving })
    }

    /// The service alone, for tests that have no socket: what it is asked comes as requests of gRPC. The host stays in
    /// memory until [`end_service`](Self::end_service).
    #[doc(hidden)]
    pub fn service(
        &self,
        client: &Client,
    ) -> impl Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
    + Clone
    + use<> {
        self.shared().set_client(client.clone());
        TaskHub::new(self.shared().clone(), client.clone(), Guard::new(None))
    }

    #[doc(hidden)]
    pub fn end_service(&self) {
        self.shared().end();
        self.shared().clear_client();
    }
}

async fn run(
    server: server::Server,
    hub: TaskHub,
    listener: TcpListener,
    ended: oneshot::Receiver<()>,
) -> Result<(), tonic::transport::Error> {
    let ended = async move { drop(ended.await) };
    // An answer that waits to be sent together with the next would wait for milliseconds.
    let connections = TcpIncoming::from(listener).with_nodelay(Some(true));
    server.serve_with_incoming_shutdown(hub, connections, ended).await
}

impl Server {
    /// The address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends: streams of work are closed, and open requests have some seconds. What workers have not answered comes again
    /// when a sidecar serves the store next.
    pub async fn shutdown(mut self) {
        self.sidecar.shared().end();
        drop(self.ending.take());
        // What does not end by itself is cut off.
        let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, &mut self.serving).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.sidecar.shared().clear_client();
        self.serving.abort();
    }
}

impl fmt::Debug for ServeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeOptions")
            .field("has_token", &self.token.is_some())
            .field("has_tls", &self.tls.is_some())
            .finish()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
