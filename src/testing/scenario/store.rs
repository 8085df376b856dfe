//! The store of a world, as its hosts and clients open it.

use std::sync::Arc;

use async_trait::async_trait;
use reenact_providers::{
    HistoryStore, InMemory, OpenError, Provider, ShardLease, Sharing, TimerScheduler,
};
use tokio::sync::mpsc;

use super::dice::Dice;
use super::site::Site;
use crate::testing::VirtualClock;

/// The store of a world. What goes wrong between it and a host is the affair of the [`Site`] of that host.
#[async_trait]
pub trait WorldStore: Send + Sync + 'static {
    /// Called once, before anything else. `site` makes the site of a client.
    async fn begin(&self, _site: &(dyn Fn() -> Arc<Site> + Send + Sync)) {}

    /// Whether its hosts find out by themselves which of them have gone, as in a hub.
    fn buries_its_dead(&self) -> bool {
        false
    }

    /// Opens it for a host.
    async fn open(
        &self,
        site: &Arc<Site>,
        clock: &VirtualClock,
    ) -> Result<Arc<dyn Provider>, OpenError>;

    /// What a client without a host has; `None` where, or while, there are no such clients.
    fn connect(&self) -> Option<Arc<dyn Provider>>;

    /// The store itself, to look at it; `None` while nobody has it open.
    fn look(&self) -> Option<Arc<dyn Provider>>;

    /// The same, opened anew where what one has seen of it may be of a moment ago.
    async fn look_anew(&self) -> Option<Arc<dyn Provider>> {
        self.look()
    }

    /// Whether its hosts are on one machine, with the disk that it is on.
    fn is_on_a_disk(&self) -> bool {
        false
    }

    /// That machine loses power.
    fn lose_power(&self) {}

    /// Its disk has no room for a while.
    fn fill_up(&self) {}
}

/// What a store has of its world.
pub struct Ground {
    /// What everything follows from.
    pub seed: u64,
    /// The number of shards.
    pub shards: u32,
    /// All chance.
    pub dice: Dice,
    /// A clock that is right.
    pub clock: VirtualClock,
    pub(super) crashes: mpsc::UnboundedSender<Crash>,
}

/// What is to crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    /// The host of this site.
    Site(u64),
    /// The machine with the disk.
    Machine,
}

/// A store in memory, which all share.
pub(super) struct Memory(InMemory);

impl Memory {
    pub(super) fn new(ground: &Ground) -> Self {
        Self(InMemory::new().with_shards(ground.shards).with_clock(ground.clock.clone()).shared())
    }
}

#[async_trait]
impl WorldStore for Memory {
    async fn open(
        &self,
        _site: &Arc<Site>,
        _clock: &VirtualClock,
    ) -> Result<Arc<dyn Provider>, OpenError> {
        Ok(Arc::new(self.0.clone()))
    }

    fn connect(&self) -> Option<Arc<dyn Provider>> {
        Some(Arc::new(self.0.clone()))
    }

    fn look(&self) -> Option<Arc<dyn Provider>> {
        self.connect()
    }
}

/// The store of a world without its faults, to look at it.
#[derive(Clone)]
pub struct View(pub(super) Arc<dyn Provider>);

impl Provider for View {
    fn shards(&self) -> u32 {
        self.0.shards()
    }

    fn histories(&self) -> Arc<dyn HistoryStore> {
        self.0.histories()
    }

    fn timers(&self) -> Arc<dyn TimerScheduler> {
        self.0.timers()
    }

    fn leases(&self) -> Arc<dyn ShardLease> {
        self.0.leases()
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.0.sharing()
    }
}
