//! A store that several processes open, one after the other or at once.

use std::ffi::OsString;
use std::process::Command;

use reenact::HostBuilder;
use reenact::Local;

use super::hub::Way;
use crate::tour::failure::Held;

/// How a worker learns of the account of its hub. Its arguments would show the secret to everybody on
/// the machine.
const CONNECTION: &str = "REENACT_TOUR_CONNECTION";

/// Where workers work. There is none where all is in memory.
pub(crate) enum Site {
    Directory(std::path::PathBuf),
    Hub(Way),
}

impl Site {
    /// What the process was told by [`tell`](Self::tell).
    pub(crate) fn told(name: OsString) -> Option<Self> {
        if let Ok(connection) = std::env::var(CONNECTION) {
            return Some(Self::Hub(Way { connection, hub: name.into_string().ok()? }));
        }
        Some(Self::Directory(name.into()))
    }

    /// Tells a process that is to be started where to work.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env_remove(CONNECTION);
        match *self {
            Self::Directory(ref path) => command.arg(path),
            Self::Hub(ref way) => command.env(CONNECTION, &way.connection).arg(&way.hub),
        };
    }

    /// A host that is to be.
    pub(crate) async fn host(&self) -> Held<HostBuilder> {
        match *self {
            Self::Directory(ref path) => Ok(reenact::Host::builder().provider(Local::open(path)?)),
            Self::Hub(ref way) => Ok(reenact::Host::builder().provider(way.open().await?)),
        }
    }
}
