//! The emulator's process, and its end.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::EmulatorError;
use super::ports::Ports;

/// How much of what a program says is passed on, in characters.
const LAST_WORDS: usize = 400;

/// Runs the emulator's script and ends with the process that holds the other end of its input. A line means
/// that it shall write everything and end; the end of the input that nobody needs its folder again.
const WRAPPER: &str = r#"
const [script, folder] = process.argv.slice(1, 3);
process.argv = [process.execPath, script, ...process.argv.slice(3)];
process.stdin.on("data", () => {
    process.stdin.removeAllListeners();
    process.stdin.destroy();
    process.emit("SIGTERM");
});
process.stdin.on("end", () => {
    require("fs").rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    process.exit(0);
});
require(script);
"#;

/// A child process and its folder.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    folder: Option<PathBuf>,
}

impl Process {
    /// Starts it in a folder that it has left, or in a new one.
    pub(super) fn start(
        script: &Path,
        ports: Ports,
        folder: Option<PathBuf>,
    ) -> Result<Self, EmulatorError> {
        let folder = match folder {
            Some(folder) => folder,
            None => new_folder()?,
        };
        let refused = |source| EmulatorError::Folder { path: folder.clone(), source };
        let says = File::create(says_file(&folder)).map_err(refused)?;
        let says_too = says.try_clone().map_err(refused)?;
        let child = Command::new("node")
            .args(["-e", WRAPPER, "--"])
            .arg(script)
            .arg(&folder)
            .args(arguments(&folder, ports))
            .stdin(Stdio::piped())
            .stdout(says)
            .stderr(says_too)
            .spawn()
            .map_err(|source| EmulatorError::NoProgram { program: "node", source })?;
        Ok(Self { child, folder: Some(folder) })
    }

    /// It writes everything and ends. Its folder stays.
    pub(super) fn ask_to_stop(&mut self) {
        if let Some(mut input) = self.child.stdin.take() {
            // One that has ended already takes nothing, and that is what is wanted.
            let _ = input.write_all(b"stop\n");
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Gives away its folder, for the process that starts next.
    pub(super) fn take_folder(&mut self) -> Option<PathBuf> {
        self.folder.take()
    }

    /// The end of what it said.
    pub(super) fn last_words(&self) -> String {
        let said = self.folder.as_deref().map(says_file).and_then(|file| fs::read(file).ok());
        end_of(&said.unwrap_or_default())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended, or be about to; what matters is that it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = self.folder.take() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn arguments(folder: &Path, ports: Ports) -> Vec<String> {
    let mut arguments =
        vec!["--disableTelemetry".to_owned(), "--silent".to_owned(), "--location".to_owned()];
    arguments.push(folder.display().to_string());
    let hosts = [("blob", ports.blob), ("queue", ports.queue), ("table", ports.table)];
    for (service, port) in hosts {
        arguments.extend([format!("--{service}Host"), "127.0.0.1".to_owned()]);
        arguments.extend([format!("--{service}Port"), port.to_string()]);
    }
    arguments
}

fn says_file(folder: &Path) -> PathBuf {
    folder.join("says.txt")
}

/// A folder that nobody else has.
fn new_folder() -> Result<PathBuf, EmulatorError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let name = format!("reenact-emulator-{}-{now}-{number}", std::process::id());
    let path = env::temp_dir().join(name);
    match fs::create_dir(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(EmulatorError::Folder { path, source }),
    }
}

/// The end of what a program has said.
pub(super) fn end_of(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let said = said.trim();
    if said.is_empty() {
        return io::Error::from(io::ErrorKind::UnexpectedEof).to_string();
    }
    let skipped = said.chars().count().saturating_sub(LAST_WORDS);
    said.chars().skip(skipped).collect()
}
