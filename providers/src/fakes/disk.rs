//! A disk in memory that crashes, loses, tears and refuses as a test says.
//!
//! It keeps what processes see apart from what would survive a crash. [`FakeDisk::after_crash`]
//! makes the disk that the next process finds, out of any choice of what was not synced;
//! [`FakeDisk::fail`] lets single calls fail; [`FakeDisk::die_at`] ends the process in the middle
//! of a scenario.

mod fault;
mod image;

pub use fault::{Chance, Effect, Fault, Mishap, Op};

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::medium::{Disk, DiskFile};

use self::fault::Faults;
use self::image::Image;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct FakeDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    image: Image,
    faults: Faults,
    /// Its path leads elsewhere.
    has_moved: bool,
}

impl FakeDisk {
    /// An empty disk that writes in sectors of 512 bytes.
    pub fn new() -> Self {
        Self::with_unit(512)
    }

    /// An empty disk whose sectors have this many bytes. A crash leaves a sector whole.
    pub fn with_unit(bytes: usize) -> Self {
        Self::of(Image::new(bytes))
    }

    fn of(image: Image) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                image,
                faults: Faults::default(),
                has_moved: false,
            })),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets calls fail from now on. See [`Fault`].
    pub fn fail(&self, fault: Fault) {
        self.state().faults.add(fault);
    }

    /// From now on, chance says of each call whether it fails. It must not use this disk.
    pub fn by_chance(&self, chance: impl FnMut(Op) -> Option<Mishap> + Send + 'static) {
        self.state().faults.set_chance(Box::new(chance));
    }

    /// No call fails any more that was to.
    pub fn heal(&self) {
        self.state().faults.heal();
    }

    /// The process dies with the `step`-th call from now on that changes something, the first
    /// being 0: that call happens, but it and all further ones return an error.
    pub fn die_at(&self, step: u64) {
        self.state().faults.die_at(step);
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.state().faults.is_dead()
    }

    /// Sets whether another directory stands at the path of this one.
    pub fn set_moved(&self, has_moved: bool) {
        self.state().has_moved = has_moved;
    }

    /// Of the reads from now on, the one with number `at` gives wrong bytes, the first being 0. It is as if a cable
    /// failed once.
    pub fn misread(&self, at: u64) {
        self.state().faults.misread(at);
    }

    /// How many calls of a kind there were.
    pub fn count(&self, op: Op) -> u64 {
        self.state().faults.count(op)
    }

    /// How many calls there were that change something.
    pub fn steps(&self) -> u64 {
        self.state().faults.steps()
    }

    /// The disk that is found after a crash now. Each change that is not durable is either there
    /// or not, as `survives` says: each change of a name, each file's new size, and each sector
    /// that was written.
    pub fn after_crash(&self, mut survives: impl FnMut() -> bool) -> Self {
        Self::of(self.state().image.after_crash(&mut survives))
    }

    /// For how many changes [`after_crash`](Self::after_crash) would ask now whether they survive.
    pub fn undecided(&self) -> usize {
        let mut count = 0;
        drop(self.after_crash(|| {
            count += 1;
            true
        }));
        count
    }

    /// Another disk with the same files, all of them durable.
    pub fn copy(&self) -> Self {
        self.after_crash(|| true)
    }

    /// The bytes of a file. This is not counted as a call.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        self.state().image.contents(name)
    }

    /// Gives a file these bytes, durable. This is not counted as a call.
    pub fn put(&self, name: &str, contents: &[u8]) {
        self.state().image.put(name, contents);
    }

    /// Removes a file, durably. This is not counted as a call.
    pub fn take_away(&self, name: &str) {
        self.state().image.take_away(name);
    }

    /// The names of all files, in order. This is not counted as a call.
    pub fn names(&self) -> Vec<String> {
        self.state().image.names()
    }
}

impl Default for FakeDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk for FakeDisk {
    type File = FakeFile;

    fn create(&self, name: &str) -> io::Result<FakeFile> {
        let mut state = self.state();
        let file = state.change(Op::Create, |image, _| Ok(image.create(name)))?;
        Ok(FakeFile { disk: self.clone(), file })
    }

    fn open(&self, name: &str, _to_write: bool) -> io::Result<FakeFile> {
        let mut state = self.state();
        state.faults.look(Op::Open)?;
        let file = state.image.find(name)?;
        drop(state);
        Ok(FakeFile { disk: self.clone(), file })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.faults.look(Op::List)?;
        // Not in order, because no caller may depend on an order.
        Ok(state.image.names().into_iter().rev().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().change(Op::Rename, |image, _| image.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state().change(Op::Remove, |image, _| image.remove(name))
    }

    fn moved_from(&self) -> io::Result<Option<String>> {
        Ok(self.state().has_moved.then(|| "the fake disk".to_owned()))
    }

    fn sync_names(&self) -> io::Result<()> {
        self.state().change(Op::SyncNames, |image, _| {
            image.sync_names();
            Ok(())
        })
    }
}

/// A file of a fake disk.
#[derive(Debug)]
pub struct FakeFile {
    disk: FakeDisk,
    file: usize,
}

impl DiskFile for FakeFile {
    fn size(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.faults.look(Op::Size)?;
        Ok(state.image.size(self.file))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.faults.look(Op::Read)?;
        let read = state.image.read(self.file, offset as usize, into);
        if state.faults.is_misread() {
            into[..read].iter_mut().for_each(|byte| *byte ^= 0x10);
        }
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.state().change(Op::Write, |image, effect| {
            let count = if effect == Effect::Half { bytes.len() / 2 } else { bytes.len() };
            image.write(self.file, offset as usize, &bytes[..count]);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let synced = state.change(Op::Sync, |image, effect| {
            image.sync(self.file, effect);
            Ok(())
        });
        if synced.is_err() {
            state.image.forget_unsynced(self.file);
        }
        synced
    }
}

impl State {
    /// Makes a change as far as the faults let it happen.
    fn change<T>(
        &mut self,
        op: Op,
        make: impl FnOnce(&mut Image, Effect) -> io::Result<T>,
    ) -> io::Result<T> {
        let (effect, error) = self.faults.meet(op);
        match error {
            None => make(&mut self.image, effect),
            Some(error) => {
                let happens = effect == Effect::Whole
                    || (effect == Effect::Half && matches!(op, Op::Write | Op::Sync));
                if happens {
                    // The caller gets the error in any case.
                    let _ = make(&mut self.image, effect);
                }
                Err(error)
            }
        }
    }
}
