//! The whole product, hosts and clients, in one thread and in virtual time, under seeds and faults.
//!
//! [`run_seed`] makes a world with several hosts on one store, in memory, in a directory or in a hub, and clients that run programs
//! made by the seed. Hosts crash, messages come twice, clocks jump. Then the faults end, and everything must come to rest; what
//! came out must be what an oracle says that knows nothing of shards or logs.

pub mod checks;
mod clients;
pub mod durable;
mod history;
mod hub;
mod marks;
mod overdue;
mod parallel;
mod secrets;
pub mod systematic;
mod workload;
pub mod zoo;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use reenact::testing::simulation::{Fault, Plan, ScenarioStore, Simulated, simulate, simulate_on};

use crate::hub::Hub;
use crate::workload::Hosts;

pub use crate::marks::{MARKS, Marks};
pub use crate::parallel::in_order;

/// The outcome of one seed: what it has seen, or what is wrong.
pub type Outcome = Simulated<Result<Marks, String>>;

/// What the hosts of a run have for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Memory, which all hosts share.
    Memory,
    /// A directory on a disk that lies, which one host at a time has open.
    Directory,
    /// A hub over Azure Storage in memory.
    Hub,
}

/// The stores that there are.
pub const STORES: [Store; 3] = [Store::Memory, Store::Directory, Store::Hub];

/// The store that a seed has where nothing else is said: one in twenty has a hub, which takes the most time.
pub const fn store_of(seed: u64) -> Store {
    match seed % 20 {
        19 => Store::Hub,
        other if other % 2 == 0 => Store::Memory,
        _ => Store::Directory,
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Directory => "directory",
            Self::Hub => "hub",
        })
    }
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = STORES.into_iter().find(|known| known.to_string() == text);
        found.ok_or_else(|| format!("`{text}` is no store: there are {STORES:?}, in small letters"))
    }
}

/// Runs a seed on its store, with all of its faults or with these only.
pub fn run_seed(seed: u64, only: Option<BTreeSet<Fault>>, keeps_lines: bool) -> Outcome {
    run_seed_on(store_of(seed), seed, only, keeps_lines)
}

/// Runs a seed on a store.
pub fn run_seed_on(
    store: Store,
    seed: u64,
    only: Option<BTreeSet<Fault>>,
    keeps_lines: bool,
) -> Outcome {
    let in_world = match store {
        Store::Memory | Store::Hub => ScenarioStore::Memory,
        Store::Directory => ScenarioStore::Directory,
    };
    let tags = vec![workload::TAG.to_owned()];
    let plan = Plan { only, keeps_lines, store: in_world, tags, ..Plan::new(seed) };
    let hosts = Hosts::of_seed(seed);
    let of_host = hosts.clone();
    let build = move |dice: &_| workload::host(dice, &of_host);
    let drive = |world| clients::play(world, hosts, store);
    let run = || match store {
        Store::Hub => simulate_on(&plan, |ground| Arc::new(Hub::new(ground)), build, drive),
        Store::Memory | Store::Directory => simulate(&plan, build, drive),
    };
    let (mut outcome, said) = secrets::Secrets::watch(run);
    if let Some(damage) = outcome.damage.take() {
        outcome.result = Err(format!("the store is damaged: {damage}"));
    }
    if let (Ok(_), Some(found)) = (&outcome.result, said.secret) {
        outcome.result = Err(format!("a payload is in the log of the program: {found}"));
    }
    if let Ok(marks) = &mut outcome.result {
        marks.extend(said.marks);
    }
    outcome
}
