//! The answers to updates, from a log alone.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::event::Event;
use crate::history::RecordedTurn;
use crate::ids::{CompactKey, EventKey};
use crate::limits::{MAX_KEPT_ANSWER_BYTES, MAX_KEPT_ANSWERS};
use crate::update_answer::UpdateAnswer;

/// The newest answers of an execution, for those who ask with the same key again.
#[derive(Debug, Default)]
pub(crate) struct KeptAnswers {
    /// Oldest first.
    newest: VecDeque<(CompactKey, UpdateAnswer)>,
    /// Of all of them, with their keys.
    bytes: usize,
    /// What they take besides themselves, in bytes, about.
    held: usize,
}

/// They are given room for so many at a time: an execution that has few keeps no room for many.
const ROOM: usize = 16;

impl KeptAnswers {
    pub(crate) fn get(&self, key: &EventKey) -> Option<&UpdateAnswer> {
        let key = CompactKey::from(key);
        self.newest.iter().rev().find(|(known, _)| *known == key).map(|(_, answer)| answer)
    }

    pub(crate) fn remember(&mut self, key: &EventKey, answer: UpdateAnswer) {
        self.bytes += key.as_str().len() + answer.bytes();
        let key = CompactKey::from(key);
        self.held += held_bytes(&key, &answer);
        if self.newest.len() == self.newest.capacity() {
            self.newest.reserve_exact(ROOM);
        }
        self.newest.push_back((key, answer));
        while self.newest.len() > MAX_KEPT_ANSWERS || self.bytes > MAX_KEPT_ANSWER_BYTES {
            let Some((key, answer)) = self.newest.pop_front() else { return };
            self.held -= held_bytes(&key, &answer);
            self.bytes -= key.text_bytes() + answer.bytes();
        }
    }

    /// For the next execution, oldest first.
    pub(crate) fn carried(&self) -> Vec<(EventKey, UpdateAnswer)> {
        self.newest.iter().map(|(key, answer)| (key.key(), answer.clone())).collect()
    }

    /// Of all of them, with their keys as texts.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What they take in memory, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held + self.newest.capacity() * size_of::<(CompactKey, UpdateAnswer)>()
    }
}

fn held_bytes(key: &CompactKey, answer: &UpdateAnswer) -> usize {
    key.held_bytes() + answer.held_bytes()
}

/// Finds out, from the log of an execution alone, what became of the update with a key. Takes in the turns of
/// the execution in order.
#[derive(Clone, Debug)]
pub struct UpdateFinder {
    key: EventKey,
    is_known: bool,
    is_here: bool,
    answer: Option<UpdateAnswer>,
}

/// What a log says of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateFate {
    /// It has not come.
    Unknown,
    /// It waits for its answer.
    Open,
    /// It was answered.
    Answered(UpdateAnswer),
    /// It was answered in an earlier execution, and that is too long ago: the answer is not kept any more.
    Forgotten,
}

impl UpdateFinder {
    /// Before the first turn of an execution.
    pub const fn new(key: EventKey) -> Self {
        Self { key, is_known: false, is_here: false, answer: None }
    }

    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        for event in &*turn.events {
            if let Event::ExternalRaised { key: Some(key), .. } = event {
                self.is_here |= *key == self.key;
            } else if let Event::EventKeysCarried { keys } = event {
                self.is_known |= keys.contains(&self.key);
            } else if let Event::UpdateAnswered { key, answer } = event {
                self.take(key, answer);
            } else if let Event::UpdateAnswersCarried { answers } = event {
                answers.iter().for_each(|(key, answer)| self.take(key, answer));
            }
        }
    }

    /// What the turns so far say.
    pub fn fate(&self) -> UpdateFate {
        match &self.answer {
            Some(answer) => UpdateFate::Answered(answer.clone()),
            None if self.is_here => UpdateFate::Open,
            None if self.is_known => UpdateFate::Forgotten,
            None => UpdateFate::Unknown,
        }
    }

    fn take(&mut self, key: &EventKey, answer: &UpdateAnswer) {
        if *key == self.key {
            self.answer = Some(answer.clone());
        }
    }
}
