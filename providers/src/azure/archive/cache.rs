//! What was read lately.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::row::Row;

/// Keeps what was used last, up to some bytes.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    state: Mutex<State>,
}

/// A place in a blob that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) shard: u32,
    pub(super) run: u64,
    pub(super) offset: u64,
}

/// What was read from there, and checked.
#[derive(Clone, Debug)]
pub(super) enum Cached {
    Rows(Arc<Vec<Row>>),
    /// A chunk as it is stored.
    Turns(Arc<[u8]>),
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// The keys by when they were used last.
    uses: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    cached: Cached,
    bytes: usize,
    used: u64,
}

impl Cache {
    /// A cache that keeps about this number of bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    pub(super) fn rows(&self, key: Key) -> Option<Arc<Vec<Row>>> {
        match self.state().touch(key)? {
            Cached::Rows(rows) => Some(rows),
            Cached::Turns(_) => None,
        }
    }

    pub(super) fn turns(&self, key: Key) -> Option<Arc<[u8]>> {
        match self.state().touch(key)? {
            Cached::Turns(turns) => Some(turns),
            Cached::Rows(_) => None,
        }
    }

    /// Keeps something, in place of what was not used for longest.
    pub(super) fn keep(&self, key: Key, cached: Cached) {
        let bytes = cached.bytes();
        if bytes > self.limit {
            return;
        }
        let mut state = self.state();
        state.remove(key);
        state.clock += 1;
        let used = state.clock;
        state.uses.insert(used, key);
        state.entries.insert(key, Entry { cached, bytes, used });
        state.bytes += bytes;
        while state.bytes > self.limit
            && let Some((_, oldest)) = state.uses.first_key_value()
        {
            let oldest = *oldest;
            state.remove(oldest);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn touch(&mut self, key: Key) -> Option<Cached> {
        let entry = self.entries.get_mut(&key)?;
        self.clock += 1;
        self.uses.remove(&entry.used);
        self.uses.insert(self.clock, key);
        entry.used = self.clock;
        Some(entry.cached.clone())
    }

    fn remove(&mut self, key: Key) {
        if let Some(entry) = self.entries.remove(&key) {
            self.uses.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }
}

impl Cached {
    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        match self {
            Self::Turns(turns) => turns.len(),
            Self::Rows(rows) => rows.iter().map(row_bytes).sum(),
        }
    }
}

fn row_bytes(row: &Row) -> usize {
    let chunks = row.grown.as_ref().map_or(0, |grown| grown.chunks.len());
    size_of::<Row>() + row.instance.as_str().len() + 16 + chunks * 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_what_is_too_large_is_not_kept() {
        let cache = Cache::new(10);
        let key = |offset| Key { shard: 0, run: 1, offset };
        let turns = |bytes: usize| Cached::Turns(vec![0; bytes].into());
        cache.keep(key(1), turns(4));
        cache.keep(key(2), turns(4));
        assert!(cache.turns(key(1)).is_some() && cache.rows(key(1)).is_none());
        cache.keep(key(3), turns(4));
        cache.keep(key(4), turns(11));
        let kept = [1, 2, 3, 4].map(|offset| cache.turns(key(offset)).is_some());
        assert_eq!(kept, [true, false, true, false]);
        cache.keep(key(1), turns(6));
        assert!(cache.turns(key(3)).is_some(), "its own place is free again");
    }
}
