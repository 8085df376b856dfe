//! The values that an execution has published, from its log alone.

use alloc::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::Event;
use crate::history::RecordedTurn;
use crate::ids::Name;
use crate::payload::{Payload, PayloadError};

/// The values that an execution has [published](crate::OrchestrationContext::publish), by their names.
///
/// Take in the turns of an execution in order, and it has what was published after them. No code is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PublishedValues {
    values: BTreeMap<Name, Payload>,
    /// Of all of them, with their names.
    #[serde(skip)]
    bytes: usize,
}

impl PublishedValues {
    /// Goes on with a turn.
    pub fn apply(&mut self, turn: &RecordedTurn) {
        for event in &*turn.events {
            if let Event::ValuePublished { name, value } = event {
                self.set(name.clone(), value.clone());
            }
        }
    }

    /// The value of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<&Payload> {
        self.values.get(name)
    }

    /// The value of that name as its type; `None` when there is none.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] when it is not a `T`.
    pub fn value<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, PayloadError> {
        self.get(name).map(Payload::decode).transpose()
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Payload)> {
        self.values.iter()
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.values.keys()
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Bytes of the values and their names.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets a value, or takes it out.
    pub(crate) fn set(&mut self, name: Name, value: Option<Payload>) {
        let name_bytes = name.as_str().len();
        let before = match value {
            Some(value) => {
                self.bytes += name_bytes + value.len();
                self.values.insert(name, value)
            }
            None => self.values.remove(&name),
        };
        self.bytes -= before.map_or(0, |before| name_bytes + before.len());
    }
}
