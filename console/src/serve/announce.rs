//! The file by which tools find a console: its address and a token, for the user of this process only.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ConsoleError;
use crate::token::Token;

/// The name of the file.
const FILE: &str = "console.json";

/// What is in the file `console.json` of a directory: how to reach the console of the host that has it open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// The address of the console, such as `http://127.0.0.1:7777`.
    pub address: String,
    /// Opens the console, as `Authorization: Bearer ..`.
    pub token: String,
    /// The process.
    pub pid: u32,
    /// The version of reenact.
    pub version: String,
}

impl Announced {
    /// Reads the file of a directory; `None` when there is none. A file that is there may be of a console that has
    /// crashed since: then nobody answers at its address, or one who does not know the token.
    ///
    /// # Errors
    /// When the file cannot be read, or is no such file.
    pub fn read(directory: impl AsRef<Path>) -> io::Result<Option<Self>> {
        match fs::read(directory.as_ref().join(FILE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, token: _, pid, version } = self;
        f.debug_struct("Announced")
            .field("address", address)
            .field("pid", pid)
            .field("version", version)
            .finish_non_exhaustive()
    }
}

/// The file of a console that runs. Dropping this removes it, unless another console has replaced it since.
pub(super) struct Announcement {
    directory: PathBuf,
    announced: Announced,
}

impl Announcement {
    /// Writes the file. It is whole or not there, and nobody else can read it at any time.
    pub(super) fn write(
        directory: &Path,
        address: SocketAddr,
        token: &Token,
    ) -> Result<Self, ConsoleError> {
        let announced = Announced {
            address: format!("http://{address}"),
            token: token.expose().to_string(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_string(),
        };
        let path = directory.join(FILE);
        // The port differs between consoles of one process.
        let draft = directory.join(format!(".{FILE}.{}.{}", announced.pid, address.port()));
        let written = write_draft(&draft, &announced).and_then(|()| fs::rename(&draft, &path));
        match written {
            Ok(()) => Ok(Self { directory: directory.to_path_buf(), announced }),
            Err(source) => {
                // It may not have come into being.
                let _ = fs::remove_file(&draft);
                Err(ConsoleError::Announcement { path, source })
            }
        }
    }
}

fn write_draft(draft: &Path, announced: &Announced) -> io::Result<()> {
    // Of a process of the same number that has crashed.
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    serde_json::to_writer(&mut file, announced)?;
    file.write_all(b"\n")
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let is_ours = Announced::read(&self.directory)
            .is_ok_and(|found| found.is_some_and(|found| found == self.announced));
        if is_ours {
            // It may have gone with its directory meanwhile.
            let _ = fs::remove_file(self.directory.join(FILE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_has_no_token() {
        let announced = Announced {
            address: "http://127.0.0.1:1".into(),
            token: "secret".into(),
            pid: 1,
            version: "1".into(),
        };
        assert!(!format!("{announced:?}").contains("secret"));
    }
}
