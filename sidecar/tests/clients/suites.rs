//! The suites in Python and JavaScript, each against a sidecar of its own.

use std::process::Command;

use crate::packages;
use crate::sidecar::Sidecar;

#[test]
fn the_messages_are_those_of_the_sdk() {
    let sources = packages::tests().with_file_name("src");
    passes(packages::python().arg("check_messages.py").arg(sources));
}

#[test]
fn the_sdk_for_python_works_in_memory() {
    let sidecar = Sidecar::start(None);
    passes(&mut in_python(&sidecar));
    sidecar.stop();
}

#[test]
fn the_sdk_for_python_works_on_a_directory() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let sidecar = Sidecar::start(Some(directory.path()));
    passes(&mut in_python(&sidecar));
    sidecar.stop();
}

#[test]
fn the_sdk_for_javascript_works_in_memory() {
    let sidecar = Sidecar::start(None);
    passes(&mut in_javascript(&sidecar));
    sidecar.stop();
}

#[test]
fn the_sdk_for_javascript_works_on_a_directory() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let sidecar = Sidecar::start(Some(directory.path()));
    passes(&mut in_javascript(&sidecar));
    sidecar.stop();
}

fn in_python(sidecar: &Sidecar) -> Command {
    let mut python = packages::python();
    python.args(["-m", "unittest", "discover"]).env("ENDPOINT", sidecar.address());
    python
}

/// One file after the other: a worker takes work of any name where it has no filters.
fn in_javascript(sidecar: &Sidecar) -> Command {
    let mut node = packages::node();
    node.args(["--test", "--test-concurrency=1", "."]).env("ENDPOINT", sidecar.address());
    node
}

/// Runs a program to its end, and shows all that it has written where it fails.
pub(crate) fn passes(command: &mut Command) {
    let output = command.output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
