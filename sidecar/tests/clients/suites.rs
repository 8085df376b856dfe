//! The suites in Python and JavaScript, each file against a sidecar of its own.

use std::collections::VecDeque;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::packages;
use crate::sidecar::Sidecar;

/// Files that run at a time: they wait for most of their time.
const AT_A_TIME: usize = 6;

/// What runs on a directory as well: what reads the store (lists, histories, payloads), takes an id again, starts from entities, or goes on
/// after workers have died. All else comes to the sidecar before it comes to a store, and the stores have tests of their own.
const ON_A_DIRECTORY: [&str; 10] = [
    "test_entity_queries.py",
    "test_history.py",
    "test_orchestrations.py",
    "test_purge_and_restart.py",
    "test_queries.py",
    "test_rewind.py",
    "test_schedules.py",
    "test_starting.py",
    "test_values.py",
    "test_workers.py",
];

#[derive(Clone, Copy)]
enum Store {
    Memory,
    Directory,
}

#[test]
fn the_messages_are_those_of_the_sdk() {
    let sources = packages::tests().with_file_name("src");
    passes(packages::python().arg("check_messages.py").arg(sources));
}

#[test]
fn the_sdk_for_python_works_in_memory() {
    pass(files("python", ".py"), Store::Memory, in_python);
}

#[test]
fn the_sdk_for_python_works_on_a_directory() {
    let files = files("python", ".py");
    for named in ON_A_DIRECTORY {
        assert!(files.iter().any(|file| file == named), "there is no file {named}");
    }
    let wanted = |file: &String| ON_A_DIRECTORY.contains(&file.as_str());
    pass(files.into_iter().filter(wanted).collect(), Store::Directory, in_python);
}

#[test]
fn the_sdk_for_javascript_works_in_memory() {
    pass(files("javascript", ".test.js"), Store::Memory, in_javascript);
}

#[test]
fn the_sdk_for_javascript_works_on_a_directory() {
    pass(files("javascript", ".test.js"), Store::Directory, in_javascript);
}

fn in_python(file: &str) -> Command {
    let mut python = packages::python();
    python.args(["-m", "unittest", file]);
    python
}

fn in_javascript(file: &str) -> Command {
    let mut node = packages::node();
    node.args(["--test", file]);
    node
}

/// The files of a suite.
fn files(suite: &str, ending: &str) -> VecDeque<String> {
    let entries = fs::read_dir(packages::tests().join(suite)).expect("the suite is there");
    let names = entries.map(|entry| {
        let name = entry.expect("the suite can be read").file_name();
        name.into_string().expect("a name in Unicode")
    });
    let is_test =
        |name: &String| name.ends_with(ending) && (ending != ".py" || name.starts_with("test_"));
    let mut files: Vec<_> = names.filter(is_test).collect();
    assert!(!files.is_empty(), "the suite has no files");
    files.sort();
    files.into()
}

/// Runs files beside each other. Each has a sidecar of its own, as a worker takes work of any name where it has no filters.
fn pass(files: VecDeque<String>, store: Store, run: fn(&str) -> Command) {
    let files = Mutex::new(files);
    let next = || files.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(file) = next() {
                    let directory = tempfile::tempdir().expect("a directory can be made");
                    let sidecar = Sidecar::start(match store {
                        Store::Memory => None,
                        Store::Directory => Some(directory.path()),
                    });
                    passes(run(&file).env("ENDPOINT", sidecar.address()));
                    sidecar.stop();
                }
            });
        }
    });
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
