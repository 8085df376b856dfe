//! Stores that may not be written: they are refused before anything is promised, for any user.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reenact_providers::InstanceState::Running;
use reenact_providers::OpenError;

use super::kit::{Owner, Scratch, contents, options, turn};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn what_nobody_may_write_is_refused_and_named() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    let owner = Owner::of(options(1).open(&path).unwrap()).await;
    for number in 0..40 {
        owner.append(&[turn("a", number, Running), turn("b", number, Running)]).await;
    }
    drop(owner);
    // As they are left by another user's program that was killed.
    for left in ["archive.db-wal", "archive.db-shm"] {
        fs::write(path.join(left), "").unwrap();
    }
    let all: Vec<_> = contents(&path).into_keys().chain([path.join("LOCK")]).collect();
    assert!(all.len() > 10, "{all:?}");
    for file in all {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        let read_only = mode & 0o555;
        let before = contents(&path);
        set_mode(&file, read_only);
        let refused = options(1).open(&path).expect_err("it may not be written");
        set_mode(&file, mode);
        assert!(contents(&path) == before, "nothing is changed: {refused}");
        // Of the lock and of the directory itself the system may be the first to say so.
        if let OpenError::ReadOnly { place, reason, .. } = &refused {
            assert_eq!(*place, file.display().to_string());
            assert!(reason.contains(&format!("mode is {read_only:04o}")), "{reason}");
        } else {
            assert!(matches!(refused, OpenError::Refused { .. }), "{refused}");
            assert!(file.ends_with("LOCK") || file == path, "{}: {refused}", file.display());
        }
    }
    drop(options(1).open(&path).unwrap());
}

#[test]
fn what_others_have_put_beside_a_store_may_be_as_it_is() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    drop(options(1).open(&path).unwrap());
    fs::write(path.join("notes.txt"), "do not touch").unwrap();
    set_mode(&path.join("notes.txt"), 0o400);
    drop(options(1).open(&path).unwrap());
}
