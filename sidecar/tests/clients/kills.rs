//! Nothing is lost, and nothing counts twice, whatever dies in the middle.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::packages;
use crate::sidecar::Sidecar;
use crate::suites::passes;

/// Orders that are under way while processes are killed.
pub(crate) const ORDERS: &str = "30";
/// Steps that are seen between two kills.
pub(crate) const STEPS_BETWEEN: usize = 25;

/// A worker in Python, and the lines that it prints: one for each step.
pub(crate) struct Worker {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(sidecar: &Sidecar) -> Self {
        let mut process = orders(sidecar, &["worker"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the worker starts");
        let lines = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, lines }
    }

    /// Returns when it has run this many steps more.
    pub(crate) fn runs(&mut self, steps: usize) {
        for _ in 0..steps {
            let mut line = String::new();
            self.lines.read_line(&mut line).expect("the worker says what it does");
            assert_eq!(line, "step\n", "the worker has ended");
        }
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }
}

impl Drop for Worker {
    /// A test that fails leaves no process.
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn orders(sidecar: &Sidecar, arguments: &[&str]) -> Command {
    let mut python = packages::python();
    python.arg("orders.py").args(arguments).env("ENDPOINT", sidecar.address());
    python
}

#[test]
fn orders_end_right_though_the_sidecar_and_the_worker_are_killed() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut sidecar = Sidecar::start(Some(directory.path()));
    passes(&mut orders(&sidecar, &["start", ORDERS, "orders"]));

    let mut worker = Worker::start(&sidecar);
    worker.runs(STEPS_BETWEEN);
    sidecar.kill_and_start(directory.path());
    worker.runs(STEPS_BETWEEN);
    worker.kill();

    let mut worker = Worker::start(&sidecar);
    worker.runs(STEPS_BETWEEN);
    sidecar.kill_and_start(directory.path());
    worker.kill();

    let _worker = Worker::start(&sidecar);
    passes(&mut orders(&sidecar, &["check", ORDERS, "orders"]));
    sidecar.stop();
}

#[test]
fn what_was_stored_is_there_after_the_sidecar_has_ended() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let sidecar = Sidecar::start(Some(directory.path()));
    passes(&mut orders(&sidecar, &["start", "3", "kept"]));
    sidecar.stop();

    let sidecar = Sidecar::start(Some(directory.path()));
    let _worker = Worker::start(&sidecar);
    passes(&mut orders(&sidecar, &["check", "3", "kept"]));
    sidecar.stop();
}
