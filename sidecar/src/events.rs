//! Events of a history of the protocol, as they are made and as they are kept.

use bytes::Bytes;
use prost::Message;
use reenact::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64;
use crate::proto::{self, HistoryEvent, HistoryEventEventType as Kind};

/// The number of an event that stands for itself: not one of an action of the code.
const NO_ACTION: i32 = -1;

/// An event as it goes over the wire: what is sent again with each decision is encoded once. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded(Bytes);

impl Encoded {
    pub(crate) fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Its bytes on the wire.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What it takes in memory, in bytes, about.
    pub(crate) fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.0.len()
    }

    pub(crate) fn decode(&self) -> Result<HistoryEvent, prost::DecodeError> {
        HistoryEvent::decode(self.0.clone())
    }
}

impl From<&HistoryEvent> for Encoded {
    fn from(event: &HistoryEvent) -> Self {
        Self(event.encode_to_vec().into())
    }
}

impl Serialize for Encoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Encoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = base64::decode(&text).map_err(D::Error::custom)?;
        HistoryEvent::decode(bytes.as_slice()).map_err(D::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

/// An event that is not one of an action.
pub(crate) fn event(at: Timestamp, kind: Kind) -> HistoryEvent {
    event_of_action(NO_ACTION, at, kind)
}

/// The event that an action has been taken.
pub(crate) fn event_of_action(id: i32, at: Timestamp, kind: Kind) -> HistoryEvent {
    HistoryEvent { event_id: id, timestamp: Some(time_of(at)), event_type: Some(kind) }
}

pub(crate) fn orchestrator_started(at: Timestamp) -> HistoryEvent {
    event(at, Kind::OrchestratorStarted(proto::OrchestratorStartedEvent {}))
}

pub(crate) fn orchestrator_completed(at: Timestamp) -> HistoryEvent {
    event(at, Kind::OrchestratorCompleted(proto::OrchestratorCompletedEvent {}))
}

/// A time of reenact in the protocol.
pub(crate) fn time_of(at: Timestamp) -> prost_types::Timestamp {
    const MICROS: u64 = 1_000_000;
    let micros = at.as_micros();
    prost_types::Timestamp {
        seconds: i64::try_from(micros / MICROS).unwrap_or(i64::MAX),
        nanos: i32::try_from(micros % MICROS * 1_000).unwrap_or_default(),
    }
}

/// A time of the protocol in reenact, rounded up to microseconds. One before 1970 is 1970.
pub(crate) fn timestamp_of(time: &prost_types::Timestamp) -> Timestamp {
    let seconds = u64::try_from(time.seconds).unwrap_or_default();
    let micros = u64::try_from(time.nanos).unwrap_or_default().div_ceil(1_000);
    let micros = if time.seconds < 0 { 0 } else { micros };
    Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_same_in_both_worlds() {
        let at = Timestamp::from_micros(1_700_000_000_123_456);
        assert_eq!(timestamp_of(&time_of(at)), at);
        let time = |seconds, nanos| prost_types::Timestamp { seconds, nanos };
        assert_eq!(timestamp_of(&time(-1, 500)), Timestamp::from_micros(0));
        assert_eq!(timestamp_of(&time(1, 1)), Timestamp::from_micros(1_000_001));
        assert_eq!(timestamp_of(&time(i64::MAX, 0)), Timestamp::from_micros(u64::MAX));
    }

    #[test]
    fn an_event_that_is_kept_is_the_event_that_was_made() {
        let made = orchestrator_started(Timestamp::from_micros(7));
        let kept = serde_json::to_string(&Encoded::from(&made)).unwrap();
        let read: Encoded = serde_json::from_str(&kept).unwrap();
        assert_eq!(read.decode().unwrap(), made);
        assert!(serde_json::from_str::<Encoded>("\"!\"").is_err());
        assert!(serde_json::from_str::<Encoded>("\"AAAA\"").is_err());
    }
}
