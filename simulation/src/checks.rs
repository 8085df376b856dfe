//! What runs under a seed and can fail: the simulation, and checks of what it does not see.

mod journal;
mod outage;
mod poison;
mod values;

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};

use reenact::InMemory;
use reenact_testkit::conformance;

use crate::systematic::{self, Limit};
use crate::{Store, run_seed_on};

/// A check that a seed can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The contract of a provider, on the store in memory. It has one seed.
    Conformance,
    /// A journal on a disk that tears, loses, refuses and rots.
    Journal,
    /// What code computes, and in which order things come to it, in a world with all faults.
    Values,
    /// A message that cannot be read, in a world with all faults.
    Poison,
    /// Instances that nobody asks for, on one host that cannot read for a while, in a world with all faults.
    Outage,
    /// Small scenarios, a crash at each of some of their points. Each scenario is a seed.
    Systematic,
    /// Programs of the seed in a world with all faults.
    Simulation,
    /// The same on a directory, whose disk lies.
    Directory,
}

impl Check {
    /// All of them, the quick ones first.
    pub const ALL: &[Self] = &[
        Self::Conformance,
        Self::Journal,
        Self::Poison,
        Self::Outage,
        Self::Values,
        Self::Systematic,
        Self::Simulation,
        Self::Directory,
    ];

    /// Its name in commands and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conformance => "conformance",
            Self::Journal => "journal",
            Self::Values => "values",
            Self::Poison => "poison",
            Self::Outage => "outage",
            Self::Systematic => "systematic",
            Self::Simulation => "simulation",
            Self::Directory => "directory",
        }
    }

    /// How many seeds it has that differ.
    pub fn seeds(self) -> u64 {
        match self {
            Self::Conformance => 1,
            Self::Systematic => systematic::names().len() as u64,
            Self::Journal
            | Self::Values
            | Self::Poison
            | Self::Outage
            | Self::Simulation
            | Self::Directory => u64::MAX,
        }
    }

    /// Runs a seed. A panic is a failure.
    ///
    /// # Errors
    /// What is wrong.
    pub fn run(self, seed: u64) -> Result<(), String> {
        let run = || match self {
            Self::Conformance => conform(),
            Self::Journal => journal::run(seed),
            Self::Values => values::run(seed),
            Self::Poison => poison::run(seed),
            Self::Outage => outage::run(seed),
            Self::Systematic => crash_at_points(seed),
            Self::Simulation => run_seed_on(Store::Memory, seed, None, false).result.map(drop),
            Self::Directory => run_seed_on(Store::Directory, seed, None, false).result.map(drop),
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Err(text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned())
        })
    }
}

/// As many points of each scenario of a number of hosts as take a second or two.
const POINTS: usize = 15;

fn crash_at_points(seed: u64) -> Result<(), String> {
    let scenario = usize::try_from(seed).ok().and_then(|at| systematic::names().get(at).copied());
    let scenario = Some(scenario.ok_or("there are not so many scenarios")?.to_owned());
    let threads = Some(NonZero::<usize>::MIN);
    let limit = Limit { scenario, once: POINTS, threads, ..Limit::ONCE };
    systematic::run_all(&limit).map(drop).map_err(|failure| failure.to_string())
}

fn conform() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        conformance::check(|clock| async { InMemory::new().with_clock(clock) }).await;
        conformance::check_sharing(|clock| async { InMemory::new().with_clock(clock).shared() })
            .await;
    });
    Ok(())
}
