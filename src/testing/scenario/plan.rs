//! What a run is to be, and what became of it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::dice::{Fault, mixed};
use super::points::Points;

/// What the hosts of a run have for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScenarioStore {
    /// [`InMemory`](crate::InMemory), which all hosts share.
    Memory,
    /// A directory on one machine, which one host at a time has open. Its disk loses and tears what was not synced.
    Directory,
}

impl fmt::Display for ScenarioStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Directory => "directory",
        })
    }
}

impl FromStr for ScenarioStore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Memory, Self::Directory];
        let found = known.into_iter().find(|known| known.to_string() == text);
        found.ok_or_else(|| format!("`{text}` is no store: it is `memory` or `directory`"))
    }
}

/// What a run is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What everything follows from.
    pub seed: u64,
    /// The faults that may happen; all of them when it is `None`.
    pub only: Option<BTreeSet<Fault>>,
    /// The number of hosts.
    pub hosts: usize,
    /// The number of shards.
    pub shards: u32,
    /// What the hosts have for a store.
    pub store: ScenarioStore,
    /// The tags that the first host declares, and no other.
    pub tags: Vec<String>,
    /// Whether the lines of the trace are kept.
    pub keeps_lines: bool,
    /// Where hosts crash, instead of where chance says.
    pub points: Option<Points>,
}

impl Plan {
    /// A run with all faults, and as many hosts and shards as its seed says.
    pub fn new(seed: u64) -> Self {
        let hosts = 1 + (mixed((seed, "hosts")) % 3) as usize;
        let shards = 1 + (mixed((seed, "shards")) % 4) as u32;
        let (store, tags) = (ScenarioStore::Memory, Vec::new());
        Self { seed, only: None, hosts, shards, store, tags, keeps_lines: false, points: None }
    }
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Simulated<T> {
    /// What it was for.
    pub result: T,
    /// A digest over all calls of the store: equal for equal runs.
    pub digest: u64,
    /// The number of calls of the store.
    pub calls: u64,
    /// The faults that have happened, in order.
    pub fired: Vec<Fault>,
    /// What a host said of a store that it could not open because something in it is not as it was written. Never are
    /// faults an excuse for that.
    pub damage: Option<String>,
    /// The lines of the trace, if they were to be kept.
    pub lines: Vec<String>,
    /// How long it took, in virtual time.
    pub took: Duration,
}
