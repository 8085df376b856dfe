//! The updates that have no answer, and the newest answers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::answers::KeptAnswers;
use crate::event_queue::BufferedEvent;
use crate::ids::{EventKey, Name};
use crate::update_answer::UpdateAnswer;

/// The requests that the code has taken and not answered, and the newest answers.
#[derive(Default)]
pub(crate) struct OpenUpdates {
    open: BTreeMap<EventKey, (Name, BufferedEvent)>,
    /// Of the data of the open ones.
    bytes: usize,
    pub(crate) answers: KeptAnswers,
}

impl OpenUpdates {
    /// Answers of the execution before.
    pub(crate) fn carry(&mut self, answers: Vec<(EventKey, UpdateAnswer)>) {
        answers.into_iter().for_each(|(key, answer)| self.remember(&key, answer));
    }

    /// The code has taken a request.
    pub(super) fn take(&mut self, key: EventKey, name: Name, event: BufferedEvent) {
        self.bytes += event.data.len();
        self.open.insert(key, (name, event));
    }

    /// The requests without an answer are to be taken again.
    pub(super) fn give_back(&mut self) -> Vec<(Name, BufferedEvent)> {
        self.bytes = 0;
        core::mem::take(&mut self.open).into_values().collect()
    }

    /// No other instance waits for an answer.
    pub(super) fn forget_requesters(&mut self) {
        self.open.values_mut().for_each(|(_, event)| event.by = None);
    }

    /// It is answered.
    pub(crate) fn remember(&mut self, key: &EventKey, answer: UpdateAnswer) {
        if let Some((_, event)) = self.open.remove(key) {
            self.bytes -= event.data.len();
        }
        self.answers.remember(key, answer);
    }

    /// Those that the next execution is to take again.
    pub(crate) fn open(&self) -> impl Iterator<Item = &(Name, BufferedEvent)> {
        self.open.values()
    }

    /// Number of open ones.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Of the data of the open ones.
    pub(crate) const fn open_bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes
            + self.open.len() * size_of::<(EventKey, (Name, BufferedEvent))>()
            + self.answers.held_bytes()
    }
}
