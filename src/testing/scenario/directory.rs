//! A directory on a disk that lies: it loses and tears what was not synced, refuses, and has no room.
//!
//! The journals and what is written to them, when and in which order, are those of `Local`. Its archive is one in
//! memory, of which a disk knows which version counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reenact_providers::fakes::archive::FakeArchive;
use reenact_providers::fakes::disk::{Effect, FakeDisk, Mishap, Op};
use reenact_providers::journal::{self, JournalId};
use reenact_providers::journaled::{Journaled, Options, Threads};
use reenact_providers::medium::Directory;
use reenact_providers::{HistoryStore, OpenError, Provider, ShardLease, Sharing, TimerScheduler};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::dice::{Dice, FaultKind, mixed};
use super::site::Site;
use super::store::{Crash, Ground, WorldStore};
use crate::testing::VirtualClock;

/// The longest time for which the disk has no room, in milliseconds.
const FULL_MS: u64 = 6_000;

/// The sizes of the first segment of a journal, in bytes: so small that a run fills several.
const SEGMENT_BYTES: [u64; 3] = [2_048, 8_192, 65_536];

/// Bytes in memory from which on they go into the archive.
const FLUSH_BYTES: [usize; 3] = [1_000, 8_000, 1_000_000];

/// A directory, and the machine that it is on.
pub(super) struct LyingDirectory {
    seed: u64,
    machine: Arc<Machine>,
    state: Mutex<State>,
}

/// What all disks of a machine have in common.
struct Machine {
    dice: Dice,
    is_off: AtomicBool,
    full_until: Mutex<Option<Instant>>,
    crashes: mpsc::UnboundedSender<Crash>,
}

struct State {
    /// One for each shard.
    journals: Vec<FakeDisk>,
    archive: FakeArchive,
    /// The process that has it open.
    open: Option<(Arc<Site>, Opened)>,
}

/// An open directory.
#[derive(Clone)]
struct Opened {
    histories: Journaled<Directory<FakeDisk>, FakeArchive>,
    clock: VirtualClock,
}

impl LyingDirectory {
    pub(super) fn new(ground: &Ground) -> Self {
        let machine = Arc::new(Machine {
            dice: ground.dice.clone(),
            is_off: AtomicBool::new(false),
            full_until: Mutex::default(),
            crashes: ground.crashes.clone(),
        });
        let disk = || machine.disk(FakeDisk::new());
        let state = State {
            journals: (0..ground.shards).map(|_| disk()).collect(),
            archive: FakeArchive::new(disk()),
            open: None,
        };
        Self { seed: ground.seed, machine, state: Mutex::new(state) }
    }

    fn options(&self) -> Options {
        let chosen = |what, count| (mixed((self.seed, what)) % count) as usize;
        let first_segment_bytes = SEGMENT_BYTES[chosen("segment", 3)];
        let journal = journal::Options {
            first_segment_bytes,
            max_segment_bytes: 4 * first_segment_bytes,
            compress: chosen("compress", 2) == 0,
        };
        let flush_bytes = FLUSH_BYTES[chosen("flush", 3)];
        Options { journal, flush_bytes, threads: Threads::Callers, ..Options::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn opened(&self) -> Option<&Opened> {
        self.open.as_ref().filter(|(site, _)| site.is_alive()).map(|(_, opened)| opened)
    }
}

#[async_trait]
impl WorldStore for LyingDirectory {
    async fn open(
        &self,
        site: &Arc<Site>,
        clock: &VirtualClock,
    ) -> Result<Arc<dyn Provider>, OpenError> {
        let mut state = self.state();
        if state.opened().is_some() {
            let (place, holder) = ("the directory".into(), "another host".into());
            return Err(OpenError::InUse { place, holder });
        }
        // What another process had of it has gone with that process.
        state.open = None;
        let media = state.journals.iter().cloned().map(Directory::new).collect::<Vec<_>>();
        let (journal, archive) = (JournalId([7; 16]), state.archive.clone());
        let timers = Arc::new(clock.clone());
        let histories = Journaled::open(journal, media, archive, timers, self.options())?;
        let opened = Opened { histories, clock: clock.clone() };
        state.open = Some((site.clone(), opened.clone()));
        Ok(Arc::new(opened))
    }

    fn connect(&self) -> Option<Arc<dyn Provider>> {
        None
    }

    fn look(&self) -> Option<Arc<dyn Provider>> {
        self.state().opened().map(|opened| Arc::new(opened.clone()) as _)
    }

    fn is_on_a_disk(&self) -> bool {
        true
    }

    fn lose_power(&self) {
        let mut state = self.state();
        if let Some((site, _)) = state.open.take() {
            site.die();
        }
        // All of its processes have gone.
        let dice = &self.machine.dice;
        // Most of what was written shortly before survives, or little does, or any part of it.
        let most = dice.below("survives", 3);
        let after = |disk: &FakeDisk| {
            let survives = || dice.below("sector survives", 4) < [1, 2, 3][most as usize];
            self.machine.disk(disk.after_crash(survives))
        };
        state.journals = state.journals.iter().map(after).collect();
        state.archive = state.archive.on(after(state.archive.disk()));
        self.machine.is_off.store(false, Ordering::SeqCst);
    }

    fn fill_up(&self) {
        let lasts = Duration::from_millis(self.machine.dice.below("full", FULL_MS));
        *self.machine.full_until() = Some(Instant::now() + lasts);
    }
}

impl Machine {
    /// A disk on which things go wrong.
    fn disk(self: &Arc<Self>, disk: FakeDisk) -> FakeDisk {
        let this = self.clone();
        disk.by_chance(move |op| this.mishap(op));
        disk
    }

    fn mishap(&self, op: Op) -> Option<Mishap> {
        if self.is_off.load(Ordering::SeqCst) {
            return Some(self.end(Effect::Nothing));
        }
        if op.changes_something() && self.dice.fault(FaultKind::PowerLossInWrite) {
            self.is_off.store(true, Ordering::SeqCst);
            // A world that has ended needs no crash.
            let _ = self.crashes.send(Crash::Machine);
            return Some(self.end(self.effect()));
        }
        let fails = |kind, effect| {
            let error = std::io::ErrorKind::Other;
            self.dice.fault(kind).then_some(Mishap { error, effect, is_last: false })
        };
        match op {
            Op::Write | Op::Create if self.is_full() => {
                let error = std::io::ErrorKind::StorageFull;
                Some(Mishap { error, effect: self.effect(), is_last: false })
            }
            Op::Write => fails(FaultKind::ShortWrite, Effect::Half),
            Op::Sync => fails(FaultKind::SyncFailed, self.effect()),
            Op::Create | Op::Rename | Op::Remove | Op::SyncNames => {
                fails(FaultKind::NamingFailed, self.effect())
            }
            Op::Open | Op::Size | Op::Read | Op::List => {
                fails(FaultKind::DiskReadFailed, Effect::Nothing)
            }
        }
    }

    fn effect(&self) -> Effect {
        [Effect::Nothing, Effect::Half, Effect::Whole][self.dice.below("effect", 3) as usize]
    }

    fn end(&self, effect: Effect) -> Mishap {
        Mishap { error: std::io::ErrorKind::Other, effect, is_last: true }
    }

    fn is_full(&self) -> bool {
        let is_later = |until: Instant| Instant::now() < until;
        !self.dice.is_calm() && self.full_until().is_some_and(is_later)
    }

    fn full_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.full_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Opened {
    fn shards(&self) -> u32 {
        self.histories.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        Arc::new(self.histories.clone())
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        Arc::new(self.clock.clone())
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        Arc::new(self.histories.clone())
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        None
    }
}
