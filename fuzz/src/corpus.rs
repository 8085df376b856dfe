//! Inputs that are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Target;

/// The kept inputs of a target, in the order of their names; none where it has no folder.
///
/// # Panics
/// Where the folder is there and cannot be read.
pub fn kept(target: &Target) -> Vec<Vec<u8>> {
    let folder = folder(target);
    if !folder.is_dir() {
        return Vec::new();
    }
    let files = fs::read_dir(&folder).and_then(|files| {
        files.map(|file| file.map(|file| file.path())).collect::<io::Result<Vec<_>>>()
    });
    let mut files = files.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.sort();
    let read = |file: PathBuf| {
        fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.into_iter().map(read).collect()
}

/// Keeps an input under a name; one that is there stays.
///
/// # Errors
/// The folder cannot be written.
pub fn keep(target: &Target, name: &str, input: &[u8]) -> io::Result<()> {
    let folder = folder(target);
    fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    if path.exists() { Ok(()) } else { fs::write(path, input) }
}

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}
