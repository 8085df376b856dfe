//! The journal and the directory of the tests of archives.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use reenact_providers::journal::JournalId;
pub(crate) use reenact_testkit::archive_conformance::parts::*;

pub(crate) const JOURNAL: JournalId = JournalId(*b"the test journal");

/// A directory that is removed in the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("reenact-archive-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
