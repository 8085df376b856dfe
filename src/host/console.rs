//! A host that serves its console.

use std::fmt::Display;
use std::net::SocketAddr;

use reenact_actors::{Access, Error, Result};
use reenact_console::{Console, ConsoleError, ConsoleListener, ConsoleOptions};

use super::{Host, HostBuilder};

/// Where the console is to be, and what it may do.
pub(super) struct WantedConsole {
    address: String,
    options: ConsoleOptions,
}

/// Takes the address, before the host starts.
pub(super) async fn listen(wanted: Option<WantedConsole>) -> Result<Option<ConsoleListener>> {
    let Some(WantedConsole { address, options }) = wanted else { return Ok(None) };
    Console::listen(address.as_str(), options).await.map(Some).map_err(not_started)
}

/// Serves the console of a host.
pub(super) fn serve(listener: ConsoleListener, access: Access) -> Result<Console> {
    listener.serve(access).map_err(not_started)
}

fn not_started(error: ConsoleError) -> Error {
    Error::Startup { reason: error.to_string(), source: None }
}

impl HostBuilder {
    /// Serves the console at an address, such as `127.0.0.1:7777`, for as long as the host runs. On a store in a
    /// directory, tools find it there: see [`Console::serve`](reenact_console::Console::serve). A host that cannot
    /// have the address does not start: [`Error::Startup`](crate::Error::Startup).
    ///
    /// ```
    /// use reenact::console::ConsoleOptions;
    /// use reenact::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> reenact::Result<()> {
    /// let host = Host::builder()
    ///     .provider(InMemory::new())
    ///     .console("127.0.0.1:0", ConsoleOptions::new())
    ///     .start()
    ///     .await?;
    /// println!("the console is on http://{}", host.console_addr().expect("it serves"));
    /// # host.shutdown().await
    /// # }
    /// ```
    pub fn console(mut self, address: impl Display, options: ConsoleOptions) -> Self {
        self.console = Some(WantedConsole { address: address.to_string(), options });
        self
    }
}

impl Host {
    /// The address of the console, if the host [has one](HostBuilder::console).
    pub fn console_addr(&self) -> Option<SocketAddr> {
        self.console.as_ref().map(Console::local_addr)
    }

    /// Ends the console, before the host ends: callers that wait are answered, and streams end.
    pub(super) async fn end_console(&mut self) {
        if let Some(console) = self.console.take() {
            self.begin_shutdown();
            console.shutdown().await;
        }
    }
}
