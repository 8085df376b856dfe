//! A directory of the tour.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::tour::failure::Held;

/// A directory, which goes when it is dropped, if the tour has made it.
pub(crate) struct Directory {
    path: PathBuf,
    is_ours: bool,
}

impl Directory {
    pub(super) fn scratch() -> Held<Self> {
        // A tour that was broken off may have left one, under the same process id.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let name = format!("reenact-tour-{}-{since}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self { path, is_ours: true })
    }

    pub(super) fn kept(path: &Path) -> Held<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned(), is_ours: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_ours {
            // What cannot be removed is left to what cleans the directory of temporary files.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
