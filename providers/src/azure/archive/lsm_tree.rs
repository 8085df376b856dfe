//! The archive of one shard: a log-structured merge tree of tables, and the manifest that names them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::manifest::Manifest;
use super::shard_paths::{ShardPaths, Trouble, corrupt};
use super::table::Table;
use super::view::View;
use crate::ProviderError;
use crate::azure::port::Only;
use crate::journal::JournalId;

/// How often a read begins anew because another process has merged what it read.
const MAX_RELOADS: u32 = 8;

/// How often a commit goes on after an earlier one of its own that has come late.
const MAX_ADOPTIONS: u32 = 4;

/// The archive of one shard.
#[derive(Debug)]
pub(super) struct LsmTree {
    pub(super) paths: Arc<ShardPaths>,
    /// The newest that was seen.
    view: Mutex<Option<Arc<View>>>,
    writing: Mutex<Writing>,
}

/// What the writer knows. Apart from what readers see: that others have written is to end its
/// writing, not to go unnoticed.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// What the next manifest takes the place of. `None` before the first.
    base: Option<Arc<View>>,
    /// Others have written since.
    pub(super) lost: bool,
    /// The number of the next table, at least.
    pub(super) next: u64,
    /// The blobs that were found and may be worthless; `None` when there may be more.
    pub(super) litter: Option<Vec<String>>,
    /// The nonces of manifests that may yet turn out to be written in place of the base.
    doubtful: Vec<u64>,
}

impl LsmTree {
    pub(super) fn new(paths: ShardPaths) -> Self {
        Self { paths: Arc::new(paths), view: Mutex::default(), writing: Mutex::default() }
    }

    /// A thread that panicked under a lock had changed nothing by halves.
    pub(super) fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Option<Arc<View>>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the manifest. What is written from now on goes on after it.
    pub(super) fn claim(&self) -> Result<Arc<View>, ProviderError> {
        let view = self.load()?;
        let mut writing = self.writing();
        let known = writing.base.as_ref().map(|base| base.manifest.version);
        if known.is_none_or(|known| known < view.manifest.version) {
            writing.adopt(Arc::clone(&view));
            writing.litter = None;
        } else {
            // Nobody has written since: the service said so for another reason.
            writing.lost = false;
        }
        Ok(view)
    }

    /// Reads the manifest, and shows it to readers.
    pub(super) fn load(&self) -> Result<Arc<View>, ProviderError> {
        let before = self.seen().clone();
        let name = self.paths.manifest();
        let (manifest, etag) = match self.paths.blob_store.load(&name)? {
            Some((bytes, etag)) => {
                let manifest = Manifest::decode(&bytes, self.paths.identity);
                (manifest.map_err(|reason| corrupt(&name, 0, reason))?, Some(etag))
            }
            None => (Manifest::empty(), None),
        };
        if let Some(before) = &before
            && before.manifest.version > manifest.version
        {
            let reason = format!(
                "it was written {} times, and before it was read last {} times: \
                 an earlier one has taken its place, or it is gone",
                manifest.version, before.manifest.version
            );
            return Err(corrupt(&name, 0, reason));
        }
        let known = before.iter().flat_map(|before| before.tables()).cloned();
        let view = Arc::new(View::new(&self.paths, manifest, etag, known));
        self.show(&view);
        Ok(view)
    }

    /// Shows it to readers, unless they have seen a newer one.
    fn show(&self, view: &Arc<View>) {
        let mut seen = self.seen();
        if seen.as_ref().is_none_or(|seen| seen.manifest.version <= view.manifest.version) {
            *seen = Some(Arc::clone(view));
        }
    }

    /// What readers see.
    fn view(&self) -> Result<Arc<View>, ProviderError> {
        let seen = self.seen().clone();
        seen.map_or_else(|| self.load(), Ok)
    }

    /// Reads all of it at one instant. When a run is gone, it was merged, and a newer manifest says
    /// where what was in it is now.
    pub(super) fn reading<T>(
        &self,
        read: impl Fn(&View) -> Result<T, Trouble>,
    ) -> Result<T, ProviderError> {
        let mut view = self.view()?;
        for _ in 0..MAX_RELOADS {
            let gone = match read(&view) {
                Ok(read) => return Ok(read),
                Err(Trouble::Failed(error)) => return Err(error),
                Err(Trouble::Gone(blob)) => blob,
            };
            let newer = self.load()?;
            if newer.manifest.version == view.manifest.version {
                return Err(missing(&gone));
            }
            view = newer;
        }
        let reason = "what is read is merged faster than it is read".to_owned();
        Err(ProviderError::Unavailable { reason, source: None })
    }

    /// What the next manifest takes the place of.
    pub(super) fn base(&self, writing: &mut Writing) -> Result<Arc<View>, ProviderError> {
        if writing.lost {
            return Err(self.fenced());
        }
        if let Some(base) = &writing.base {
            return Ok(Arc::clone(base));
        }
        let view = self.load()?;
        writing.adopt(Arc::clone(&view));
        Ok(view)
    }

    /// What trouble with reading the base means for the writer.
    pub(super) fn of_base(&self, writing: &mut Writing, trouble: Trouble) -> ProviderError {
        let gone = match trouble {
            Trouble::Failed(error) => return error,
            Trouble::Gone(blob) => blob,
        };
        let version = writing.base.as_ref().map(|base| base.manifest.version);
        match self.load() {
            Err(error) => error,
            Ok(view) if Some(view.manifest.version) == version => missing(&gone),
            Ok(_) => {
                writing.lost = true;
                self.fenced()
            }
        }
    }

    /// Writes the manifest that `next` makes of the one before it, unless it makes none: then there
    /// is nothing to do any more. Tables of new tables are `new`. Whether it was written.
    pub(super) fn commit(
        &self,
        writing: &mut Writing,
        new: &[Arc<Table>],
        next: impl Fn(&Manifest) -> Option<Manifest>,
    ) -> Result<bool, ProviderError> {
        for _ in 0..MAX_ADOPTIONS {
            let base = self.base(writing)?;
            let Some(mut manifest) = next(&base.manifest) else { return Ok(false) };
            manifest.version = base.manifest.version + 1;
            manifest.nonce = nonce();
            manifest.next = writing.next.max(manifest.next);
            let only = base.etag.clone().map_or(Only::IfNew, Only::IfMatch);
            let bytes = manifest.encode(self.paths.identity);
            let etag = match self.paths.blob_store.put(&self.paths.manifest(), bytes, &only) {
                Ok(etag) => etag,
                Err(ProviderError::Conflict { .. }) => {
                    if self.adopt_own(writing, manifest.nonce)? {
                        return Ok(true);
                    }
                    continue;
                }
                Err(ProviderError::Unknown { reason, source }) => {
                    writing.doubtful.push(manifest.nonce);
                    let stored = self.load()?;
                    if stored.manifest.nonce == base.manifest.nonce {
                        // It may yet be written. The next try will find out.
                        return Err(ProviderError::Unavailable { reason, source });
                    }
                    if self.adopt_own(writing, manifest.nonce)? {
                        return Ok(true);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let known = base.tables().chain(new).cloned();
            let view = Arc::new(View::new(&self.paths, manifest, Some(etag), known));
            self.show(&view);
            writing.adopt(view);
            return Ok(true);
        }
        let reason = "earlier writes of the manifest keep coming late".to_owned();
        Err(ProviderError::Unavailable { reason, source: None })
    }

    /// `Fenced` when somebody else has written the manifest.
    pub(super) fn check_owner(&self, writing: &mut Writing) -> Result<(), ProviderError> {
        let base = self.base(writing)?;
        if self.load()?.manifest.nonce != base.manifest.nonce {
            self.adopt_own(writing, base.manifest.nonce)?;
        }
        Ok(())
    }

    /// Goes on after the manifest that is there, if it is one of its own. Whether it is this one.
    fn adopt_own(&self, writing: &mut Writing, nonce: u64) -> Result<bool, ProviderError> {
        let stored = self.load()?;
        let found = stored.manifest.nonce;
        if found != nonce && !writing.doubtful.contains(&found) {
            writing.lost = true;
            return Err(self.fenced());
        }
        writing.adopt(stored);
        Ok(found == nonce)
    }

    fn fenced(&self) -> ProviderError {
        ProviderError::Fenced { shard: self.paths.identity.shard }
    }
}

impl Writing {
    /// Goes on after this.
    fn adopt(&mut self, view: Arc<View>) {
        self.next = self.next.max(view.manifest.next);
        self.base = Some(view);
        self.lost = false;
        // Whatever was to take the place of an earlier one cannot do so any more.
        self.doubtful.clear();
    }

    /// A number that no table has.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }
}

fn missing(blob: &str) -> ProviderError {
    corrupt(blob, 0, "it is missing, although the manifest names it")
}

/// A number that nobody has drawn before.
fn nonce() -> u64 {
    let JournalId(bytes) = JournalId::random();
    bytes.iter().fold(0, |number, byte| number.rotate_left(8) ^ u64::from(*byte))
}
