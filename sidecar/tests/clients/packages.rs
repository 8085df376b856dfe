//! The packages of the SDKs, which are installed once for a target directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

/// What is installed of the registry of Python: the SDK, with what makes spans.
const PYTHON_PACKAGE: &str = "durabletask[opentelemetry]==1.12.0";
/// What is installed of the registry of JavaScript.
const JAVASCRIPT_PACKAGE: &str = "@microsoft/durabletask-js@0.4.0";

/// Python with the SDK, which runs in the folder of the tests in Python.
pub(crate) fn python() -> Command {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let folder = INSTALLED.get_or_init(|| {
        installed("python", PYTHON_PACKAGE, |folder| {
            run(Command::new("python3").args(["-m", "venv"]).arg(folder));
            let mut pip = Command::new(folder.join("bin/python"));
            run(pip.args(["-m", "pip", "install", "--quiet", PYTHON_PACKAGE]));
        })
    });
    let mut python = Command::new(folder.join("bin/python"));
    python.current_dir(tests().join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// Node.js with the SDK, which runs in the folder of the tests in JavaScript.
pub(crate) fn node() -> Command {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    let folder = INSTALLED.get_or_init(|| {
        installed("javascript", JAVASCRIPT_PACKAGE, |folder| {
            let mut npm = Command::new("npm");
            run(npm
                .args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(folder)
                .arg(JAVASCRIPT_PACKAGE));
        })
    });
    let mut node = Command::new("node");
    node.current_dir(tests().join("javascript")).env("NODE_PATH", folder.join("node_modules"));
    node
}

/// The folder of the tests of this crate.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A folder where a package is, which is installed if it is not: what was begun and not ended does not count.
fn installed(language: &str, package: &str, install: impl FnOnce(&Path)) -> PathBuf {
    let target =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target directory");
    let folder = target.join("clients").join(language);
    let mark = folder.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|what| what == package) {
        return folder;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("what is left of another installation can be removed");
    }
    fs::create_dir_all(&folder).expect("the folder can be made");
    install(&folder);
    fs::write(mark, package).expect("the folder can be written to");
    folder
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    assert!(status.success(), "{command:?}: {status}");
}
