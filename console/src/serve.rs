//! `Console`: the console at an address of its own.

mod announce;

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use reenact_actors::Access;
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::announce::Announced;
use self::announce::Announcement;
use crate::limits::SHUTDOWN_PATIENCE;
use crate::options::{ConsoleOptions, Guard};
use crate::shared::Shared;
use crate::token::{InvalidToken, Token};

/// A console that serves at an address of its own. Dropping it ends it at once; [`shutdown`](Self::shutdown) lets
/// open requests end first.
#[must_use = "a console ends when it is dropped"]
pub struct Console {
    address: SocketAddr,
    ending: watch::Sender<bool>,
    serving: JoinHandle<io::Result<()>>,
    /// Removed when the console ends.
    announcement: Option<Announcement>,
}

/// An address that a console has, and does not serve at yet. See [`Console::listen`].
#[must_use = "it serves nothing until `serve` is called"]
pub struct ConsoleListener {
    listener: TcpListener,
    address: SocketAddr,
    options: ConsoleOptions,
}

/// Why a console does not serve. Nothing of it runs then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsoleError {
    /// Another program has the address.
    #[error("the address {address} is in use; end the program that has it, or choose another port")]
    AddressInUse {
        /// The address.
        address: String,
    },
    /// The address cannot be served at.
    #[error("the console cannot serve at {address}: {source}")]
    Address {
        /// The address.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// Other machines reach the address, and nothing keeps them out.
    #[error(
        "other machines reach {address}: give the console a token (`ConsoleOptions::token`), or say that a login \
         stands in front of it (`ConsoleOptions::guarded_by_layer`), or serve at 127.0.0.1"
    )]
    NotGuarded {
        /// The address.
        address: SocketAddr,
    },
    /// The file for tools cannot be written.
    #[error("`{}` cannot be written: {source}", path.display())]
    Announcement {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No token could be drawn.
    #[error(transparent)]
    Token(#[from] InvalidToken),
}

impl Console {
    /// Serves the API and the pages at an address, such as `127.0.0.1:7777`; with the port 0 the system chooses a
    /// free one. Must be called within a tokio runtime with time and I/O enabled, and serves on that.
    ///
    /// Over a store in a directory it writes the file `console.json` there, with its address and a token, that only
    /// the user of this process can read. Tools find the console by it. It is removed at the end.
    ///
    /// # Errors
    /// [`ConsoleError::AddressInUse`], [`ConsoleError::Address`]; [`ConsoleError::NotGuarded`] when other machines
    /// reach the address and the options keep nobody out; [`ConsoleError::Announcement`], [`ConsoleError::Token`].
    pub async fn serve(
        access: impl Into<Access>,
        address: impl ToSocketAddrs + fmt::Display,
        options: ConsoleOptions,
    ) -> Result<Self, ConsoleError> {
        Self::listen(address, options).await?.serve(access)
    }

    /// Takes an address, without serving yet: for a program that wants to know that it has the address before it
    /// begins with something else. Connections that come wait.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub async fn listen(
        address: impl ToSocketAddrs + fmt::Display,
        options: ConsoleOptions,
    ) -> Result<ConsoleListener, ConsoleError> {
        let wanted = address.to_string();
        let at = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ConsoleError::AddressInUse { address: wanted.clone() },
            _ => ConsoleError::Address { address: wanted.clone(), source },
        };
        let addresses: Vec<SocketAddr> = lookup_host(address).await.map_err(&at)?.collect();
        let is_open = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
        if matches!(options.guard, Guard::Loopback)
            && let Some(&address) = addresses.iter().find(is_open)
        {
            return Err(ConsoleError::NotGuarded { address });
        }
        let listener = TcpListener::bind(&*addresses).await.map_err(&at)?;
        let address = listener.local_addr().map_err(&at)?;
        Ok(ConsoleListener { listener, address, options })
    }

    /// The address at which it serves.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends it gracefully: takes no more connections, ends open streams, and gives other open requests
    /// [`SHUTDOWN_PATIENCE`] to end. Cancelled, it ends at once.
    pub async fn shutdown(mut self) {
        self.announcement = None;
        self.ending.send_replace(true);
        // Those that take longer are cut off when this is dropped.
        let _ = tokio::time::timeout(SHUTDOWN_PATIENCE, &mut self.serving).await;
    }
}

impl ConsoleListener {
    /// The address.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Begins to serve. Must be called within a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    /// [`ConsoleError::Announcement`], [`ConsoleError::Token`].
    pub fn serve(self, access: impl Into<Access>) -> Result<Console, ConsoleError> {
        let Self { listener, address, mut options } = self;
        let access = access.into();
        let directory = options.announce_in.clone();
        let directory = directory.or_else(|| access.directory().map(Path::to_path_buf));
        let announcement = match directory {
            Some(directory) => {
                let token = match &options.guard {
                    Guard::Token(token) => token.clone(),
                    Guard::Loopback | Guard::Layer => Token::draw()?,
                };
                options.tool_token = Some(token.clone());
                Some(Announcement::write(&directory, address, &token)?)
            }
            None => None,
        };
        let (ending, ended) = watch::channel(false);
        let shared = Shared::new(access, options, Some(ended.clone()));
        let service = crate::router_of(&shared).into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(
            axum::serve(listener, service).with_graceful_shutdown(until_ended(ended)).into_future(),
        );
        tracing::info!(target: "reenact::console", %address, "the console serves");
        Ok(Console { address, ending, serving, announcement })
    }
}

impl fmt::Debug for ConsoleListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleListener").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn until_ended(mut ended: watch::Receiver<bool>) {
    // An error says that the console was dropped.
    let _ = ended.wait_for(|ended| *ended).await;
}

impl Drop for Console {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("address", &self.address).finish_non_exhaustive()
    }
}
