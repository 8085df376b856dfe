//! A store that several processes open, one after the other or at once.

use std::ffi::OsString;
use std::process::Command;

use reenact::HostBuilder;
#[cfg(feature = "local")]
use reenact::Local;

#[cfg(any(feature = "azure", feature = "azure-legacy"))]
use super::hub::Way;
use crate::tour::failure::Held;

/// How a worker learns of the account of its hub. Its arguments would show the secret to everybody on
/// the machine.
const CONNECTION: &str = "REENACT_TOUR_CONNECTION";

/// Where workers work. `None` when all is in memory.
pub(crate) enum Site {
    #[cfg(feature = "local")]
    Directory(std::path::PathBuf),
    #[cfg(any(feature = "azure", feature = "azure-legacy"))]
    Hub(Way),
}

impl Site {
    /// Where the process works, as [`give`](Self::give) has given it.
    pub(crate) fn given(name: OsString) -> Option<Self> {
        #[cfg(any(feature = "azure", feature = "azure-legacy"))]
        if let Ok(connection) = std::env::var(CONNECTION) {
            return Some(Self::Hub(Way { connection, hub: name.into_string().ok()? }));
        }
        #[cfg(feature = "local")]
        return Some(Self::Directory(name.into()));
        #[cfg(not(feature = "local"))]
        {
            drop(name);
            None
        }
    }

    /// Gives a process that is to be started the place where it works.
    pub(crate) fn give(&self, command: &mut Command) {
        command.env_remove(CONNECTION);
        match *self {
            #[cfg(feature = "local")]
            Self::Directory(ref path) => command.arg(path),
            #[cfg(any(feature = "azure", feature = "azure-legacy"))]
            Self::Hub(ref way) => command.env(CONNECTION, &way.connection).arg(&way.hub),
        };
    }

    /// A host that is to be.
    pub(crate) async fn host(&self) -> Held<HostBuilder> {
        match *self {
            #[cfg(feature = "local")]
            Self::Directory(ref path) => Ok(reenact::Host::builder().provider(Local::open(path)?)),
            #[cfg(any(feature = "azure", feature = "azure-legacy"))]
            Self::Hub(ref way) => Ok(reenact::Host::builder().provider(way.open().await?)),
        }
    }
}
