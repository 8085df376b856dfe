//! Who waits for the answer to an update that has come.

use alloc::boxed::Box;

use super::State;
use super::mode::Mode;
use crate::event::{Event, RequestEvent};
use crate::message::Requester;

impl State {
    /// Records who waits for the answer to the update that has just come: at replay what the log has, otherwise
    /// what the other instance gave. No limit holds it up: at the end of the execution, the one who waits is to
    /// get to know of it.
    pub(crate) fn record_requester(
        &mut self,
        input: &Event,
        given: Option<Box<Requester>>,
    ) -> Option<Box<Requester>> {
        let Event::ExternalRaised { key: Some(key), .. } = input else { return None };
        let by = match &mut self.mode {
            Mode::Replay(expected) => {
                let Some(Event::Request(RequestEvent::Asked { by, .. })) = expected.front() else {
                    return None;
                };
                let by = Box::new(by.clone());
                expected.pop_front();
                by
            }
            Mode::Between | Mode::Live | Mode::Closed => given?,
        };
        let asked = Event::Request(RequestEvent::Asked { key: key.clone(), by: (*by).clone() });
        self.count(&asked);
        if matches!(self.mode, Mode::Live) {
            self.turn.events.push(asked);
        }
        Some(by)
    }
}
