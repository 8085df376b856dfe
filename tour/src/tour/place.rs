//! Where the tour keeps its state.

mod directory;
mod hub;
mod site;

use std::path::PathBuf;

use reenact::prelude::*;
use reenact::{Error, HostBuilder, Provider};

use super::failure::Held;
use super::page::Page;
use directory::Directory;
pub(crate) use hub::Account;
use hub::Hub;
pub(crate) use site::Site;

/// How often it is asked whether a shard has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the tour is to keep its state in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// In memory: it goes with the process.
    Memory,
    /// In a directory that the tour makes and removes.
    #[default]
    Scratch,
    /// In this directory, which stays.
    Directory(PathBuf),
    /// In a hub that the tour makes in this account.
    Azure(Account),
}

/// A place for the state of the tour. What it has made on this machine it removes when it is dropped.
pub(crate) enum Place {
    Memory(InMemory),
    Local(Local, Directory),
    Azure(Hub),
}

impl Place {
    pub(crate) async fn new(choice: &Choice) -> Held<Self> {
        match choice {
            Choice::Memory => Ok(Self::Memory(InMemory::new())),
            Choice::Scratch => Self::in_directory(Directory::scratch()?),
            Choice::Directory(path) => Self::in_directory(Directory::kept(path)?),
            Choice::Azure(account) => Ok(Self::Azure(Hub::make(account).await?)),
        }
    }

    fn in_directory(directory: Directory) -> Held<Self> {
        Ok(Self::Local(Local::open(directory.path().join("tour"))?, directory))
    }

    /// A host that is to be, on the tour's store.
    pub(crate) fn host(&self) -> HostBuilder {
        match self {
            Self::Memory(store) => Host::builder().provider(store.clone()),
            Self::Local(store, _) => Host::builder().provider(store.clone()),
            Self::Azure(hub) => Host::builder().provider(hub.store().clone()),
        }
    }

    /// The number of its shards.
    pub(crate) fn shards(&self) -> u32 {
        match self {
            Self::Memory(store) => store.shards(),
            Self::Local(store, _) => store.shards(),
            Self::Azure(hub) => hub.store().shards(),
        }
    }

    /// Says where it is.
    pub(crate) fn describe(&self, page: &mut Page) -> Held {
        match self {
            Self::Memory(_) => page.say("Its state is in memory."),
            Self::Local(_, directory) => {
                let path = directory.path().display();
                page.say(format_args!("Its state is in the directory {path}."))
            }
            Self::Azure(hub) => hub.describe(page),
        }
    }

    /// Where other processes can work; `None` when all is in memory.
    pub(crate) fn site(&self) -> Option<Site> {
        match self {
            Self::Memory(_) => None,
            Self::Local(_, directory) => Some(Site::Directory(directory.path().join("killed"))),
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
    while let Err(Error::Elsewhere { .. }) = host.actor(id).await {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
