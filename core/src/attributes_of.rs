//! The attributes of an execution, from its log alone.

use crate::attributes::Attributes;
use crate::event::Event;
use crate::history::RecordedTurn;

impl Attributes {
    /// Those of an execution after these turns, which are its first ones.
    pub fn of_turns<'a>(turns: impl IntoIterator<Item = &'a RecordedTurn>) -> Self {
        let mut attributes = Self::default();
        turns.into_iter().for_each(|turn| attributes.follow(turn));
        attributes
    }

    /// Goes on with a turn of a log.
    pub fn follow(&mut self, turn: &RecordedTurn) {
        for event in &*turn.events {
            if let Event::AttributesChanged { change } = event {
                self.apply(change);
            }
        }
    }
}
