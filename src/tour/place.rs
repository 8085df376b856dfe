//! Where the tour keeps its state.

#[cfg(feature = "local")]
use std::path::{Path, PathBuf};
#[cfg(feature = "local")]
use std::time::{SystemTime, UNIX_EPOCH};

use reenact::prelude::*;
use reenact::{Error, HostBuilder, Provider};

use super::failure::Held;

/// What the tour is to keep its state in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// In memory: it goes with the process.
    Memory,
    /// In a directory that the tour makes and removes.
    #[cfg(feature = "local")]
    Scratch,
    /// In this directory, which stays.
    #[cfg(feature = "local")]
    Directory(PathBuf),
}

/// A place for the state of the tour. What it has made it removes when it is dropped.
pub(crate) struct Place {
    store: Store,
    #[cfg(feature = "local")]
    directory: Option<Directory>,
}

enum Store {
    Memory(InMemory),
    #[cfg(feature = "local")]
    Local(Local),
}

impl Default for Choice {
    fn default() -> Self {
        #[cfg(feature = "local")]
        return Self::Scratch;
        #[cfg(not(feature = "local"))]
        return Self::Memory;
    }
}

impl Place {
    #[cfg(feature = "local")]
    pub(crate) fn new(choice: &Choice) -> Held<Self> {
        let directory = match choice {
            Choice::Memory => None,
            Choice::Scratch => Some(Directory::scratch()?),
            Choice::Directory(path) => Some(Directory::kept(path)?),
        };
        let store = match &directory {
            None => Store::Memory(InMemory::new()),
            Some(directory) => Store::Local(Local::open(directory.path.join("tour"))?),
        };
        Ok(Self { store, directory })
    }

    #[cfg(not(feature = "local"))]
    pub(crate) fn new(_choice: &Choice) -> Held<Self> {
        Ok(Self { store: Store::Memory(InMemory::new()) })
    }

    /// A host that is to be, on the tour's store.
    pub(crate) fn host(&self) -> HostBuilder {
        match &self.store {
            Store::Memory(store) => Host::builder().provider(store.clone()),
            #[cfg(feature = "local")]
            Store::Local(store) => Host::builder().provider(store.clone()),
        }
    }

    /// The number of its shards.
    pub(crate) fn shards(&self) -> u32 {
        match &self.store {
            Store::Memory(store) => store.shards(),
            #[cfg(feature = "local")]
            Store::Local(store) => store.shards(),
        }
    }

    /// Where it is, for people.
    pub(crate) fn describe(&self) -> String {
        match &self.store {
            Store::Memory(_) => "in memory".to_owned(),
            #[cfg(feature = "local")]
            Store::Local(_) => {
                let path = self.directory.as_ref().map(|directory| directory.path.display());
                path.map_or_else(String::new, |path| format!("in the directory {path}"))
            }
        }
    }

    /// Where further stores can be made; `None` when all is in memory.
    #[cfg(feature = "local")]
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_ref().map(|directory| &*directory.path)
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

#[cfg(feature = "local")]
struct Directory {
    path: PathBuf,
    is_ours: bool,
}

#[cfg(feature = "local")]
impl Directory {
    fn scratch() -> Held<Self> {
        // A tour that was broken off may have left one behind, under the same process id.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let name = format!("reenact-tour-{}-{since}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self { path, is_ours: true })
    }

    fn kept(path: &Path) -> Held<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned(), is_ours: false })
    }
}

#[cfg(feature = "local")]
impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_ours {
            // What cannot be removed is for whoever cleans the directory of temporary files.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
