//! Why an emulator could not be installed, started or stopped.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no emulator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// A program that it needs is not there.
    #[error(
        "the emulator of Azure Storage needs {program}, which cannot be run: {source}; \
         install Node.js 20 or newer with npm"
    )]
    NoProgram {
        /// Which one.
        program: &'static str,
        /// Why it cannot be run.
        source: io::Error,
    },
    /// No port of this machine is free.
    #[error("the emulator of Azure Storage found no free port: {source}")]
    NoPort {
        /// Why.
        source: io::Error,
    },
    /// npm could not install it.
    #[error(
        "npm could not install the emulator of Azure Storage: {reason}; it needs the npm registry \
         once, and a few hundred megabytes of room"
    )]
    Install {
        /// The end of what npm says.
        reason: String,
    },
    /// A folder cannot be used.
    #[error("the emulator of Azure Storage cannot use {}: {source}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended instead of starting.
    #[error("the emulator of Azure Storage ended at its start: {reason}")]
    Ended {
        /// The end of what it says.
        reason: String,
    },
    /// It did not start or stop in time.
    #[error("the emulator of Azure Storage did not {what} within {limit:?}")]
    TooSlow {
        /// What it should do.
        what: &'static str,
        /// How long that may take.
        limit: Duration,
    },
}
