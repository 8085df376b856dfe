//! What the binary refuses, and what it says then.

use std::process::Output;

use crate::sidecar::{Sidecar, command};

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "it was not refused: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_sidecar_on_a_directory_is_refused() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let first = Sidecar::start(Some(directory.path()));
    let second = command(Some(directory.path())).args(["--port", "0"]).output();
    let why = refused(&second.expect("it can be started"));
    let name = directory.path().to_str().expect("a path in Unicode");
    assert!(why.contains(name) && why.contains("is in use by process"), "{why}");
    first.stop();
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let first = Sidecar::start(None);
    let (_, port) = first.address().rsplit_once(':').expect("an address has a port");
    let second = command(None).args(["--port", port]).output();
    let why = refused(&second.expect("it can be started"));
    assert!(why.contains(first.address()), "{why}");
    first.stop();
}

#[test]
fn a_sidecar_that_others_can_reach_needs_a_token() {
    let open = command(None).args(["--port", "0", "--host", "0.0.0.0"]).output();
    let why = refused(&open.expect("it can be started"));
    assert!(why.contains("token"), "{why}");
}
