//! Sets and clears the attributes of the instance.

use alloc::boxed::Box;

use super::State;
use super::mode::Mode;
use super::record::Recorded;
use crate::attributes::{AttributeChange, AttributeError, AttributeValue, Attributes};
use crate::event::Event;
use crate::ids::{CorrelationId, Name};

impl State {
    /// The code sets an attribute. What it has already is no step. An error follows from the log alone, so it is the
    /// same at replay, and is no step.
    pub(crate) fn set_attribute(
        &mut self,
        name: Name,
        value: AttributeValue,
    ) -> Result<(), AttributeError> {
        if !matches!(self.mode, Mode::Between) {
            self.attributes.check(&name, &value)?;
            if !self.is_new_attribute(&name, &value) {
                return Ok(());
            }
        }
        self.record_attribute(AttributeChange::Set { name, value });
        Ok(())
    }

    /// The code clears an attribute. Where there is none, that is no step.
    pub(crate) fn clear_attribute(&mut self, name: Name) {
        if matches!(self.mode, Mode::Between) || self.attributes.get(name.as_str()).is_some() {
            self.record_attribute(AttributeChange::Cleared { name });
        }
    }

    /// As of a status: live, the same value again is no step. At replay the log knows.
    fn is_new_attribute(&mut self, name: &Name, value: &AttributeValue) -> bool {
        let is_set = self.attributes.get(name.as_str()) == Some(value);
        if !is_set || !self.is_replaying() {
            return !is_set;
        }
        let Some(Event::AttributesChanged { change }) = self.next_recorded() else { return false };
        // It may be that of a later call.
        matches!(&**change, AttributeChange::Set { name: n, value: v } if n == name && v == value)
    }

    fn record_attribute(&mut self, change: AttributeChange) {
        let event = Event::AttributesChanged { change: Box::new(change.clone()) };
        match self.record(event) {
            Recorded::Halted => {}
            Recorded::Before(Event::AttributesChanged { change }) => self.attributes.apply(&change),
            Recorded::Before(_) | Recorded::Now => self.attributes.apply(&change),
        }
    }

    /// The attributes with which the execution begins: those that were given at the start, or that the execution
    /// before had. At replay the log knows.
    pub(crate) fn begin_with_attributes(&mut self, given: Attributes) {
        let attributes = if self.is_replaying() { self.recorded_attributes() } else { given };
        if !attributes.is_empty() {
            self.record_attribute(AttributeChange::Given { attributes });
        }
    }

    /// Records the attributes of what is called next. At replay those that are recorded count, whatever the code gives
    /// now.
    pub(crate) fn give_attributes_to_next_call(&mut self, id: CorrelationId, given: Attributes) {
        let attributes = match self.is_replaying() {
            true => self.recorded_attributes_of(id),
            false => given,
        };
        if !attributes.is_empty() {
            self.record_attribute(AttributeChange::OfChild { id, attributes });
        }
    }

    /// Those that the log gives to that call, where it says so next.
    fn recorded_attributes_of(&mut self, call: CorrelationId) -> Attributes {
        let Some(Event::AttributesChanged { change }) = self.next_recorded() else {
            return Attributes::default();
        };
        match &**change {
            AttributeChange::OfChild { id, attributes } if *id == call => attributes.clone(),
            AttributeChange::OfChild { .. }
            | AttributeChange::Given { .. }
            | AttributeChange::Set { .. }
            | AttributeChange::Cleared { .. } => Attributes::default(),
        }
    }

    fn recorded_attributes(&mut self) -> Attributes {
        let Some(Event::AttributesChanged { change }) = self.next_recorded() else {
            return Attributes::default();
        };
        match &**change {
            AttributeChange::Given { attributes } => attributes.clone(),
            AttributeChange::Set { .. }
            | AttributeChange::Cleared { .. }
            | AttributeChange::OfChild { .. } => Attributes::default(),
        }
    }
}
