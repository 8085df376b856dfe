//! What an accepted command becomes: an event, an action, or nothing.

use crate::action::Action;
use crate::event::Event;

/// What a command is to an execution.
pub(super) enum Accepted {
    /// Something that happened to it.
    Input(Event),
    /// Something to do that follows from its log, and from the time.
    Action(Action),
    /// It changes nothing.
    Nothing,
}

impl From<Option<Event>> for Accepted {
    fn from(input: Option<Event>) -> Self {
        input.map_or(Self::Nothing, Self::Input)
    }
}
