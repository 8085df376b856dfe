//! Reading takes little memory, whatever the bytes are. A process of its own: what is measured is
//! the most that the process ever had.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]
#![cfg(target_os = "linux")]

use std::sync::Arc;

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::journal::{
    Commit, Entry, Identity, JournalError, JournalId, Options, Position, Recovery,
};
use reenact_providers::limits::MAX_COMMIT_BYTES;
use reenact_providers::medium::{Directory, RealDisk};
use reenact_providers::{Epoch, InstanceState, InstanceSummary, TurnRecord};

const IDENTITY: Identity = Identity { journal: JournalId([1; 16]), shard: ShardId(0) };

/// What may be taken, in bytes.
const ALLOWED: usize = 64 * 1024 * 1024;

/// The most memory that this process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn recovery(path: &std::path::Path) -> Result<Recovery<Directory<RealDisk>>, JournalError> {
    let disk = RealDisk::make(path).unwrap();
    Recovery::open(Arc::new(Directory::new(disk)), IDENTITY)
}

fn read(path: &std::path::Path) -> Result<Position, JournalError> {
    recovery(path)?.replay(|_: Commit<'_>| Ok::<(), JournalError>(())).map(|read| read.end())
}

/// In a child of this process, because writing takes more than reading may.
const WRITE: &str = "REENACT_TEST_WRITE_JOURNAL_TO";

#[test]
fn reading_takes_little_memory_whatever_the_bytes_are() {
    if let Some(path) = std::env::var_os(WRITE) {
        return write_largest(path.as_ref());
    }
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("journal-memory");
    let _ = std::fs::remove_dir_all(&path);
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reading_takes_little_memory_whatever_the_bytes_are"])
        .env(WRITE, &path)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");

    let before = peak();
    assert_eq!(read(&path).unwrap().sequence, 3);
    assert_within(before, "the largest commits");

    // The head of a record that claims what the file does not have.
    let file = path.join("segment-000000000003");
    let opened = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    opened.set_len(4096).unwrap();
    assert_eq!(read(&path).unwrap().sequence, 2);
    assert_within(before, "a record that was cut off");

    // A checkpoint that is larger than any.
    std::fs::File::create(path.join("CHECKPOINT")).unwrap().set_len(1 << 40).unwrap();
    read(&path).unwrap_err();
    assert_within(before, "a checkpoint of a terabyte");
    let _ = std::fs::remove_dir_all(&path);
}

fn assert_within(before: usize, what: &str) {
    let taken = peak() - before;
    println!("{what} took {taken} bytes");
    assert!(taken <= ALLOWED, "{what} took {taken} bytes");
}

fn turn(bytes: &Arc<[u8]>) -> Entry {
    let summary = InstanceSummary {
        instance: InstanceId::new("i").unwrap(),
        execution: ExecutionId::FIRST,
        name: Name::new("n").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: 1,
        events: 1,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    Entry::Turn(TurnRecord {
        number: 0,
        bytes: Arc::clone(bytes),
        summary,
        has_drawn_id: false,
        keep: 0,
    })
}

fn write_largest(path: &std::path::Path) {
    let read = recovery(path).unwrap().replay(|_| Ok::<(), JournalError>(())).unwrap();
    let (mut journal, _) = read.begin(Epoch(1), Options::default()).unwrap();
    let bytes: Arc<[u8]> = vec![1; MAX_COMMIT_BYTES - 128].into();
    journal.append(&[turn(&Arc::from([1; 8]))]).unwrap();
    journal.append(&[turn(&bytes)]).unwrap();
    journal.append(&[turn(&bytes)]).unwrap();
}
