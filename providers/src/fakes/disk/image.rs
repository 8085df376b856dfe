//! The files of a fake disk, as processes see them and as they would survive a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::Effect;

/// All files.
#[derive(Debug)]
pub(super) struct Image {
    /// Bytes that are written all or nothing.
    unit: usize,
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// What makes the one out of the other.
    unsynced: Vec<Naming>,
}

#[derive(Debug, Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Units that the next sync makes durable.
    dirty: BTreeSet<usize>,
    /// Units that no sync makes durable any more, because one has failed on them.
    forgotten: BTreeSet<usize>,
}

/// A change of the names.
#[derive(Clone, Debug)]
enum Naming {
    Create(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

impl Image {
    pub(super) const fn new(unit: usize) -> Self {
        Self {
            unit,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced: Vec::new(),
        }
    }

    pub(super) fn after_crash(&self, survives: &mut dyn FnMut() -> bool) -> Self {
        let mut names = self.durable_names.clone();
        for naming in &self.unsynced {
            if survives() {
                naming.apply(&mut names);
            }
        }
        let mut after = Self::new(self.unit);
        for (name, file) in names {
            let contents = self.files[file].after_crash(self.unit, survives);
            after.put(&name, &contents);
        }
        after
    }

    pub(super) fn create(&mut self, name: &str) -> usize {
        if let Some(&file) = self.names.get(name) {
            self.files[file].live.clear();
            return file;
        }
        let file = self.files.len();
        self.files.push(File::default());
        self.name(Naming::Create(name.to_owned(), file));
        file
    }

    pub(super) fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let file = self.find(from)?;
        self.name(Naming::Rename(from.to_owned(), to.to_owned(), file));
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.find(name)?;
        self.name(Naming::Remove(name.to_owned()));
        Ok(())
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.unsynced.push(naming);
    }

    pub(super) fn sync_names(&mut self) {
        self.durable_names = self.names.clone();
        self.unsynced.clear();
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn size(&self, file: usize) -> u64 {
        self.files[file].live.len() as u64
    }

    pub(super) fn read(&self, file: usize, offset: usize, into: &mut [u8]) -> usize {
        let rest = self.files[file].live.get(offset..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        count
    }

    pub(super) fn write(&mut self, file: usize, offset: usize, bytes: &[u8]) {
        let (file, end) = (&mut self.files[file], offset + bytes.len());
        if file.live.len() < end {
            file.live.resize(end, 0);
        }
        file.live[offset..end].copy_from_slice(bytes);
        for unit in offset / self.unit..end.div_ceil(self.unit) {
            file.dirty.insert(unit);
            file.forgotten.remove(&unit);
        }
    }

    pub(super) fn sync(&mut self, file: usize, effect: Effect) {
        let file = &mut self.files[file];
        let count = if effect == Effect::Half { file.dirty.len() / 2 } else { file.dirty.len() };
        file.durable.resize(file.live.len(), 0);
        for unit in file.dirty.iter().copied().take(count).collect::<Vec<_>>() {
            file.dirty.remove(&unit);
            copy(unit, self.unit, &file.live, &mut file.durable);
        }
    }

    /// A sync has failed: the system holds what it could not write for written.
    pub(super) fn forget_unsynced(&mut self, file: usize) {
        let file = &mut self.files[file];
        file.forgotten.append(&mut file.dirty);
    }

    pub(super) fn contents(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.files[*self.names.get(name)?].live.clone())
    }

    pub(super) fn put(&mut self, name: &str, contents: &[u8]) {
        let file = self.files.len();
        let contents = contents.to_vec();
        self.files.push(File { live: contents.clone(), durable: contents, ..File::default() });
        self.names.insert(name.to_owned(), file);
        self.durable_names.insert(name.to_owned(), file);
    }

    pub(super) fn take_away(&mut self, name: &str) {
        self.names.remove(name);
        self.durable_names.remove(name);
    }
}

impl File {
    fn after_crash(&self, unit: usize, survives: &mut dyn FnMut() -> bool) -> Vec<u8> {
        let mut after = self.durable.clone();
        if self.live.len() != self.durable.len() && survives() {
            after.resize(self.live.len(), 0);
        }
        for number in self.dirty.union(&self.forgotten) {
            if survives() {
                copy(*number, unit, &self.live, &mut after);
            }
        }
        after
    }
}

/// Copies one unit, as far as both have it.
fn copy(number: usize, unit: usize, from: &[u8], to: &mut [u8]) {
    let start = number * unit;
    let end = (start + unit).min(from.len()).min(to.len());
    if start < end {
        to[start..end].copy_from_slice(&from[start..end]);
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Rename(from, to, file) => {
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(to.clone(), *file);
            }
            Self::Remove(name) => drop(names.remove(name)),
        }
    }
}
