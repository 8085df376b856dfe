//! Two kills of it.

use std::path::Path;
use std::process::Command;

#[test]
fn hosts_that_are_killed_lose_nothing_and_the_end_is_shown_as_plots() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("soak");
    let _ = std::fs::remove_dir_all(&dir);
    let run = Command::new(env!("CARGO_BIN_EXE_reenact-soak"))
        .args(["--kills", "2", "--kill-every", "2", "--dir"])
        .arg(&dir)
        .output()
        .expect("the program runs");
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{out}{}", String::from_utf8_lossy(&run.stderr));
    assert!(out.contains("hosts were killed 2 times"), "{out}");
    assert!(out.contains("memory, at most") && out.contains("█"), "{out}");
    let again = Command::new(env!("CARGO_BIN_EXE_reenact-soak")).arg("--dir").arg(&dir).output();
    let again = again.expect("the program runs");
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
    let _ = std::fs::remove_dir_all(&dir);
}
