//! An external event, as its sender makes it.

use reenact_core::{Command, EventKey, Name, NamesEvent, Payload, Requester, TraceContext};
use serde::Serialize;

use crate::error::{Error, Result};

/// An external event: a name, data, and perhaps a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalEvent {
    pub(crate) name: Name,
    pub(crate) data: Payload,
    pub(crate) key: Option<EventKey>,
    /// The trace in which it is raised.
    pub(crate) trace: Option<Box<TraceContext>>,
    /// The other instance that waits for its answer, of an update that one has sent.
    pub(crate) by: Option<Box<Requester>>,
}

impl ExternalEvent {
    /// An event of that name with that data.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; [`Error::InvalidPayload`] when the data does not encode or is larger than any store
    /// takes.
    pub fn new<T: Serialize + ?Sized>(name: impl NamesEvent<T>, data: &T) -> Result<Self> {
        let name = Name::new(name.event_name())?;
        let data = Payload::encode_large(data).map_err(|source| Error::InvalidPayload {
            what: format!("the data of event `{name}`"),
            source,
        })?;
        Ok(Self { name, data, key: None, trace: None, by: None })
    }

    /// An event of that name with data that is encoded already.
    ///
    /// # Errors
    /// [`Error::InvalidName`].
    pub fn of_payload(name: &str, data: Payload) -> Result<Self> {
        Ok(Self { name: Name::new(name)?, data, key: None, trace: None, by: None })
    }

    /// Gives it an idempotency key: of the events that are raised on an instance with one key, the
    /// first counts, for as long as the execution lasts. Of an instance that continues as new, the newest
    /// [`CARRIED_EVENT_KEYS`](reenact_core::limits::CARRIED_EVENT_KEYS) keys go on to count.
    ///
    /// # Errors
    /// [`Error::InvalidName`] when the key is invalid.
    pub fn with_key(mut self, key: &str) -> Result<Self> {
        self.key = Some(EventKey::new(key)?);
        Ok(self)
    }

    /// Gives it the trace in which it is raised. That goes into the log, next to the event.
    pub fn with_trace(mut self, context: TraceContext) -> Self {
        self.trace = Some(Box::new(context));
        self
    }

    /// With this trace, unless it has one.
    pub(crate) fn with_trace_of(self, trace: Option<&TraceContext>) -> Self {
        match trace {
            Some(trace) if self.trace.is_none() => self.with_trace(trace.clone()),
            _ => self,
        }
    }

    /// As an instance applies it, and the trace in which it was raised.
    pub(crate) fn into_command(self) -> (Command, Option<Box<TraceContext>>) {
        let Self { name, data, key, trace, by } = self;
        let command = match (key, by) {
            (Some(key), Some(by)) => Command::TakeUpdate { name, data, key, by },
            (key, _) => Command::RaiseEvent { name, data, key },
        };
        (command, trace)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.name.as_str().len() + self.data.len()
    }
}
