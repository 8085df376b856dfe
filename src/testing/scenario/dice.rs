//! Chance that follows from a seed, and the faults that it decides on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What can go wrong in a simulated world.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind {
            $($(#[$doc])* $kind,)*
        }

        impl FaultKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name in a line that repeats a run.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// A call of the store takes seconds.
    Slow = "slow",
    /// An append is refused, and nothing is written.
    AppendRefused = "append-refused",
    /// An append is written, and its outcome is unknown.
    AppendUnknown = "append-unknown",
    /// An append is not written, and its outcome is unknown.
    AppendLost = "append-lost",
    /// A read fails.
    ReadFailed = "read-failed",
    /// No read of a host succeeds for many seconds, which is longer than a host tries one.
    ReadOutage = "read-outage",
    /// A shard's lease is lost although its owner lives.
    LeaseLost = "lease-lost",
    /// A call about a lease fails.
    LeaseCallFailed = "lease-call-failed",
    /// A message is not taken by its queue.
    SendRefused = "send-refused",
    /// A message is taken by its queue, and its sender does not hear of it.
    SendUnknown = "send-unknown",
    /// A message comes again after it was acknowledged.
    Twice = "twice",
    /// Messages come in another order.
    Reordered = "reordered",
    /// A message comes late.
    Late = "late",
    /// An acknowledgement of a message fails.
    AcknowledgeFailed = "acknowledge-failed",
    /// A host crashes.
    Crash = "crash",
    /// A host crashes after the store has written, and before the host hears of it.
    CrashAfterWrite = "crash-after-write",
    /// A host is shut down gracefully.
    Shutdown = "shutdown",
    /// A host is cut off from the store, is taken for dead, and comes back.
    Partition = "partition",
    /// The clock of a host is set forward.
    ClockForward = "clock-forward",
    /// The clock of a host is set back.
    ClockBack = "clock-back",
    /// The clock of a host goes wrong.
    Drift = "drift",
    /// An activity takes minutes, before its effect or after it: longer than its limits may allow.
    ActivitySlow = "activity-slow",
    /// An activity fails before it has had its effect.
    ActivityFailed = "activity-failed",
    /// An activity fails after it has had its effect.
    EffectUnknown = "effect-unknown",
    /// The machine of a directory loses power: what was not synced is lost, or torn.
    PowerLoss = "power-loss",
    /// The same in the middle of an operation of the disk.
    PowerLossInWrite = "power-loss-in-write",
    /// A disk cannot make durable what was written.
    SyncFailed = "sync-failed",
    /// A disk takes a part of what is written.
    ShortWrite = "short-write",
    /// A disk does not make, rename or remove a file, or says that it has not.
    NamingFailed = "naming-failed",
    /// A disk cannot be read.
    DiskReadFailed = "disk-read-failed",
    /// A disk has no room for a while.
    DiskFull = "disk-full",
    /// A request does not reach the service of a hub.
    RequestRefused = "request-refused",
    /// The service of a hub asks for patience.
    RequestThrottled = "request-throttled",
    /// A request is lost, and its sender does not know.
    RequestLost = "request-lost",
    /// A request reaches the service of a hub when its sender has given it up.
    RequestLate = "request-late",
    /// A request is carried out, and its answer is lost.
    AnswerLost = "answer-lost",
}

impl FaultKind {
    /// How often it happens at most, in a million chances.
    const fn most(self) -> u64 {
        match self {
            Self::Slow | Self::ReadFailed | Self::AcknowledgeFailed => 30_000,
            Self::AppendRefused | Self::AppendUnknown | Self::AppendLost => 40_000,
            Self::LeaseLost => 10_000,
            Self::LeaseCallFailed => 60_000,
            Self::SendRefused | Self::SendUnknown | Self::Twice => 80_000,
            // Seldom are there several messages at a time.
            Self::Reordered | Self::Late => 500_000,
            Self::CrashAfterWrite => 8_000,
            Self::Crash => 150_000,
            Self::Shutdown | Self::Partition | Self::ReadOutage => 60_000,
            Self::ClockForward | Self::ClockBack | Self::Drift => 60_000,
            Self::ActivitySlow | Self::ActivityFailed | Self::EffectUnknown => 100_000,
            Self::PowerLoss => 150_000,
            Self::PowerLossInWrite => 4_000,
            Self::SyncFailed | Self::ShortWrite | Self::DiskReadFailed => 10_000,
            Self::NamingFailed => 30_000,
            Self::DiskFull => 80_000,
            Self::RequestRefused | Self::RequestThrottled | Self::RequestLost => 20_000,
            Self::RequestLate | Self::AnswerLost => 20_000,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A fault of a run: the chance of its kind that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// What went wrong.
    pub kind: FaultKind,
    /// The number of the chance among those of its kind; the first is 0.
    pub number: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.number)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is no fault: one is written as `crash:3`");
        let (kind, number) = text.split_once(':').ok_or_else(invalid)?;
        let kind = FaultKind::ALL.iter().find(|known| known.name() == kind).ok_or_else(invalid)?;
        Ok(Self { kind: *kind, number: number.parse().map_err(|_| invalid())? })
    }
}

/// All chance of a run. What it decides follows from the seed, from what is asked, and from how often that was asked
/// before: so a run stays much the same when one of its faults is left out. Clones are the same dice.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<State>>);

struct State {
    seed: u64,
    asked: BTreeMap<&'static str, u64>,
    chances: BTreeMap<FaultKind, u64>,
    /// The faults that may happen; all of them when it is `None`.
    only: Option<BTreeSet<Fault>>,
    fired: Vec<Fault>,
    is_calm: bool,
}

impl Dice {
    /// Those of a seed, with all faults or with these.
    pub fn new(seed: u64, only: Option<BTreeSet<Fault>>) -> Self {
        let (asked, chances) = (BTreeMap::new(), BTreeMap::new());
        let state = State { seed, asked, chances, only, fired: Vec::new(), is_calm: false };
        Self(Arc::new(Mutex::new(state)))
    }

    /// A number below `below`, or 0. `what` names the question.
    pub fn below(&self, what: &'static str, below: u64) -> u64 {
        let mut state = self.state();
        let asked = state.asked.entry(what).or_default();
        let number = *asked;
        *asked += 1;
        mixed((state.seed, what, number)) % below.max(1)
    }

    /// Whether this goes wrong now.
    pub fn fault(&self, kind: FaultKind) -> bool {
        let mut state = self.state();
        let chances = state.chances.entry(kind).or_default();
        let number = *chances;
        *chances += 1;
        if state.is_calm {
            return false;
        }
        let fault = Fault { kind, number };
        let happens = match &state.only {
            Some(only) => only.contains(&fault),
            None => mixed((state.seed, kind.name(), number)) % 1_000_000 < rate(state.seed, kind),
        };
        if happens {
            state.fired.push(fault);
        }
        happens
    }

    /// Whether all faults have ended.
    pub(super) fn is_calm(&self) -> bool {
        self.state().is_calm
    }

    /// Ends all faults.
    pub fn calm(&self) {
        self.state().is_calm = true;
    }

    /// The faults that have happened, in order.
    pub fn fired(&self) -> Vec<Fault> {
        self.state().fired.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each seed has some kinds of faults, some of them often and others seldom: what only shows when another fault is
/// rare is found as well.
fn rate(seed: u64, kind: FaultKind) -> u64 {
    match mixed((seed, "rate", kind.name())) % 4 {
        0 => 0,
        1 => kind.most() / 10,
        2 => kind.most() / 3,
        _ => kind.most(),
    }
}

/// The same number for the same value in every process.
pub(super) fn mixed(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
