//! The points at which a host can crash, counted one after the other: each poll of a task, and each call of the store.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// When a host crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// After a poll of a task: at an await of the host, or of a client.
    Poll,
    /// In a call of the store, which never has an effect.
    Before,
    /// In a call of the store, which has its effect, and is never answered.
    Unanswered,
    /// When a call of the store is answered.
    Answered,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Poll, Self::Before, Self::Unanswered, Self::Answered];

    const fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Before => "before",
            Self::Unanswered => "unanswered",
            Self::Answered => "answered",
        }
    }
}

/// One place where a host crashes, since the start or since the crash before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrashPoint {
    /// At a poll, or where in a call.
    pub moment: Moment,
    /// The number of the poll among the polls, or of the call among the calls; the first is 0.
    pub number: u64,
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.moment.name(), self.number)
    }
}

impl FromStr for CrashPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("`{text}` is no point of a crash: one is written as `poll:3`");
        let (moment, number) = text.split_once(':').ok_or_else(invalid)?;
        let known = Moment::ALL.into_iter().find(|known| known.name() == moment);
        Ok(Self {
            moment: known.ok_or_else(invalid)?,
            number: number.parse().map_err(|_| invalid())?,
        })
    }
}

/// How many points there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Polls of tasks while a host was up.
    pub polls: u64,
    /// Calls of the store that hosts have made.
    pub calls: u64,
}

/// Counts the points of a run, and crashes hosts at some of them. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Points(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Those that are still to come, the next one last.
    crashes: Vec<CrashPoint>,
    /// Since the crash before, or since the start.
    counted: Counted,
    is_over: bool,
}

impl Points {
    /// The hosts crash at these points, each of which is counted from the one before it.
    pub fn new(crashes: &[CrashPoint]) -> Self {
        let crashes = crashes.iter().rev().copied().collect();
        Self(Arc::new(Mutex::new(State { crashes, ..State::default() })))
    }

    /// How many points there were since the last crash, or since the start.
    pub fn counted(&self) -> Counted {
        self.state().counted
    }

    /// The crashes that have not happened: the run had no such points.
    pub fn left(&self) -> usize {
        self.state().crashes.len()
    }

    /// From now on nothing counts: the run is over.
    pub fn end(&self) {
        self.state().is_over = true;
    }

    /// The number of a call that begins.
    pub(super) fn call(&self) -> u64 {
        let mut state = self.state();
        if state.is_over {
            return u64::MAX;
        }
        let number = state.counted.calls;
        state.counted.calls += 1;
        number
    }

    /// The number of a poll that has ended, and whether a host crashes at it.
    pub(super) fn poll(&self) -> Option<(u64, bool)> {
        let mut state = self.state();
        if state.is_over {
            return None;
        }
        let number = state.counted.polls;
        state.counted.polls += 1;
        Some((number, state.is_next(CrashPoint { moment: Moment::Poll, number })))
    }

    /// Whether the host crashes here, in the call of this number.
    pub(super) fn is_crash(&self, moment: Moment, number: u64) -> bool {
        self.state().is_next(CrashPoint { moment, number })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_next(&mut self, point: CrashPoint) -> bool {
        let is_next = !self.is_over && self.crashes.last() == Some(&point);
        if is_next {
            self.crashes.pop();
            self.counted = Counted::default();
        }
        is_next
    }
}
