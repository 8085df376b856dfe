//! A directory of the tour.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::tour::failure::Held;

/// A directory. It stays after the tour, so that people can look into what the tour has done.
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// A new one, among the temporary files of this machine.
    pub(super) fn temporary() -> Held<Self> {
        // An earlier tour may have left one, under the same process id.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let name = format!("reenact-tour-{}-{since}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn given(path: &Path) -> Held<Self> {
        std::fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The store of the steps that run in this process.
    pub(super) fn store(&self) -> PathBuf {
        self.0.join("tour")
    }
}
