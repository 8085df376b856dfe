//! Opens a store to read it, and changes nothing in its directory.

use std::path::Path;
use std::sync::Arc;

use super::large_turns::LargeTurnFiles;
use super::{ARCHIVE, Found, Local, LocalOptions, Site, SqliteArchive, look_again, refused};
use crate::identity::StoreIdentity;
use crate::journaled::Journaled;
use crate::medium::StoreLock;
use crate::{OpenError, Place};

impl LocalOptions {
    /// Opens a store to read it: all that was written, also what a process has left that has died. Not one byte
    /// of the directory is changed, and nothing is made in it. Of these options only the clock counts.
    ///
    /// As long as it is open, others can read it too, and nobody can write to it: [`open`](Self::open) is
    /// refused, and so is the start of a host. Each change of the store is refused with
    /// [`ReadOnly`](crate::ProviderError::ReadOnly).
    ///
    /// What a machine that has lost its power had not finished to write may be among what is read, and may be
    /// gone after the next loss of power: show it, and do not act on it.
    ///
    /// # Errors
    /// - [`InUse`](OpenError::InUse): a process has it open to write, and is named. Stop that one, or ask it.
    /// - [`NoStore`](OpenError::NoStore): there is nothing, or something else.
    /// - [`NewerFormat`](OpenError::NewerFormat): it needs a newer reenact.
    /// - [`OlderFormat`](OpenError::OlderFormat): it must be opened for writing once.
    /// - [`Damaged`](OpenError::Damaged), [`Missing`](OpenError::Missing), [`Foreign`](OpenError::Foreign),
    ///   [`Refused`](OpenError::Refused).
    pub fn open_read_only(&self, path: impl AsRef<Path>) -> Result<Local, OpenError> {
        let path = path.as_ref();
        let path = std::path::absolute(path).map_err(|error| refused(path, error))?;
        let site = Site { path };
        self.read_at(&site).map_err(|error| site.not_opened(error))
    }

    fn read_at(&self, site: &Site) -> Result<Local, OpenError> {
        // Once before the lock, which another directory does not have.
        site.identity()?;
        let lock = Arc::new(StoreLock::share(&site.path)?);
        let identity = site.identity()?;
        look_again(|| self.read_parts(site, identity, &lock))
    }

    fn read_parts(
        &self,
        site: &Site,
        identity: StoreIdentity,
        lock: &Arc<StoreLock>,
    ) -> Result<Local, OpenError> {
        let media = site.media(identity, lock)?;
        let archive = SqliteArchive::open_read_only(&site.path.join(ARCHIVE), identity.journal)?;
        let clock = Arc::clone(&self.clock);
        let place = Place(site.path.display().to_string());
        let histories =
            Journaled::open_read_only(identity.journal, media, archive, Arc::clone(&clock), place)?;
        let large_turns = LargeTurnFiles::within(&site.path, identity, None, false);
        Ok(Local { histories, large_turns, clock, path: site.path.clone() })
    }
}

impl Site {
    /// What the store that is there says of itself.
    fn identity(&self) -> Result<StoreIdentity, OpenError> {
        let place = || self.path.display().to_string();
        match look_again(|| self.look()) {
            Ok(Found::Store(identity)) => Ok(identity),
            Ok(Found::Nothing) => {
                Err(OpenError::NoStore { place: place(), reason: "there is none".to_owned() })
            }
            Err(OpenError::NotAStore { place, reason }) => {
                Err(OpenError::NoStore { place, reason })
            }
            Err(error) => Err(error),
        }
    }
}
