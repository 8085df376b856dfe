//! Where the tour keeps its state.

#[cfg(feature = "local")]
mod directory;
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
mod hub;
mod site;

#[cfg(feature = "local")]
use std::path::PathBuf;

use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, HostBuilder};

use super::failure::Held;
use super::page::Page;
#[cfg(feature = "local")]
use directory::Directory;
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
pub(crate) use hub::Account;
#[cfg(any(feature = "azure", feature = "azure-legacy"))]
use hub::Hub;
pub(crate) use site::Site;

/// How often it is asked whether a shard has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the tour is to keep its state in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// In memory: it goes with the process.
    Memory,
    /// In a directory among the temporary files.
    #[cfg(feature = "local")]
    Temporary,
    /// In this directory.
    #[cfg(feature = "local")]
    Directory(PathBuf),
    /// In a hub that the tour makes in this account.
    #[cfg(any(feature = "azure", feature = "azure-legacy"))]
    Azure(Account),
}

/// A place for the state of the tour.
pub(crate) enum Place {
    Memory(InMemory),
    #[cfg(feature = "local")]
    Local(Local, Directory),
    #[cfg(any(feature = "azure", feature = "azure-legacy"))]
    Azure(Hub),
}

impl Default for Choice {
    fn default() -> Self {
        #[cfg(feature = "local")]
        return Self::Temporary;
        #[cfg(not(feature = "local"))]
        return Self::Memory;
    }
}

impl Place {
    pub(crate) async fn new(choice: &Choice) -> Held<Self> {
        match choice {
            Choice::Memory => Ok(Self::Memory(InMemory::new())),
            #[cfg(feature = "local")]
            Choice::Temporary => Self::in_directory(Directory::temporary()?),
            #[cfg(feature = "local")]
            Choice::Directory(path) => Self::in_directory(Directory::given(path)?),
            #[cfg(any(feature = "azure", feature = "azure-legacy"))]
            Choice::Azure(account) => Ok(Self::Azure(Hub::make(account).await?)),
        }
    }

    #[cfg(feature = "local")]
    fn in_directory(directory: Directory) -> Held<Self> {
        Ok(Self::Local(Local::open(directory.store())?, directory))
    }

    /// A host that is to be, on the tour's store.
    pub(crate) fn host(&self) -> HostBuilder {
        match self {
            Self::Memory(store) => Host::builder().provider(store.clone()),
            #[cfg(feature = "local")]
            Self::Local(store, _) => Host::builder().provider(store.clone()),
            #[cfg(any(feature = "azure", feature = "azure-legacy"))]
            Self::Azure(hub) => Host::builder().provider(hub.store().clone()),
        }
    }

    /// The number of its shards.
    pub(crate) fn shards(&self) -> u32 {
        match self {
            Self::Memory(store) => store.shards(),
            #[cfg(feature = "local")]
            Self::Local(store, _) => store.shards(),
            #[cfg(any(feature = "azure", feature = "azure-legacy"))]
            Self::Azure(hub) => hub.store().shards(),
        }
    }

    /// Says where it is.
    pub(crate) fn describe(&self, page: &mut Page) -> Held {
        match self {
            Self::Memory(_) => page.say("Its state is in memory."),
            #[cfg(feature = "local")]
            Self::Local(_, directory) => {
                let path = directory.path().display();
                page.say(format_args!("Its state is in the directory {path}."))
            }
            #[cfg(any(feature = "azure", feature = "azure-legacy"))]
            Self::Azure(hub) => hub.describe(page),
        }
    }

    /// Says how people can look into what the tour has done, once it has ended.
    pub(crate) fn say_how_to_look(&self, page: &mut Page) -> Held {
        match self {
            Self::Memory(_) => Ok(()),
            // It says so itself, where the hub stays.
            #[cfg(any(feature = "azure", feature = "azure-legacy"))]
            Self::Azure(_) => Ok(()),
            #[cfg(feature = "local")]
            Self::Local(_, directory) => {
                let store = directory.store();
                page.line("\nLook into what it has done, in the terminal or in a browser:")?;
                for command in ["list", "console"] {
                    page.line(format_args!(
                        "  cargo run --release -p reenact-cli -- {command} --store {}",
                        store.display()
                    ))?;
                }
                Ok(())
            }
        }
    }

    /// Where other processes can work; `None` when all is in memory.
    pub(crate) fn site(&self) -> Option<Site> {
        match self {
            Self::Memory(_) => None,
            #[cfg(feature = "local")]
            Self::Local(_, directory) => Some(Site::Directory(directory.path().join("killed"))),
            #[cfg(any(feature = "azure", feature = "azure-legacy"))]
            Self::Azure(hub) => Some(Site::Hub(hub.way())),
        }
    }
}

/// Makes room for an instance that an earlier tour has left in this place.
pub(crate) async fn make_room(host: &Host, id: &str) -> Held {
    let id = InstanceId::new(id)?;
    match host.terminate(&id, "another tour begins").await {
        Ok(()) | Err(Error::NotFound { .. } | Error::Finished { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    match host.purge(&id).await {
        Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits until a host has the shard of an instance: where several may share a store, it may come a
/// moment after the host has started.
pub(crate) async fn until_here(host: &Host, id: &InstanceId) {
    while let Err(Error::OnAnotherHost { .. }) = host.actor(id).await {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
