//! What happens to a random orchestration, from its start to its end.

use proptest::sample::Index;
use reenact_core::{Action, ActivityError, Command};

use crate::instance::{Instance, cancel, complete, fire, raise, raise_once, suspend};
use crate::program::{DRAIN, EVENTS};

/// One thing that happens. Where nothing of the kind is open, nothing happens.
#[derive(Clone, Debug)]
pub(crate) enum Move {
    Complete(Index),
    Fail(Index),
    Fire(Index),
    Raise(usize),
    RaiseTheKeyAgain(usize),
    /// Right, early, late or for something that never was.
    CompleteWhateverHasThatId(u64),
    Cancel,
    Suspend,
    Resume,
}

/// An instance on its course, with the numbers of the events that were raised on it.
pub(crate) struct Course {
    pub(crate) instance: Instance,
    pub(crate) raised: [u64; EVENTS.len()],
}

impl Course {
    pub(crate) fn new(instance: Instance) -> Self {
        Self { instance, raised: [0; EVENTS.len()] }
    }

    pub(crate) fn go(&mut self, moves: &[Move]) {
        for a_move in moves {
            if self.is_over() {
                return;
            }
            self.make(a_move);
        }
    }

    /// Gives the orchestration whatever it waits for, until it ends.
    pub(crate) fn come_to_an_end(&mut self) {
        for _ in 0..1_000 {
            if self.is_over() {
                return;
            }
            self.give_something();
        }
        panic!("it does not end: {:#?}", self.instance.log());
    }

    fn is_over(&self) -> bool {
        self.instance.machine.outcome().is_some()
    }

    fn make(&mut self, a_move: &Move) {
        match a_move {
            Move::Complete(which) => {
                if let Some(id) = pick(&self.open_tasks(), which) {
                    self.instance.complete(id, id * 10);
                }
            }
            Move::Fail(which) => {
                if let Some(id) = pick(&self.open_tasks(), which) {
                    self.instance.fail(id, ActivityError::fatal("it failed"));
                }
            }
            Move::Fire(which) => {
                if let Some(id) = pick(&self.open_timers(), which) {
                    self.instance.fire(id);
                }
            }
            Move::Raise(event) => self.raise(*event),
            Move::RaiseTheKeyAgain(event) => self.raise_twice(*event),
            Move::CompleteWhateverHasThatId(id) => self.complete_any(*id),
            Move::Cancel => drop(self.instance.apply(cancel("no stock"))),
            Move::Suspend => drop(self.instance.apply(suspend("audit"))),
            Move::Resume => drop(self.instance.apply(Command::Resume)),
        }
    }

    fn raise(&mut self, event: usize) {
        self.instance.apply(raise(EVENTS[event], self.raised[event]));
        self.raised[event] += 1;
    }

    fn raise_twice(&mut self, event: usize) {
        let number = self.raised[event];
        let raised = raise_once(EVENTS[event], number, &format!("{event}-{number}"));
        self.instance.apply(raised.clone());
        assert!(self.instance.apply(raised).is_empty());
        self.raised[event] += 1;
    }

    fn complete_any(&mut self, id: u64) {
        if self.open_drain() == Some(id) {
            return;
        }
        for command in [complete(id, id * 10), fire(id), complete(id, id)] {
            self.instance.apply(command);
        }
    }

    fn give_something(&mut self) {
        if self.instance.machine.is_suspended() {
            self.instance.apply(Command::Resume);
        }
        let (tasks, timers) = (self.open_tasks(), self.open_timers());
        tasks.iter().for_each(|id| drop(self.instance.complete(*id, id * 10)));
        timers.iter().for_each(|id| drop(self.instance.fire(*id)));
        if let Some(drain) = self.open_drain() {
            EVENTS.iter().for_each(|event| drop(self.instance.raise(event, ())));
            self.instance.complete(drain, ());
        } else if tasks.is_empty() && timers.is_empty() {
            self.open_waits().into_iter().for_each(|event| self.raise(event));
        }
    }

    fn open_drain(&self) -> Option<u64> {
        self.open(|action| match action {
            Action::CallActivity { id, name, .. } if name.as_str() == DRAIN => Some(id.0),
            _ => None,
        })
        .pop()
    }

    fn open_tasks(&self) -> Vec<u64> {
        self.open(|action| match action {
            Action::CallActivity { id, name, .. } if name.as_str() != DRAIN => Some(id.0),
            _ => None,
        })
    }

    fn open_timers(&self) -> Vec<u64> {
        self.open(|action| match action {
            Action::CreateTimer { id, .. } => Some(id.0),
            _ => None,
        })
    }

    fn open_waits(&self) -> Vec<usize> {
        self.open(|action| match action {
            Action::WaitExternal { name, .. } => {
                EVENTS.iter().position(|event| *event == name.as_str())
            }
            _ => None,
        })
    }

    fn open<T>(&self, wanted: impl FnMut(&Action) -> Option<T>) -> Vec<T> {
        self.instance.machine.open_actions().iter().filter_map(wanted).collect()
    }
}

fn pick(ids: &[u64], which: &Index) -> Option<u64> {
    (!ids.is_empty()).then(|| *which.get(ids))
}
