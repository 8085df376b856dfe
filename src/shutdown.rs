//! `ShutdownHandle`: begins the shutdown of a host from anywhere.

use std::fmt;

use reenact_actors::Access;
#[cfg(doc)]
use reenact_actors::Error;

#[cfg(doc)]
use crate::Host;

/// Begins the shutdown of a host, from a place that does not own it: the future that makes a web
/// server end, for example. Cheap to clone. Get one with [`Host::shutdown_handle`].
///
/// A web server that ends gracefully waits for its handlers, and those may wait for
/// [results](crate::InstanceHandle::result) that come in an hour. So [`begin`](Self::begin) first: such
/// handlers get [`Error::ShuttingDown`] then, answer their callers (with status 503, say), and the server
/// ends. After that, [`Host::shutdown`] ends the host. With axum:
///
/// ```
/// # use reenact::prelude::*;
/// # mod axum {
/// #     pub struct Serve;
/// #     pub fn serve() -> Serve { Serve }
/// #     impl Serve {
/// #         pub async fn with_graceful_shutdown(
/// #             self,
/// #             signal: impl Future<Output = ()> + Send + 'static,
/// #         ) -> std::io::Result<()> {
/// #             signal.await;
/// #             Ok(())
/// #         }
/// #     }
/// # }
/// # async fn until_asked_to_end() {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let host = Host::builder().provider(InMemory::new()).start().await?;
///
/// let ending = host.shutdown_handle();
/// let signal = async move {
///     until_asked_to_end().await; // such as `tokio::signal::ctrl_c()`
///     ending.begin();
/// };
/// # /*
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:3000").await?;
/// let router = axum::Router::new().with_state(host.client().clone());
/// axum::serve(listener, router).with_graceful_shutdown(signal).await?;
/// # */
/// # axum::serve().with_graceful_shutdown(signal).await?;
/// host.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ShutdownHandle {
    access: Access,
}

impl ShutdownHandle {
    pub(crate) const fn new(access: Access) -> Self {
        Self { access }
    }

    /// Begins the shutdown, and returns at once. From now on nobody is let in: starts, events and other
    /// commands give [`Error::ShuttingDown`], and so does everything that waits for an instance, also
    /// what waits already. What is in memory goes on, activities included; what can be read can still
    /// be read. An activity that fails from now on is taken for one that the shutdown has broken off: it
    /// runs again when a host starts again. Doing it again, or after the end of the host, does nothing.
    ///
    /// This does not end the host: [`Host::shutdown`] does.
    pub fn begin(&self) {
        self.access.begin_shutdown();
    }
}

impl fmt::Debug for ShutdownHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownHandle").finish_non_exhaustive()
    }
}
