//! The files of this repository, by their paths from its root.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all files with one of these extensions, in order. What a build makes, what is hidden and
/// what is stored for tests does not count.
pub(crate) fn files(extensions: &[&str]) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("the folder can be read") {
            let entry = entry.expect("the folder can be read");
            let name = entry.file_name().into_string().expect("a name in Unicode");
            let path = folder.join(&name);
            if entry.file_type().expect("a type of file").is_dir() {
                let ours = !["target", "node_modules", "fixtures"].contains(&name.as_str());
                open.extend((ours && !name.starts_with('.')).then_some(path));
            } else if name.rsplit_once('.').is_some_and(|(_, end)| extensions.contains(&end)) {
                found.push(path.to_str().expect("a path in Unicode").replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// Fails with these complaints, one a line, if there are any.
#[track_caller]
pub(crate) fn expect_none(complaints: &[String], rule: &str) {
    assert!(complaints.is_empty(), "{rule}\n{}", complaints.join("\n"));
}
