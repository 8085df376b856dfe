//! Seeds on several threads, and what came of them in order.

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How many seeds have run at most that wait for one before them: so a million of them need no more memory than these.
const AHEAD: u64 = 256;

/// Runs seeds on so many threads, and takes what came of each in the order of the seeds, until all have run or `take` breaks
/// off. A panic is an error, with its text.
pub fn in_order<T: Send>(
    seeds: Range<u64>,
    jobs: NonZero<usize>,
    run: impl Fn(u64) -> T + Sync,
    mut take: impl FnMut(u64, Result<T, String>) -> ControlFlow<()>,
) {
    let state =
        State { next: seeds.start, taken: seeds.start, done: BTreeMap::new(), is_over: false };
    let shared = Shared { end: seeds.end, state: Mutex::new(state), changed: Condvar::new() };
    thread::scope(|scope| {
        // Also when `take` panics.
        let _over = Over(&shared);
        for _ in 0..(jobs.get() as u64).min(seeds.end.saturating_sub(seeds.start)) {
            scope.spawn(|| {
                while let Some(seed) = shared.next() {
                    let result = catch_unwind(AssertUnwindSafe(|| run(seed)));
                    shared.finish(seed, result.map_err(|panic| text_of(&*panic)));
                }
            });
        }
        for seed in seeds.clone() {
            if take(seed, shared.take(seed)).is_break() {
                return;
            }
        }
    });
}

/// What the threads and the one that takes have in common.
struct Shared<T> {
    end: u64,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// The seed that the next free thread runs.
    next: u64,
    /// All seeds below are taken.
    taken: u64,
    /// What came of seeds that are not taken yet.
    done: BTreeMap<u64, Result<T, String>>,
    is_over: bool,
}

impl<T> Shared<T> {
    /// The next seed to run, as soon as it is not too far ahead. `None` when there is nothing more to do.
    fn next(&self) -> Option<u64> {
        let mut state = self.state();
        while !state.is_over && state.next < self.end && state.next - state.taken >= AHEAD {
            state = self.wait(state);
        }
        if state.is_over || state.next >= self.end {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    fn finish(&self, seed: u64, result: Result<T, String>) {
        self.state().done.insert(seed, result);
        self.changed.notify_all();
    }

    fn take(&self, seed: u64) -> Result<T, String> {
        let mut state = self.state();
        loop {
            if let Some(result) = state.done.remove(&seed) {
                state.taken = seed + 1;
                self.changed.notify_all();
                return result;
            }
            state = self.wait(state);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the threads end after the seeds that they run.
struct Over<'a, T>(&'a Shared<T>);

impl<T> Drop for Over<'_, T> {
    fn drop(&mut self) {
        self.0.state().is_over = true;
        self.0.changed.notify_all();
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    format!("it has panicked: {text}")
}
