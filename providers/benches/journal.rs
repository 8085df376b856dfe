//! What a journal costs beside the disk itself: a bare loop that writes and syncs the same bytes,
//! and the journal's appends, in turns, on the same file system.
//!
//! `cargo bench -p reenact-providers --features local --bench journal`. The directory is that of
//! the build, or `REENACT_BENCH_DIR`.

#![allow(clippy::unwrap_used, reason = "a bench that cannot measure is to stop")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::journal::{
    Checkpointer, Commit, Entry, Identity, Journal, JournalError, JournalId, Options, Recovery,
};
use reenact_providers::journaled::{Journaled, Options as StoreOptions};
use reenact_providers::local::SqliteArchive;
use reenact_providers::medium::{
    Directory, Disk, DiskFile, Medium, MediumError, RealDisk, RealFile, Segment,
};
use reenact_providers::{
    Batch, Epoch, HistoryStore, InstanceState, InstanceSummary, Lease, ShardLease, SystemClock,
    TurnRecord,
};
use tokio::runtime::Runtime;

/// Bytes of events in one turn.
const TURN_BYTES: usize = 256;
/// Turns in one commit.
const GROUPS: [usize; 4] = [1, 8, 64, 512];
/// Time for each measurement of a round, and number of rounds: what is compared takes short turns,
/// so that the machine's moods meet all of it. Not much in all: a disk that lends speed for a while
/// takes it back.
const TIME: Duration = Duration::from_millis(50);
const ROUNDS: usize = 11;
/// Size of the file of the bare loop, in bytes; it begins again at its start.
const BARE_BYTES: u64 = 64 * 1024 * 1024;

type RealJournal = Journal<Directory<RealDisk>>;
type RealCheckpointer = Checkpointer<Directory<RealDisk>>;

fn main() {
    let base = std::env::var_os("REENACT_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let path = base.join("bench-journal");
    println!("commits per second, medians of {ROUNDS} rounds, in {}", path.display());
    println!(
        "{:>6} {:>8} {:>8} {:>8} {:>7} {:>8} {:>7} {:>10} {:>7} {:>9}",
        "turns", "bare", "growing", "journal", "ratio", "store", "ratio", "turns/s", "bytes", "cpu"
    );
    for turns in GROUPS {
        measure(&path, turns);
    }
    recovery(&path);
    let _ = fs::remove_dir_all(&path);
}

fn measure(path: &Path, turns: usize) {
    let _ = fs::remove_dir_all(path);
    fs::create_dir_all(path).unwrap();
    let mut over_zeros = Bare::new(path, turns, true);
    let mut growing = Bare::new(path, turns, false);
    let mut direct = Direct::new(&path.join("direct"), turns);
    let mut stored = Stored::new(&path.join("store"), turns);
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        rates[0].push(over_zeros.rate());
        rates[1].push(growing.rate());
        rates[2].push(direct.rate());
        rates[3].push(stored.rate());
    }
    // Of each round by itself: the rounds differ more than what is compared.
    let ratio = |of: usize| median(rates[of].iter().zip(&rates[0]).map(|(a, b)| a / b).collect());
    let (direct_ratio, store_ratio) = (ratio(2), ratio(3));
    let [bare, growing, journal, store] = rates.map(median);
    println!(
        "{turns:>6} {bare:>8.0} {growing:>8.0} {journal:>8.0} {direct_ratio:>7.2} {store:>8.0} \
         {store_ratio:>7.2} {:>10.0} {:>7.3} {:>6.1} µs",
        store * turns as f64,
        direct.bytes_per_commit() / (turns * TURN_BYTES) as f64,
        encoding(turns) * 1e6,
    );
}

/// Writes and syncs as many bytes as the turns have, over zeros that are there or at the end of
/// the file.
struct Bare {
    file: RealFile,
    over_zeros: bool,
    bytes: Vec<u8>,
    offset: u64,
}

impl Bare {
    fn new(path: &Path, turns: usize, over_zeros: bool) -> Self {
        let disk = RealDisk::make(path).unwrap();
        let file = disk.create(if over_zeros { "zeros" } else { "growing" }).unwrap();
        if over_zeros {
            for at in (0..BARE_BYTES).step_by(1 << 20) {
                file.write_at(at, &[0; 1 << 20]).unwrap();
            }
            file.sync().unwrap();
        }
        Self { file, over_zeros, bytes: vec![7; turns * TURN_BYTES], offset: 0 }
    }

    fn rate(&mut self) -> f64 {
        let count = self.bytes.len() as u64;
        rate(|| {
            if self.over_zeros && self.offset + count > BARE_BYTES {
                self.offset = 0;
            }
            self.file.write_at(self.offset, &self.bytes).unwrap();
            self.file.sync().unwrap();
            self.offset += count;
        })
    }
}

/// Appends on the thread that has the turns.
struct Direct {
    journal: RealJournal,
    checkpointer: RealCheckpointer,
    entries: Vec<Entry>,
    bytes: u64,
    commits: u64,
}

impl Direct {
    fn new(path: &Path, turns: usize) -> Self {
        let (journal, checkpointer) = open(path);
        Self { journal, checkpointer, entries: entries(turns), bytes: 0, commits: 0 }
    }

    fn rate(&mut self) -> f64 {
        let mut last = self.journal.end();
        let rate = rate(|| {
            let end = self.journal.append(&self.entries).unwrap();
            if self.journal.wants_spare() {
                self.journal.prepare_in_background();
            }
            if end.segment == last.segment {
                self.bytes += end.offset - last.offset;
                self.commits += 1;
            }
            last = end;
        });
        self.checkpointer.checkpoint(last).unwrap();
        self.checkpointer.trim().unwrap();
        rate
    }

    fn bytes_per_commit(&self) -> f64 {
        self.bytes as f64 / self.commits as f64
    }
}

/// Appends from a task to a store of one shard, which checks each turn, keeps it in memory and has
/// a thread of its own for its journal.
struct Stored {
    runtime: Runtime,
    store: Journaled<Directory<RealDisk>, SqliteArchive>,
    lease: Lease,
    /// The number of the next turn of each instance.
    number: u64,
    turns: Vec<TurnRecord>,
}

impl Stored {
    fn new(path: &Path, turns: usize) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).build().unwrap();
        let archive = SqliteArchive::create(&path.with_extension("db"), IDENTITY.journal).unwrap();
        let media = [Directory::new(RealDisk::make(path).unwrap())];
        // Nothing goes to the archive: that is not what is measured.
        let options = StoreOptions {
            flush_bytes: usize::MAX / 2,
            memory_bytes: usize::MAX,
            ..StoreOptions::default()
        };
        let clock = Arc::new(SystemClock);
        let store = Journaled::open(IDENTITY.journal, media, archive, clock, options).unwrap();
        let lease = runtime.block_on(store.acquire(ShardId(0), "bench")).unwrap();
        Self { runtime, store, lease, number: 0, turns: records(turns) }
    }

    fn rate(&mut self) -> f64 {
        let (store, Lease { shard, epoch, .. }) = (self.store.clone(), self.lease.clone());
        let (mut turns, mut number) = (self.turns.clone(), self.number);
        // As an actor's task does it, and not the thread that built the runtime.
        let measured = self.runtime.spawn(async move {
            let (start, mut count) = (Instant::now(), 0);
            while start.elapsed() < TIME {
                for turn in &mut turns {
                    turn.number = number;
                    turn.summary.turns = number + 1;
                }
                let batch = Batch { shard, epoch, turns: turns.clone() };
                let _ = store.append(batch.into()).await.unwrap();
                number += 1;
                count += 1;
            }
            (f64::from(count) / start.elapsed().as_secs_f64(), number)
        });
        let (rate, number) = self.runtime.block_on(measured).unwrap();
        self.number = number;
        rate
    }
}

/// Seconds that a commit takes on a medium that takes none.
fn encoding(turns: usize) -> f64 {
    let recovery = Recovery::open(Arc::new(Nowhere), IDENTITY).unwrap();
    let recovered = recovery.replay(|_| Ok::<(), JournalError>(())).unwrap();
    let (mut journal, _) = recovered.begin(Epoch(1), Options::default()).unwrap();
    let entries = entries(turns);
    1.0 / rate(|| {
        let _ = std::hint::black_box(journal.append(&entries).unwrap());
    })
}

/// How long it takes to read 64 MiB back.
fn recovery(path: &Path) {
    let _ = fs::remove_dir_all(path);
    fs::create_dir_all(path).unwrap();
    let (mut journal, _) = open(path);
    let entries = entries(512);
    let mut bytes = 0;
    while bytes < 64 << 20 {
        bytes += 512 * TURN_BYTES;
        journal.append(&entries).unwrap();
    }
    drop(journal);
    let start = Instant::now();
    let mut turns = 0;
    let medium = Arc::new(Directory::new(RealDisk::open(path).unwrap()));
    let recovery = Recovery::open(medium, IDENTITY).unwrap();
    let recovered = recovery.replay(|commit: Commit<'_>| {
        turns += commit.entries.len();
        Ok::<(), JournalError>(())
    });
    assert_eq!(recovered.unwrap().end().sequence as usize * 512, turns);
    let seconds = start.elapsed().as_secs_f64();
    println!("recovery of a tail of 64 MiB, {turns} turns: {:.0} ms", seconds * 1e3);
}

const IDENTITY: Identity = Identity { journal: JournalId([7; 16]), shard: ShardId(0) };

fn open(path: &Path) -> (RealJournal, RealCheckpointer) {
    let medium = Arc::new(Directory::new(RealDisk::make(path).unwrap()));
    let recovery = Recovery::open(medium, IDENTITY).unwrap();
    let recovered = recovery.replay(|_| Ok::<(), JournalError>(())).unwrap();
    recovered.begin(Epoch(1), Options::default()).unwrap()
}

fn entries(turns: usize) -> Vec<Entry> {
    records(turns).into_iter().map(Entry::Turn).collect()
}

/// First turns of as many instances.
fn records(turns: usize) -> Vec<TurnRecord> {
    let turn = |number: usize| {
        let now = Timestamp::from_micros(1_767_225_600_000_000 + number as u64);
        let summary = InstanceSummary {
            instance: InstanceId::new(format!("order-{number:012}")).unwrap(),
            execution: ExecutionId::FIRST,
            name: Name::new("process_order").unwrap(),
            state: InstanceState::Running,
            created_at: now,
            updated_at: now,
            turns: 1,
            events: 2,
            wake_at: Some(Timestamp::EPOCH),
            attributes: reenact_core::Attributes::default(),
        };
        TurnRecord {
            number: 0,
            bytes: vec![7; TURN_BYTES].into(),
            summary,
            has_drawn_id: false,
            keep: 0,
        }
    };
    (0..turns).map(turn).collect()
}

/// How often per second.
fn rate(mut once: impl FnMut()) -> f64 {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < TIME {
        once();
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// A medium that takes everything and keeps nothing.
#[derive(Debug)]
struct Nowhere;

impl Medium for Nowhere {
    type Segment = Self;
    type Spare = ();

    fn list(&self) -> Result<Vec<String>, MediumError> {
        Ok(Vec::new())
    }

    fn open(&self, _name: &str) -> Result<Self, MediumError> {
        Ok(Self)
    }

    fn prepare(&self, _bytes: u64) -> Result<(), MediumError> {
        Ok(())
    }

    fn create(&self, _name: &str, (): (), _head: &[u8]) -> Result<Self, MediumError> {
        Ok(Self)
    }

    fn harden(
        &self,
        _last: Option<reenact_providers::medium::Stretch<'_>>,
    ) -> Result<(), MediumError> {
        Ok(())
    }

    fn remove(&self, _names: &[String]) -> Result<(), MediumError> {
        Ok(())
    }

    fn load(&self, _name: &str, _limit: usize) -> Result<Option<Vec<u8>>, MediumError> {
        Ok(None)
    }

    fn replace(&self, _name: &str, _bytes: &[u8]) -> Result<(), MediumError> {
        Ok(())
    }
}

impl Segment for Nowhere {
    fn size(&self) -> Result<u64, MediumError> {
        Ok(0)
    }

    fn read_at(&self, _offset: u64, _into: &mut [u8]) -> Result<usize, MediumError> {
        Ok(0)
    }

    fn append(&mut self, _offset: u64, bytes: &[u8]) -> Result<(), MediumError> {
        std::hint::black_box(bytes);
        Ok(())
    }
}
