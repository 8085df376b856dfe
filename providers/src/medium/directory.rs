//! Segments as files.

use std::io;

use reenact_core::zoo::{self, Bug};

use super::MediumError::{Moved, Refused, Unknown};
use super::{Disk, DiskFile, Medium, MediumError, Segment, Stretch};

/// The room of the segment that comes next, until it gets its name.
const SPARE: &str = "spare";

/// Says which segment was made last, so that it cannot go missing unnoticed.
const NEWEST: &str = "NEWEST";

/// Most bytes of it.
const MAX_NEWEST_BYTES: usize = 256;

/// The ending of the name of a file that is about to replace the one without it.
const NEW: &str = ".new";

/// Zeros that are written at a time, in bytes.
const ZEROS: usize = 1024 * 1024;

/// Zeros after which a sync is made, in bytes: a commit that syncs its own file meanwhile waits
/// for no more than that.
const ZEROS_PER_SYNC: u64 = 4 * 1024 * 1024;

/// Bytes that are rewritten at a time.
const HARDEN_AT_ONCE: u64 = 1024 * 1024;

/// A directory of segment files, each written full of zeros before it is used: to sync a write
/// into blocks that exist and were written takes half the time of one that makes the file grow.
#[derive(Debug)]
pub struct Directory<D> {
    disk: D,
}

impl<D: Disk> Directory<D> {
    /// On a disk that nobody else writes to.
    pub const fn new(disk: D) -> Self {
        Self { disk }
    }

    /// The disk that it is on.
    pub const fn disk(&self) -> &D {
        &self.disk
    }

    /// Notes the segment that was made last. It may fail, and it may be torn: an older note is true as
    /// well, and one that is not whole says nothing.
    fn note_newest(&self, name: &str) {
        let note = format!("{name} {:08x}\n", crc32c::crc32c(name.as_bytes()));
        if let Err(error) = self.write_in_place(NEWEST, note.as_bytes()) {
            tracing::warn!(target: "reenact::store", parent: None, %error, segment = name, "which segment is the newest could not be noted");
        }
    }

    fn write_in_place(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (file, is_new) = match self.disk.open(name, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (self.disk.create(name)?, true)
            }
            file => (file?, false),
        };
        file.write_at(0, bytes)?;
        file.sync()?;
        if is_new { self.disk.sync_names() } else { Ok(()) }
    }

    fn fill_with_zeros(&self, bytes: u64) -> io::Result<D::File> {
        let file = self.disk.create(SPARE)?;
        let zeros = vec![0; ZEROS.min(usize::try_from(bytes).unwrap_or(ZEROS))];
        let (mut written, mut synced) = (0, 0);
        while written < bytes {
            let count = (bytes - written).min(zeros.len() as u64);
            file.write_at(written, &zeros[..count as usize])?;
            written += count;
            if written - synced >= ZEROS_PER_SYNC || written == bytes {
                file.sync()?;
                synced = written;
            }
        }
        Ok(file)
    }
}

impl<D: Disk> Medium for Directory<D> {
    type Segment = SegmentFile<D::File>;
    type Spare = D::File;

    fn check_place(&self) -> Result<(), MediumError> {
        match self.disk.moved_from().map_err(Refused)? {
            Some(place) => Err(Moved { place }),
            None => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<String>, MediumError> {
        self.disk.list().map_err(Refused)
    }

    fn open(&self, name: &str) -> Result<Self::Segment, MediumError> {
        let file = self.disk.open(name, false).map_err(Refused)?;
        Ok(SegmentFile { file })
    }

    fn prepare(&self, bytes: u64) -> Result<D::File, MediumError> {
        self.fill_with_zeros(bytes).map_err(|error| {
            // Gives back the room that it took. If even this fails, the next call empties it.
            let _ = self.disk.remove(SPARE);
            Refused(error)
        })
    }

    /// The head is durable before the name is, so no crash leaves a segment without its head.
    fn create(&self, name: &str, file: D::File, head: &[u8]) -> Result<Self::Segment, MediumError> {
        self.check_place()?;
        file.write_at(0, head).map_err(Refused)?;
        file.sync().map_err(Refused)?;
        self.disk.rename(SPARE, name).map_err(Unknown)?;
        if !zoo::planted(Bug::NamesNotSynced) {
            self.disk.sync_names().map_err(Unknown)?;
        }
        self.note_newest(name);
        Ok(SegmentFile { file })
    }

    fn newest(&self) -> Result<Option<String>, MediumError> {
        let note = self.load(NEWEST, MAX_NEWEST_BYTES)?;
        // A note that has rotted says nothing; the segments themselves are whole or not.
        Ok(note.and_then(|note| read_note(&note)))
    }

    /// Writes the same bytes again. A sync alone proves nothing where an earlier one has failed:
    /// the system holds such pages for clean.
    fn harden(&self, last: Option<Stretch<'_>>) -> Result<(), MediumError> {
        if zoo::planted(Bug::RecoveredNotHardened) {
            return Ok(());
        }
        self.check_place()?;
        // A name that was given when its maker died, or had an error, may be lost although a later one is kept.
        self.disk.sync_names().map_err(Unknown)?;
        let Some(Stretch { name, from, to }) = last else { return Ok(()) };
        let file = self.disk.open(name, true).map_err(Refused)?;
        let mut buffer = vec![0; HARDEN_AT_ONCE.min(to.saturating_sub(from)) as usize];
        let mut again = buffer.clone();
        let mut offset = from;
        while offset < to {
            let count = (to - offset).min(buffer.len() as u64) as usize;
            for into in [&mut buffer, &mut again] {
                if file.read_at(offset, &mut into[..count]).map_err(Refused)? < count {
                    return Err(Refused(io::ErrorKind::UnexpectedEof.into()));
                }
            }
            // What is read wrong must not be written.
            if buffer[..count] != again[..count] {
                let what = "two reads of the same bytes gave different ones";
                return Err(Refused(io::Error::other(what)));
            }
            file.write_at(offset, &buffer[..count]).map_err(Unknown)?;
            offset += count as u64;
        }
        file.sync().map_err(Unknown)
    }

    fn remove(&self, names: &[String]) -> Result<(), MediumError> {
        self.check_place()?;
        for name in names {
            match self.disk.remove(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Refused(error));
                }
                _ => {}
            }
        }
        self.disk.sync_names().map_err(Refused)
    }

    fn load(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, MediumError> {
        let file = match self.disk.open(name, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(Refused)?,
        };
        let size = file.size().map_err(Refused)?;
        let size = usize::try_from(size).ok().filter(|size| *size <= limit);
        let size = size.ok_or_else(|| Refused(io::ErrorKind::FileTooLarge.into()))?;
        let mut bytes = vec![0; size];
        let read = file.read_at(0, &mut bytes).map_err(Refused)?;
        bytes.truncate(read);
        Ok(Some(bytes))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), MediumError> {
        self.check_place()?;
        let new = format!("{name}{NEW}");
        let file = self.disk.create(&new).map_err(Refused)?;
        file.write_at(0, bytes).map_err(Refused)?;
        file.sync().map_err(Refused)?;
        self.disk.rename(&new, name).map_err(Unknown)?;
        self.disk.sync_names().map_err(Unknown)
    }
}

/// The name in a note that is whole.
fn read_note(note: &[u8]) -> Option<String> {
    let (name, checksum) = std::str::from_utf8(note).ok()?.strip_suffix('\n')?.split_once(' ')?;
    let is_whole = checksum == format!("{:08x}", crc32c::crc32c(name.as_bytes()));
    is_whole.then(|| name.to_owned())
}

/// A segment as a file.
#[derive(Debug)]
pub struct SegmentFile<F> {
    file: F,
}

impl<F: DiskFile> Segment for SegmentFile<F> {
    fn size(&self) -> Result<u64, MediumError> {
        self.file.size().map_err(Refused)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, MediumError> {
        self.file.read_at(offset, into).map_err(Refused)
    }

    fn append(&mut self, offset: u64, bytes: &[u8]) -> Result<(), MediumError> {
        self.file.write_at(offset, bytes).map_err(Unknown)?;
        if zoo::planted(Bug::SyncSkipped) {
            return Ok(());
        }
        self.file.sync().map_err(Unknown)
    }
}
