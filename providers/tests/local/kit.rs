//! Directories and helpers that the tests of the local provider share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::{
    Batch, InstanceState, InstanceSummary, Lease, Local, LocalOptions, ManualClock, Provider,
    TurnRecord,
};

/// A directory that is removed in the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("local-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Small segments, and a clock that stands still.
pub(crate) fn options(flush_bytes: usize) -> LocalOptions {
    let mut options = LocalOptions::new().shards(2).clock(ManualClock::default());
    options = options.segment_bytes(8 * 1024, 64 * 1024);
    options = options.flush_bytes(flush_bytes);
    options
}

/// All files below a path with what they have, but for the lock.
pub(crate) fn contents(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        if !path.is_dir() {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
            continue;
        }
        found.insert(path.clone(), Vec::new());
        for entry in std::fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "LOCK" {
                left.push(entry.path());
            }
        }
    }
    found
}

pub(crate) fn turn(label: &str, number: u64, state: InstanceState) -> TurnRecord {
    let summary = InstanceSummary {
        instance: InstanceId::new(label).unwrap(),
        execution: ExecutionId::FIRST,
        name: Name::new("orchestration").unwrap(),
        state,
        created_at: Timestamp::from_micros(1_767_225_600_000_000),
        updated_at: Timestamp::from_micros(1_767_225_600_000_000 + number),
        turns: number + 1,
        events: 2 * number + 1,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    TurnRecord {
        number,
        bytes: format!("{label}/{number}").into_bytes().into(),
        summary,
        has_drawn_id: false,
        keep: 0,
    }
}

/// An owner of all shards of a store.
pub(crate) struct Owner {
    pub(crate) store: Local,
    leases: Vec<Lease>,
}

impl Owner {
    pub(crate) async fn of(store: Local) -> Self {
        let mut leases = Vec::new();
        for shard in (0..store.shards()).map(ShardId) {
            leases.push(store.leases().acquire(shard, "test").await.unwrap());
        }
        Self { store, leases }
    }

    /// Appends to whichever shards the turns are of.
    pub(crate) async fn append(&self, turns: &[TurnRecord]) {
        for Lease { shard, epoch, .. } in self.leases.iter().cloned() {
            let of_shard = |turn: &&TurnRecord| {
                ShardId::of(&turn.summary.instance, self.store.shards()) == shard
            };
            let turns: Vec<_> = turns.iter().filter(of_shard).cloned().collect();
            let batch = Batch { shard, epoch, turns };
            let _ = self.store.histories().append(batch.into()).await.unwrap();
        }
    }
}

/// The bytes of all turns of an instance.
pub(crate) async fn history(store: &Local, label: &str) -> Vec<Vec<u8>> {
    let instance = InstanceId::new(label).unwrap();
    let (mut turns, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let page = store.histories().read(&instance, ExecutionId::FIRST, from, 1_000).await;
        let page = page.unwrap();
        turns.extend(page.turns.iter().map(|turn| turn.bytes.to_vec()));
        next = page.next;
    }
    turns
}
