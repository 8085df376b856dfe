//! Which calls to a fake disk fail, and what happens of them.

use std::collections::BTreeMap;
use std::{fmt, io};

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// A file is made or emptied.
    Create,
    /// A file is opened.
    Open,
    /// A file's size is asked for.
    Size,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// A file is synced.
    Sync,
    /// The names are asked for.
    List,
    /// A file gets another name.
    Rename,
    /// A file is removed.
    Remove,
    /// The names are synced.
    SyncNames,
}

impl Op {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Create,
        Self::Open,
        Self::Size,
        Self::Read,
        Self::Write,
        Self::Sync,
        Self::List,
        Self::Rename,
        Self::Remove,
        Self::SyncNames,
    ];

    /// Whether it changes what is on the disk.
    pub const fn changes_something(self) -> bool {
        !matches!(self, Self::Open | Self::Size | Self::Read | Self::List)
    }
}

/// What a failing call does before it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// Half of the bytes are written, or half of the sectors are synced. Other calls do nothing.
    Half,
    /// All of it.
    Whole,
}

/// One call that fails, or several of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The kind of call.
    pub op: Op,
    /// Which call of its kind fails, counted from now on; the first is 0.
    pub at: u64,
    /// Whether all later calls of the kind fail as well.
    pub forever: bool,
    /// The error that the call returns.
    pub error: io::ErrorKind,
    /// What the call does before it fails.
    pub effect: Effect,
}

/// What becomes of a call that goes wrong by chance.
#[derive(Clone, Copy, Debug)]
pub struct Mishap {
    /// The error that the call returns.
    pub error: io::ErrorKind,
    /// What the call does before it fails.
    pub effect: Effect,
    /// Whether the process dies with it: all further calls fail.
    pub is_last: bool,
}

/// Is asked before each call whether that goes wrong.
pub type Chance = Box<dyn FnMut(Op) -> Option<Mishap> + Send>;

#[derive(Default)]
pub(super) struct Faults {
    counts: BTreeMap<Op, u64>,
    steps: u64,
    /// With the count at which each begins.
    faults: Vec<(u64, Fault)>,
    /// The count of reads at which one gives wrong bytes.
    misread: Option<u64>,
    dies_at: Option<u64>,
    is_dead: bool,
    chance: Option<Chance>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl Faults {
    pub(super) fn set_chance(&mut self, chance: Chance) {
        self.chance = Some(chance);
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push((self.count(fault.op) + fault.at, fault));
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
    }

    pub(super) fn die_at(&mut self, step: u64) {
        self.dies_at = Some(self.steps + step);
    }

    pub(super) fn misread(&mut self, at: u64) {
        self.misread = Some(self.count(Op::Read) + at);
    }

    /// Whether the read that was counted last gives wrong bytes.
    pub(super) fn is_misread(&self) -> bool {
        self.misread.is_some_and(|at| self.count(Op::Read) == at + 1)
    }

    pub(super) const fn is_dead(&self) -> bool {
        self.is_dead
    }

    pub(super) fn count(&self, op: Op) -> u64 {
        self.counts.get(&op).copied().unwrap_or_default()
    }

    pub(super) const fn steps(&self) -> u64 {
        self.steps
    }

    /// A call that changes nothing.
    pub(super) fn look(&mut self, op: Op) -> io::Result<()> {
        self.meet(op).1.map_or(Ok(()), Err)
    }

    /// What happens of a call, and the error that it returns.
    pub(super) fn meet(&mut self, op: Op) -> (Effect, Option<io::Error>) {
        if self.is_dead {
            return (Effect::Nothing, Some(died()));
        }
        let count = self.count(op);
        self.counts.insert(op, count + 1);
        if op.changes_something() {
            self.steps += 1;
            if self.dies_at.is_some_and(|step| self.steps > step) {
                self.is_dead = true;
                return (Effect::Whole, Some(died()));
            }
        }
        if let Some(mishap) = self.chance.as_mut().and_then(|chance| chance(op)) {
            self.is_dead |= mishap.is_last;
            return (mishap.effect, Some(mishap.error.into()));
        }
        let fault = (self.faults.iter()).find(|(from, fault)| {
            fault.op == op && (count == *from || (fault.forever && count > *from))
        });
        match fault {
            Some((_, fault)) => (fault.effect, Some(fault.error.into())),
            None => (Effect::Whole, None),
        }
    }
}

fn died() -> io::Error {
    io::Error::other("the process has died")
}
