//! Publishes values, under names.

use alloc::format;
use alloc::string::String;

use super::State;
use super::mode::Mode;
use super::record::Recorded;
use crate::action::Action;
use crate::event::Event;
use crate::ids::Name;
use crate::limits::{MAX_ALL_PUBLISHED_BYTES, MAX_PUBLISHED_BYTES, MAX_PUBLISHED_VALUES};
use crate::payload::Payload;
use crate::published::PublishedValues;

impl State {
    /// The code publishes a value. What is published already is no step.
    pub(crate) fn publish(&mut self, name: Name, value: Payload) {
        let is_between = matches!(self.mode, Mode::Between);
        if !is_between && !self.is_new_value(&name, &value) {
            return;
        }
        if matches!(self.mode, Mode::Live) {
            if let Err(message) = self.published_limit(&name, &value) {
                return self.exceed(message);
            }
            if let Err(why) = value.check_depth() {
                return self.refuse_value("a value cannot be published", &why);
            }
        }
        self.record_published(name, Some(value));
    }

    /// The code clears a value. Where there is none, that is no step.
    pub(crate) fn unpublish(&mut self, name: Name) {
        if matches!(self.mode, Mode::Between) || self.published.get(name.as_str()).is_some() {
            self.record_published(name, None);
        }
    }

    fn is_new_value(&mut self, name: &Name, value: &Payload) -> bool {
        let before = self.published.get(name.as_str()).cloned();
        self.is_new(before.as_ref(), value, |event| {
            let Event::ValuePublished { name: recorded, value } = event else { return None };
            value.as_ref().filter(|_| recorded == name)
        })
    }

    fn published_limit(&self, name: &Name, value: &Payload) -> Result<(), String> {
        let bytes = value.len();
        if bytes > MAX_PUBLISHED_BYTES {
            return Err(format!(
                "the value `{name}` of {bytes} bytes is over {MAX_PUBLISHED_BYTES} that can be published"
            ));
        }
        let before = self.published.get(name.as_str());
        if before.is_none() && self.published.len() >= MAX_PUBLISHED_VALUES {
            return Err(format!("more than {MAX_PUBLISHED_VALUES} values are published"));
        }
        let more = name.as_str().len() + bytes;
        let less = before.map_or(0, |before| name.as_str().len() + before.len());
        if self.published.bytes() + more - less > MAX_ALL_PUBLISHED_BYTES {
            return Err(format!(
                "the values that are published have more than {MAX_ALL_PUBLISHED_BYTES} bytes together"
            ));
        }
        Ok(())
    }

    fn record_published(&mut self, name: Name, value: Option<Payload>) {
        if self.note_published(name, value) {
            self.act(Action::AnnounceStatus);
        }
    }

    fn note_published(&mut self, name: Name, value: Option<Payload>) -> bool {
        let event = Event::ValuePublished { name: name.clone(), value: value.clone() };
        let (name, value) = match self.record(event) {
            Recorded::Halted => return false,
            Recorded::Before(Event::ValuePublished { name, value }) => (name, value),
            Recorded::Before(_) | Recorded::Now => (name, value),
        };
        self.published.set(name, value);
        true
    }

    /// The values of the execution before this one, with which it begins. They stand after the timer that
    /// delays the start, where the code has not run yet: so they cannot be what the code has published.
    pub(crate) fn carry_published(&mut self, given: &PublishedValues) {
        for (name, value) in given.iter() {
            self.note_published(name.clone(), Some(value.clone()));
        }
        while let Mode::Replay(expected) = &self.mode
            && let Some(Event::ValuePublished { name, value }) = expected.front()
        {
            let (name, value) = (name.clone(), value.clone());
            if !self.note_published(name, value) {
                return;
            }
        }
    }
}
