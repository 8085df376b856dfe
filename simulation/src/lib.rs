//! The whole product, hosts and clients, in one thread and in virtual time, under seeds and faults.
//!
//! [`run_seed`] makes a world with several hosts on one store in memory, and clients that run programs made by the
//! seed. Hosts crash, messages come twice, clocks jump. Then the faults end, and everything must come to rest; what
//! came out must be what an oracle says that knows nothing of shards or logs.

pub mod checks;
mod clients;
mod durable;
mod history;
mod marks;
mod overdue;
mod secrets;
pub mod systematic;
mod workload;
#[cfg(reenact_zoo)]
pub mod zoo;

use std::collections::BTreeSet;

use reenact::testing::simulation::{Fault, Plan, ScenarioStore, Simulated, simulate};

use crate::workload::Hosts;

pub use crate::marks::{MARKS, Marks};

/// The outcome of one seed: what it has seen, or what is wrong.
pub type Outcome = Simulated<Result<Marks, String>>;

/// The stores that seeds have, in turn.
pub const STORES: [ScenarioStore; 2] = [ScenarioStore::Memory, ScenarioStore::Directory];

/// The store that a seed has where nothing else is said.
pub const fn store_of(seed: u64) -> ScenarioStore {
    STORES[(seed % STORES.len() as u64) as usize]
}

/// Runs a seed on its store, with all of its faults or with these only.
pub fn run_seed(seed: u64, only: Option<BTreeSet<Fault>>, keeps_lines: bool) -> Outcome {
    run_seed_on(store_of(seed), seed, only, keeps_lines)
}

/// Runs a seed on a store.
pub fn run_seed_on(
    store: ScenarioStore,
    seed: u64,
    only: Option<BTreeSet<Fault>>,
    keeps_lines: bool,
) -> Outcome {
    let plan = Plan { only, keeps_lines, store, ..Plan::new(seed) };
    let hosts = Hosts::of_seed(seed);
    let of_host = hosts.clone();
    let build = move |dice: &_| workload::host(dice, &of_host);
    let run = || simulate(&plan, build, |world| clients::play(world, hosts, store));
    let (mut outcome, found) = secrets::Secrets::watch(run);
    if let Some(damage) = outcome.damage.take() {
        outcome.result = Err(format!("the store is damaged: {damage}"));
    }
    if let (Ok(_), Some(found)) = (&outcome.result, found) {
        outcome.result = Err(format!("a payload is in the log of the program: {found}"));
    }
    outcome
}
