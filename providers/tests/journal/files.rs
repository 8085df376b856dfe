//! The journal on the files of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reenact_providers::Epoch;
use reenact_providers::journal::{Checkpointer, Journal, JournalError, Options, Recovery};
use reenact_providers::medium::{Directory, Disk, RealDisk};

use super::kit::{IDENTITY, SMALL, Seen, bytes, bytes_of, commit_of, segment};

/// A path that nothing is at, and nothing is at in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(label: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-{label}"));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Opened = (Vec<Seen>, Journal<Directory<RealDisk>>, Checkpointer<Directory<RealDisk>>);

fn open(path: &Path, options: Options) -> Result<Opened, JournalError> {
    let medium = Arc::new(Directory::new(RealDisk::make(path).unwrap()));
    let mut seen = Vec::new();
    let recovered = Recovery::open(medium, IDENTITY)?.replay(|commit| {
        seen.push(Seen::of(&commit));
        Ok::<(), JournalError>(())
    })?;
    let epoch = Epoch(recovered.epoch().0 + 1);
    let (journal, checkpointer) = recovered.begin(epoch, options)?;
    Ok((seen, journal, checkpointer))
}

#[test]
fn what_was_appended_is_there_when_it_is_opened_again() {
    let scratch = Scratch::new("again");
    let mut expected = Vec::new();
    for round in 0..3 {
        let (seen, mut journal, mut checkpointer) = open(&scratch.0, SMALL).unwrap();
        assert_eq!(bytes_of(&seen), expected);
        for number in 0..10 {
            let bytes = bytes(round * 10 + number, 400);
            journal.append(&commit_of(&bytes)).unwrap();
            if journal.wants_spare() {
                journal.prepare_in_background();
            }
            expected.push(bytes);
        }
        if round == 1 {
            checkpointer.checkpoint(journal.end()).unwrap();
            assert!(checkpointer.trim().unwrap() > 1);
            expected.clear();
        }
    }
}

#[test]
fn default_segments_are_written_full_of_zeros_and_grow() {
    let scratch = Scratch::new("grow");
    let options = Options { compress: false, ..Options::default() };
    let (_, mut journal, _) = open(&scratch.0, options).unwrap();
    for number in 0..3 {
        journal.append(&commit_of(&bytes(number, 900 * 1024))).unwrap();
    }
    let sizes = [1, 2].map(|n| fs::metadata(scratch.0.join(segment(n))).unwrap().len());
    assert_eq!(sizes, [1 << 20, 2 << 20]);
}

#[cfg(unix)]
#[test]
fn everything_is_private_to_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let scratch = Scratch::new("private");
    let (_, mut journal, mut checkpointer) = open(&scratch.0, SMALL).unwrap();
    journal.append(&commit_of(b"secret")).unwrap();
    checkpointer.checkpoint(journal.end()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scratch.0), 0o700);
    let files: Vec<_> = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 3, "a segment, the checkpoint, and the note of the newest");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
}

#[test]
fn a_path_that_is_no_directory_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new("refused");
    assert_eq!(RealDisk::open(&scratch.0).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    fs::write(&scratch.0, b"a file").unwrap();
    assert!(RealDisk::make(&scratch.0).is_err());
    let refused = RealDisk::open(&scratch.0).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::NotADirectory);
    assert_eq!(fs::read(&scratch.0).unwrap(), b"a file");
    fs::remove_file(&scratch.0).unwrap();
    assert!(RealDisk::make(scratch.0.join("without/its/parents")).is_err());
}

#[test]
fn a_real_disk_does_what_the_fake_one_does() {
    use reenact_providers::medium::DiskFile;
    use reenact_testkit::disk::FakeDisk;

    let scratch = Scratch::new("disk");
    assert_disk(&RealDisk::make(&scratch.0).unwrap());
    assert_disk(&FakeDisk::new());

    fn assert_disk(disk: &impl Disk) {
        let kind = |error: std::io::Error| error.kind();
        let absent = std::io::ErrorKind::NotFound;
        assert_eq!(kind(disk.open("a", false).unwrap_err()), absent);
        assert_eq!(kind(disk.remove("a").unwrap_err()), absent);
        assert_eq!(kind(disk.rename("a", "b").unwrap_err()), absent);

        let file = disk.create("a").unwrap();
        file.write_at(3, b"text").unwrap();
        file.sync().unwrap();
        let mut buffer = [9; 8];
        assert_eq!(file.read_at(2, &mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"\0text");
        assert_eq!(file.read_at(100, &mut buffer).unwrap(), 0);
        assert_eq!(file.size().unwrap(), 7);

        disk.create("b").unwrap().write_at(0, b"gone").unwrap();
        disk.rename("a", "b").unwrap();
        disk.sync_names().unwrap();
        file.write_at(0, b"the").unwrap();
        let renamed = disk.open("b", true).unwrap();
        assert_eq!(renamed.read_at(0, &mut buffer).unwrap(), 7);
        assert_eq!(&buffer[..7], b"thetext");
        assert_eq!(disk.list().unwrap(), ["b"]);
        assert_eq!(disk.create("b").unwrap().size().unwrap(), 0);
        disk.remove("b").unwrap();
        assert_eq!(disk.list().unwrap(), [""; 0]);
    }
}
