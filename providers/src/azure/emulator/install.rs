//! Installing the emulator, once on a machine.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::EmulatorError;
use super::process::end_of;

const PACKAGE: &str = include_str!("../../../emulator/package.json");
const LOCK: &str = include_str!("../../../emulator/package-lock.json");

/// The version that the two files name.
const VERSION: &str = "3.37.0";

/// The script to run, inside the folder it is installed in.
const SCRIPT: &str = "node_modules/azurite/dist/src/azurite.js";

/// Installs it unless that was done, and says which script to run. Blocks, also while another
/// process installs it.
pub(super) fn script() -> Result<PathBuf, EmulatorError> {
    let done = env::temp_dir().join(folder_name());
    let script = done.join(SCRIPT);
    if script.is_file() {
        return Ok(script);
    }
    let lock = done.with_extension("lock");
    let lock_file = File::create(&lock).map_err(|source| folder(&lock, source))?;
    lock_file.lock().map_err(|source| folder(&lock, source))?;
    // The process that had the lock before may have done it.
    if !script.is_file() {
        let partly = done.with_extension("part");
        install_into(&partly)?;
        // The folder has its name only when everything is in it.
        fs::rename(&partly, &done).map_err(|source| folder(&done, source))?;
    }
    Ok(script)
}

/// Another lock file means another folder.
fn folder_name() -> String {
    let hash = crc32c::crc32c(LOCK.as_bytes());
    format!("reenact-azurite-{VERSION}-{hash:08x}").replace('.', "_")
}

fn install_into(path: &Path) -> Result<(), EmulatorError> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(folder(path, source));
        }
        _ => {}
    }
    fs::create_dir_all(path).map_err(|source| folder(path, source))?;
    for (name, text) in [("package.json", PACKAGE), ("package-lock.json", LOCK)] {
        fs::write(path.join(name), text).map_err(|source| folder(path, source))?;
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(path)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| EmulatorError::NoProgram { program: "npm", source })?;
    if !output.status.success() {
        return Err(EmulatorError::Install { reason: end_of(&output.stderr) });
    }
    Ok(())
}

fn folder(path: &Path, source: io::Error) -> EmulatorError {
    EmulatorError::Folder { path: path.to_owned(), source }
}
