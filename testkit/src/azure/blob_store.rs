//! A container of blobs in memory that counts requests, refuses them and loses their answers as a test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reenact_providers::ProviderError;
use reenact_providers::azure::blob_store::BlobStore;
use reenact_providers::azure::port::{Etag, Only};

/// Blobs in memory. Clones are the same blob store.
#[derive(Clone, Debug, Default)]
pub struct FakeBlobStore(Arc<Mutex<State>>);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out, and the error says so.
    Refused,
    /// It is carried out, and the answer is lost: the outcome of a write is unknown.
    Lost,
    /// A write is carried out after the next request, and its outcome is unknown.
    Late,
    /// A write is not carried out. The error says that its condition does not hold, although it does.
    Contradicted,
}

/// How many requests there were, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Reads of a part of a blob.
    pub gets: u64,
    /// Writes.
    pub puts: u64,
    /// Removals.
    pub deletes: u64,
    /// Lists.
    pub lists: u64,
    /// Reads of a small blob with its etag.
    pub loads: u64,
}

impl Requests {
    /// Of any kind.
    pub const fn all(&self) -> u64 {
        self.gets + self.puts + self.deletes + self.lists + self.loads
    }
}

#[derive(Debug, Default)]
struct State {
    blobs: BTreeMap<String, (Vec<u8>, Etag)>,
    written: u64,
    requests: Requests,
    fault: Option<(u64, Fault)>,
    late: Option<Write>,
}

#[derive(Debug)]
enum Write {
    Put(String, Vec<u8>, Only),
    Delete(String),
}

impl FakeBlobStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another blob store with the same blobs, without faults.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = self.state();
        let copy = State { blobs: state.blobs.clone(), written: state.written, ..State::default() };
        Self(Arc::new(Mutex::new(copy)))
    }

    /// Lets the request that comes after `others` go wrong.
    pub fn fail(&self, others: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.requests.all() + others, fault));
    }

    /// Whether nothing is to go wrong any more.
    pub fn has_failed(&self) -> bool {
        self.state().fault.is_none()
    }

    /// The requests so far.
    pub fn requests(&self) -> Requests {
        self.state().requests
    }

    /// The names of all blobs, in order.
    pub fn names(&self) -> Vec<String> {
        self.state().blobs.keys().cloned().collect()
    }

    /// The bytes of a blob.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.state().blobs.get(name).map(|(bytes, _)| bytes.clone())
    }

    /// Writes a blob without a request that is counted.
    pub fn replace(&self, name: &str, bytes: Vec<u8>) {
        self.state().write(Write::Put(name.to_owned(), bytes, Only::Always)).ok();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        count: impl FnOnce(&mut Requests),
        read: impl FnOnce(&State) -> T,
    ) -> Result<T, ProviderError> {
        let mut state = self.state();
        let fault = state.request(count);
        let answer = read(&state);
        state.carry_out_late();
        if fault.is_some() { Err(refused()) } else { Ok(answer) }
    }

    fn write(
        &self,
        count: impl FnOnce(&mut Requests),
        write: Write,
    ) -> Result<Etag, ProviderError> {
        let mut state = self.state();
        let fault = state.request(count);
        let outcome = match fault {
            None => state.write(write),
            Some(Fault::Refused) => Err(refused()),
            Some(Fault::Lost) => {
                // Whether the condition holds is lost as well.
                let _ = state.write(write);
                Err(lost())
            }
            Some(Fault::Late) => {
                state.late = Some(write);
                return Err(lost());
            }
            Some(Fault::Contradicted) => {
                Err(ProviderError::Conflict { reason: "a condition does not hold".to_owned() })
            }
        };
        state.carry_out_late();
        outcome
    }
}

impl State {
    fn request(&mut self, count: impl FnOnce(&mut Requests)) -> Option<Fault> {
        let number = self.requests.all();
        count(&mut self.requests);
        let (_, fault) = self.fault.take_if(|(at, _)| *at <= number)?;
        Some(fault)
    }

    fn carry_out_late(&mut self) {
        if let Some(late) = self.late.take() {
            // It may find that its condition does not hold any more.
            let _ = self.write(late);
        }
    }

    fn write(&mut self, write: Write) -> Result<Etag, ProviderError> {
        self.written += 1;
        let new = Etag(format!("\"{}\"", self.written));
        match write {
            Write::Delete(name) => {
                self.blobs.remove(&name);
            }
            Write::Put(name, bytes, only) => {
                let there = self.blobs.get(&name).map(|(_, etag)| etag);
                let holds = match &only {
                    Only::Always => true,
                    Only::IfNew => there.is_none(),
                    Only::IfMatch(etag) => there == Some(etag),
                };
                if !holds {
                    let reason = format!("{name} is not as the condition wants it");
                    return Err(ProviderError::Conflict { reason });
                }
                self.blobs.insert(name, (bytes, new.clone()));
            }
        }
        Ok(new)
    }
}

impl BlobStore for FakeBlobStore {
    fn get(
        &self,
        name: &str,
        from: u64,
        length: Option<u64>,
    ) -> Result<Option<Vec<u8>>, ProviderError> {
        self.read(
            |requests| requests.gets += 1,
            |state| {
                let (bytes, _) = state.blobs.get(name)?;
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
                let length = length.map_or(usize::MAX, |length| length as usize);
                Some(bytes[from..from.saturating_add(length).min(bytes.len())].to_vec())
            },
        )
    }

    fn put(&self, name: &str, bytes: Vec<u8>, only: &Only) -> Result<Etag, ProviderError> {
        let write = Write::Put(name.to_owned(), bytes, only.clone());
        self.write(|requests| requests.puts += 1, write)
    }

    fn delete(&self, name: &str) -> Result<(), ProviderError> {
        let write = Write::Delete(name.to_owned());
        self.write(|requests| requests.deletes += 1, write).map(drop)
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, ProviderError> {
        self.read(
            |requests| requests.lists += 1,
            |state| state.blobs.keys().filter(|name| name.starts_with(prefix)).cloned().collect(),
        )
    }

    fn load(&self, name: &str) -> Result<Option<(Vec<u8>, Etag)>, ProviderError> {
        self.read(|requests| requests.loads += 1, |state| state.blobs.get(name).cloned())
    }
}

fn refused() -> ProviderError {
    ProviderError::Unavailable { reason: "the blob store refuses".to_owned(), source: None }
}

fn lost() -> ProviderError {
    ProviderError::Unknown { reason: "the reply was lost".to_owned(), source: None }
}
