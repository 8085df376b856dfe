//! What can be opened and what cannot; nothing is changed by a refusal.

use std::fs;
use std::path::Path;

use reenact_providers::InstanceState::{Completed, Running};
use reenact_providers::{InstanceFilter, Local, OpenError, Provider, ProviderError};

use super::kit::{Owner, Scratch, contents, history, options, turn};

/// What the store that is to be damaged holds in memory until it is archived, in bytes: each of
/// its commits goes into the archive at once.
const ARCHIVE_AT_ONCE: usize = 1;

/// A store with something in both shards, closed.
async fn made(scratch: &Scratch, name: &str, flush_bytes: usize) -> std::path::PathBuf {
    let path = scratch.join(name);
    let owner = Owner::of(options(flush_bytes).open(&path).unwrap()).await;
    for number in 0..40 {
        owner.append(&["a", "b", "c", "d"].map(|label| turn(label, number, Running))).await;
    }
    path
}

/// Asserts that a store cannot be opened, and that nothing is changed by that; gives the error.
#[track_caller]
fn refused(path: &Path) -> OpenError {
    let before = contents(path);
    let refused = options(1).open(path).expect_err("it cannot be opened");
    assert!(contents(path) == before, "nothing is changed by a refusal: {refused}");
    refused
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_it_is_opened_again() {
    let scratch = Scratch::new();
    for flush_bytes in [ARCHIVE_AT_ONCE, 4_000, usize::MAX / 2] {
        let path = made(&scratch, &format!("store-{flush_bytes}"), flush_bytes).await;
        let store = options(flush_bytes).open(&path).unwrap();
        for label in ["a", "b", "c", "d"] {
            let expected: Vec<_> =
                (0..40).map(|number| format!("{label}/{number}").into_bytes()).collect();
            assert_eq!(history(&store, label).await, expected);
        }
        assert_eq!(store.histories().count(&InstanceFilter::new()).await.unwrap(), 4);
    }
}

#[tokio::test]
async fn a_store_keeps_its_number_of_shards() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    let open = |shards| options(1).shards(shards).open(&path).unwrap().shards();
    assert_eq!(open(0), 1);
    assert_eq!(open(7), 1);
}

#[tokio::test]
async fn one_process_at_a_time_has_it_open_and_is_named() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    let first = Local::open(&path).unwrap();
    let (histories, leases) = (first.histories(), first.leases());
    let process = std::process::id().to_string();
    for handle in [drop_of(first), drop_of(histories), drop_of(leases)] {
        let error = Local::open(&path).unwrap_err();
        let OpenError::InUse { holder, .. } = &error else { panic!("{error}") };
        assert!(holder.contains(&process), "{holder}");
        handle();
    }
    Local::open(&path).unwrap();
}

/// Drops it when it is called.
fn drop_of<T: 'static>(value: T) -> Box<dyn FnOnce()> {
    Box::new(move || drop(value))
}

#[test]
fn a_file_is_no_store() {
    let scratch = Scratch::new();
    fs::write(scratch.join("file"), "text").unwrap();
    let error = refused(&scratch.join("file"));
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
}

#[test]
fn a_directory_of_something_else_is_no_store() {
    let scratch = Scratch::new();
    let path = scratch.join("photos");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("cat.jpg"), "a cat").unwrap();
    let error = refused(&path);
    let OpenError::NotAStore { reason, .. } = &error else { panic!("{error}") };
    assert!(reason.contains("cat.jpg"), "{reason}");
    assert!(!path.join("LOCK").exists());
}

#[test]
fn an_empty_directory_becomes_a_store_and_so_do_the_beginnings_of_one() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    fs::create_dir(&path).unwrap();
    drop(options(1).open(&path).unwrap());
    // The process died before the last step of making it.
    for shard in ["shard-0000", "shard-0001"] {
        fs::remove_dir_all(path.join(shard)).unwrap();
    }
    fs::create_dir(path.join("shard-0000")).unwrap();
    fs::remove_file(path.join("STORE")).unwrap();
    fs::write(path.join("STORE.new"), "ree").unwrap();
    drop(options(1).open(&path).unwrap());
    assert!(!path.join("STORE.new").exists());
    drop(options(1).open(&path).unwrap());
}

#[tokio::test]
async fn what_is_called_like_parts_of_a_store_is_left_alone() {
    let scratch = Scratch::new();
    let whole = made(&scratch, "whole", ARCHIVE_AT_ONCE).await;
    fs::write(whole.join("messages.db"), "all my messages").unwrap();
    for files in [&["archive.db"][..], &["archive.db", "messages.db"], &["LOCK", "archive.db-wal"]]
    {
        let path = scratch.join("parts");
        fs::create_dir(&path).unwrap();
        for file in files {
            let from = if file.ends_with("wal") { "archive.db" } else { file };
            fs::copy(whole.join(from), path.join(file)).unwrap();
        }
        let error = refused(&path);
        assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
        fs::remove_dir_all(&path).unwrap();
    }
    // Not even among the beginnings of a store.
    let path = scratch.join("backup");
    fs::create_dir(&path).unwrap();
    for file in ["STORE.new", "archive.db.backup"] {
        fs::write(path.join(file), "all my histories").unwrap();
    }
    let error = refused(&path);
    assert!(error.to_string().contains("archive.db.backup"), "{error}");
}

/// Each thing that making a store does, in its order, and what earlier versions made besides; the process dies
/// after any of them.
#[test]
fn a_store_is_made_wherever_the_making_of_it_was_broken_off() {
    let scratch = Scratch::new();
    let whole = scratch.join("whole");
    drop(options(1).open(&whole).unwrap());
    fs::write(whole.join("messages.db"), "").unwrap();
    let steps = [
        "LOCK",
        "STORE.new",
        "archive.db.new",
        "archive.db",
        "messages.db.new",
        "messages.db",
        "shard-0000",
        "shard-0001",
    ];
    for count in 0..=steps.len() {
        let path = scratch.join(&format!("broken-off-{count}"));
        fs::create_dir(&path).unwrap();
        for step in &steps[..count] {
            let to = path.join(step);
            match *step {
                step if step.starts_with("shard") => fs::create_dir(to).unwrap(),
                step if step.ends_with(".new") => fs::write(to, "ree").unwrap(),
                step => drop(fs::copy(whole.join(step), to).unwrap()),
            }
        }
        drop(options(1).open(&path).unwrap());
        drop(options(1).open(&path).unwrap());
    }
}

/// In a child of this process, if this one may write everywhere: as somebody who may not.
#[cfg(unix)]
#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    const PATH: &str = "REENACT_TEST_READ_ONLY";
    let test = "opening::a_directory_that_cannot_be_written_is_refused";
    if let Some(path) = std::env::var_os(PATH) {
        let error = options(1).open(path).unwrap_err();
        assert!(matches!(error, OpenError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("permissions"), "{error}");
        return;
    }
    // Where anybody may come by, and run a copy of this program.
    let base = std::env::temp_dir().join(format!("reenact-read-only-{}", std::process::id()));
    let (program, store) = (base.join("program"), base.join("store"));
    fs::create_dir_all(&store).unwrap();
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for path in [&base, &program, &store] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
    }
    let mut child = std::process::Command::new(&program);
    child.args(["--exact", test]).env(PATH, &store);
    let is_root = fs::write(store.join("probe"), "").is_ok();
    if is_root {
        fs::remove_file(store.join("probe")).unwrap();
        // Nobody.
        child.uid(65_534).gid(65_534);
    }
    let child = child.output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    for path in [&base, &store] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::remove_dir_all(&base).unwrap();
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn openings_that_do_nothing_do_not_pile_up_segments() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    for _ in 0..40 {
        drop(options(usize::MAX).open(&path).unwrap());
    }
    let segments = fs::read_dir(path.join("shard-0000")).unwrap().count();
    assert!(segments <= 12, "{segments} files");
}

#[test]
fn a_store_is_not_made_where_there_is_no_directory_for_it() {
    let scratch = Scratch::new();
    let error = Local::open(scratch.join("absent").join("store")).unwrap_err();
    let OpenError::Refused { place, .. } = &error else { panic!("{error}") };
    assert!(place.contains("absent"), "{place}");
}

#[tokio::test]
async fn a_store_that_has_lost_its_name_is_not_taken_for_a_new_one() {
    let scratch = Scratch::new();
    let path = made(&scratch, "store", ARCHIVE_AT_ONCE).await;
    fs::remove_file(path.join("STORE")).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
    assert!(error.to_string().contains("STORE"), "{error}");
}

#[tokio::test]
async fn a_newer_format_is_reported() {
    let scratch = Scratch::new();
    let path = made(&scratch, "store", ARCHIVE_AT_ONCE).await;
    let text = "reenact store\nformat 2\nand more\n";
    let text = format!("{text}checksum {:08x}\n", crc32c::crc32c(text.as_bytes()));
    fs::write(path.join("STORE"), text).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::NewerFormat { found: 2, supported: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_name_is_reported() {
    let scratch = Scratch::new();
    let path = made(&scratch, "store", ARCHIVE_AT_ONCE).await;
    let text = fs::read_to_string(path.join("STORE")).unwrap();
    fs::write(path.join("STORE"), text.replace("shards 2", "shards 3")).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_part_that_is_missing_is_named() {
    let scratch = Scratch::new();
    for part in ["archive.db", "shard-0001"] {
        let path = made(&scratch, &format!("without-{part}"), ARCHIVE_AT_ONCE).await;
        fs::rename(path.join(part), scratch.join(&format!("kept-{part}"))).unwrap();
        let error = refused(&path);
        let OpenError::Missing { place } = &error else { panic!("{part}: {error}") };
        assert!(place.ends_with(part), "{place}");
    }
}

#[tokio::test]
async fn a_part_of_another_store_is_named() {
    let scratch = Scratch::new();
    let other = made(&scratch, "other", ARCHIVE_AT_ONCE).await;
    let path = made(&scratch, "with", ARCHIVE_AT_ONCE).await;
    fs::copy(other.join("archive.db"), path.join("archive.db")).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_journal_of_another_store_is_named() {
    let scratch = Scratch::new();
    let other = made(&scratch, "other", usize::MAX / 2).await;
    let path = made(&scratch, "store", usize::MAX / 2).await;
    let first = Path::new("shard-0000").join("segment-000000000001");
    fs::copy(other.join(&first), path.join(&first)).unwrap();
    let error = refused(&path);
    let OpenError::Foreign { place, .. } = &error else { panic!("{error}") };
    assert!(place.contains("shard 0, segment 1"), "{place}");
}

#[tokio::test]
async fn a_gap_in_a_journal_is_damage_that_names_it() {
    let scratch = Scratch::new();
    let path = made(&scratch, "store", usize::MAX / 2).await;
    for _ in 0..2 {
        // Each opening begins a segment.
        drop(options(usize::MAX / 2).open(&path).unwrap());
    }
    fs::remove_file(path.join("shard-0001").join("segment-000000000002")).unwrap();
    let error = refused(&path);
    let OpenError::Damaged { place, .. } = &error else { panic!("{error}") };
    assert!(place.contains("shard 1, segment 2"), "{place}");
}

#[tokio::test]
async fn an_archive_of_an_earlier_time_is_damage() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    drop(options(ARCHIVE_AT_ONCE).open(&path).unwrap());
    let early = scratch.join("early.db");
    fs::copy(path.join("archive.db"), &early).unwrap();
    made(&scratch, "store", ARCHIVE_AT_ONCE).await;
    fs::copy(&early, path.join("archive.db")).unwrap();
    let error = refused(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("archive"), "{error}");
}

#[tokio::test]
async fn a_journal_of_an_earlier_time_is_damage() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    drop(options(ARCHIVE_AT_ONCE).open(&path).unwrap());
    let early = contents(&path.join("shard-0000"));
    made(&scratch, "store", ARCHIVE_AT_ONCE).await;
    fs::remove_dir_all(path.join("shard-0000")).unwrap();
    for (file, bytes) in early {
        if file.extension().is_none() && file.ends_with("shard-0000") {
            fs::create_dir(&file).unwrap();
        } else {
            fs::write(file, bytes).unwrap();
        }
    }
    let error = refused(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn no_archive_at_all_but_a_text_is_damage() {
    let scratch = Scratch::new();
    for text in ["", "this is no archive, but it is a text that is longer than any header"] {
        let path = made(&scratch, &format!("store-{}", text.len()), ARCHIVE_AT_ONCE).await;
        fs::write(path.join("archive.db"), text).unwrap();
        let error = refused(&path);
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    }
}

/// In a child of this process: it may write files of this many blocks of 512 bytes only.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_takes_no_more_refuses_the_making_and_the_opening() {
    const PATH: &str = "REENACT_TEST_FULL_DISK";
    if let Some(path) = std::env::var_os(PATH) {
        let error = options(1).open(path).unwrap_err();
        println!("{error:?}");
        assert!(matches!(error, OpenError::Refused { .. } | OpenError::NoRoom { .. }), "{error}");
        return;
    }
    let scratch = Scratch::new();
    drop(options(1).open(scratch.join("made")).unwrap());
    for (store, blocks) in [("absent", 8), ("absent", 0), ("made", 4)] {
        let test = "opening::a_disk_that_takes_no_more_refuses_the_making_and_the_opening";
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --exact {test}");
        let child = std::process::Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .env(PATH, scratch.join(store))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        let has_run = said.contains("1 passed");
        assert!(child.status.success() && has_run, "{store}, {blocks} blocks: {said}");
    }
    // With room again, all of them can be opened.
    drop(options(1).open(scratch.join("made")).unwrap());
    drop(options(1).open(scratch.join("absent")).unwrap());
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let path = scratch.join("store");
    let owner = Owner::of(options(ARCHIVE_AT_ONCE).open(&path).unwrap()).await;
    owner.append(&[turn("a", 0, Completed)]).await;
    let mut left = vec![path];
    while let Some(path) = left.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            assert_eq!(mode, 0o600, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn a_shard_that_rots_while_it_is_open_is_corrupt_when_it_is_acquired_again() {
    let scratch = Scratch::new();
    let path = made(&scratch, "store", usize::MAX / 2).await;
    let store = options(usize::MAX / 2).open(&path).unwrap();
    let shard = reenact_core::ShardId(0);
    let first = store.leases().acquire(shard, "first").await.unwrap();
    store.leases().release(&first).await.unwrap();
    let segment = path.join("shard-0000").join("segment-000000000001");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[700] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let error = store.leases().acquire(shard, "second").await.unwrap_err();
    let ProviderError::Corrupt { place, .. } = &error else { panic!("{error}") };
    assert!(place.to_string().contains("shard 0, segment 1"), "{place}");
    // The other shard does not suffer from it.
    store.leases().acquire(reenact_core::ShardId(1), "second").await.unwrap();
}
