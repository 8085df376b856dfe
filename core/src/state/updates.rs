//! The updates that the code has taken, and its answers.

use alloc::vec::Vec;

use super::State;
use super::mode::Mode;
use super::pending_drop::PendingDrop;
use super::record::Recorded;
use crate::action::Action;
use crate::event::Event;
use crate::event_queue::{BufferedEvent, TakenLast};
use crate::ids::{EventKey, Name};
use crate::payload::Payload;
use crate::update_answer::UpdateAnswer;

/// What the log says that the code did with an update.
pub(crate) struct RecordedAnswer {
    /// The values that it published first, and the names that it cleared.
    pub(crate) published: Vec<(Name, Option<Payload>)>,
    pub(crate) answer: UpdateAnswer,
}

impl State {
    /// What the code did with an update that it has just taken, in the turn that is replayed. `None` where it is
    /// not replayed, and where the code did anything but to publish values and to answer.
    pub(crate) fn recorded_answer(&self, update: &EventKey) -> Option<RecordedAnswer> {
        let Mode::Replay(expected) = &self.mode else { return None };
        let mut published = Vec::new();
        for event in expected {
            if let Event::ValuePublished { name, value } = event {
                published.push((name.clone(), value.clone()));
            } else if let Event::UpdateAnswered { key, answer } = event {
                return (key == update)
                    .then(|| RecordedAnswer { published, answer: answer.clone() });
            } else if !matches!(event, Event::TimerCancelled { .. }) {
                // A timer that was dropped before the code took the update is recorded only now.
                return None;
            }
        }
        None
    }

    /// The code has just taken an event as an update; the key under which it is to be answered. Nobody waits
    /// for the answer to an event without one.
    pub(crate) fn open_update(&mut self, name: &Name, data: &Payload) -> Option<EventKey> {
        let TakenLast { position, key, trace, by } = self.buffer.take_key_of_last()?;
        // It was not dropped: it is an update.
        if self.turn.drops.back().is_some_and(|last| last.is_update(&key)) {
            self.turn.drops.pop_back();
        }
        let data = data.clone();
        let event = BufferedEvent { position, data, key: Some(key.clone()), trace, by };
        self.updates.take(key.clone(), name.clone(), event);
        Some(key)
    }

    /// The code answers an update. Gives the bytes of the answer, as it is recorded.
    pub(crate) fn answer_update(&mut self, key: EventKey, answer: UpdateAnswer) -> usize {
        let answer =
            match self.record(Event::UpdateAnswered { key: key.clone(), answer: answer.clone() }) {
                Recorded::Halted => return 0,
                Recorded::Before(Event::UpdateAnswered { answer, .. }) => answer,
                Recorded::Before(_) | Recorded::Now => answer,
            };
        let bytes = answer.bytes();
        self.note_answer(key, answer);
        bytes
    }

    pub(super) fn note_answer(&mut self, key: EventKey, answer: UpdateAnswer) {
        self.updates.remember(&key, answer.clone());
        self.act(Action::AnswerUpdate { key, answer });
    }

    /// The code dropped an update without an answer. That is a step if it goes on; where the execution
    /// ends, that end is the answer, and the next execution takes the request again.
    pub(crate) fn drop_update(&mut self, key: EventKey) {
        match self.mode {
            Mode::Between => self.refuse_foreign_call(),
            Mode::Closed => {}
            Mode::Live | Mode::Replay(_) => self.turn.drops.push_back(PendingDrop::Update { key }),
        }
    }

    /// The places of the events that were taken since the code began, which begins anew in the same log. The
    /// requests without an answer are not among them: they are there to be taken again.
    pub(crate) fn give_back_updates(&mut self) -> Vec<u64> {
        let mut taken = self.buffer.forget_taken();
        let mut open = self.updates.give_back();
        if open.is_empty() {
            return taken;
        }
        // A completion counts as after its event.
        taken.retain(|place| !open.iter().any(|(_, event)| event.position == place + 1));
        open.sort_unstable_by_key(|(_, event)| core::cmp::Reverse(event.position));
        for (name, event) in open {
            self.buffer.put_back(name, event);
        }
        taken
    }
}
