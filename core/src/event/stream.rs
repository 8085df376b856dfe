//! What happened to the streams of an execution.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{CorrelationId, Name};
use crate::limits::STREAM_ITEM_BYTES;
use crate::options::StreamWindow;
use crate::payload::Payload;

/// What happened to the streams of an execution.
///
/// Stored: variants are added at the end, and never removed or reordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The code emitted items, one after the other. (output)
    Emitted {
        /// To which stream.
        stream: Name,
        /// The offset of the first one; the others follow it.
        first: u64,
        /// The items.
        values: Vec<Payload>,
    },
    /// An attempt of an activity emitted items, one after the other. (input)
    TaskEmitted {
        /// Of the [`Event::TaskScheduled`](crate::Event::TaskScheduled).
        id: CorrelationId,
        /// Which attempt.
        attempt: u32,
        /// The number of the first one among the items that the attempt has emitted to the stream, from 0.
        number: u64,
        /// To which stream.
        stream: Name,
        /// The offset of the first one; the others follow it.
        first: u64,
        /// The items.
        values: Vec<Payload>,
    },
    /// The execution goes on for an earlier one, or was rewound, and its streams go on here. (input)
    Carried {
        /// In the order of their names.
        streams: Vec<CarriedStream>,
    },
    /// The code said how much of a stream is kept. (output)
    WindowSet {
        /// Of which stream.
        stream: Name,
        /// How much.
        window: StreamWindow,
    },
}

/// A stream that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedStream {
    /// Its name.
    pub stream: Name,
    /// The items before this offset were trimmed.
    pub first: u64,
    /// The offset of the next item.
    pub next: u64,
    /// How much of it is kept, if the code has said so.
    pub window: Option<StreamWindow>,
    /// The newest items.
    pub items: Vec<StreamItem>,
}

/// An item of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamItem {
    /// Its place in the stream. Offsets rise; where a rewind has undone items, theirs are not given again.
    pub offset: u64,
    /// What was emitted.
    pub value: Payload,
    /// The attempt of an activity that emitted it; `None` for the code of the orchestration.
    pub emitted_by: Option<EmittedBy>,
}

/// The attempt of an activity that emitted an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmittedBy {
    /// The correlation id of the call, in the execution in which it was emitted.
    pub id: CorrelationId,
    /// The attempt; the first is 1.
    pub attempt: u32,
}

impl EmittedBy {
    /// That attempt of the activity that was scheduled under the id.
    pub const fn new(id: CorrelationId, attempt: u32) -> Self {
        Self { id, attempt }
    }
}

impl StreamEvent {
    /// Whether it came in, and the code did not cause it.
    pub(super) const fn is_input(&self) -> bool {
        matches!(self, Self::TaskEmitted { .. } | Self::Carried { .. })
    }

    pub(super) const fn correlation(&self) -> Option<CorrelationId> {
        match self {
            Self::TaskEmitted { id, .. } => Some(*id),
            Self::Emitted { .. } | Self::Carried { .. } | Self::WindowSet { .. } => None,
        }
    }

    /// The stream, where it is about one.
    pub const fn stream(&self) -> Option<&Name> {
        match self {
            Self::Emitted { stream, .. }
            | Self::TaskEmitted { stream, .. }
            | Self::WindowSet { stream, .. } => Some(stream),
            Self::Carried { .. } => None,
        }
    }

    /// Bytes of user data, without the name of the stream.
    pub(super) fn payload_bytes(&self) -> usize {
        match self {
            Self::Emitted { values, .. } | Self::TaskEmitted { values, .. } => bytes_of(values),
            Self::Carried { streams } => streams.iter().map(CarriedStream::bytes).sum(),
            Self::WindowSet { .. } => 0,
        }
    }

    /// The items of a stream in it, in order.
    pub(crate) fn items_of(&self, name: &Name) -> Vec<StreamItem> {
        match self {
            Self::Emitted { stream, first, values } if stream == name => {
                numbered(*first, values, None)
            }
            Self::TaskEmitted { id, attempt, stream, first, values, .. } if stream == name => {
                numbered(*first, values, Some(EmittedBy { id: *id, attempt: *attempt }))
            }
            Self::Carried { streams } => {
                let carried = streams.iter().filter(|carried| carried.stream == *name);
                carried.flat_map(|carried| carried.items.iter().cloned()).collect()
            }
            Self::Emitted { .. } | Self::TaskEmitted { .. } | Self::WindowSet { .. } => Vec::new(),
        }
    }
}

impl CarriedStream {
    pub(crate) fn bytes(&self) -> usize {
        self.stream.as_str().len() + self.items.iter().map(StreamItem::bytes).sum::<usize>()
    }
}

impl StreamItem {
    /// What it counts for.
    pub(crate) fn bytes(&self) -> usize {
        STREAM_ITEM_BYTES + self.value.len()
    }
}

/// What items count for, in bytes.
pub(crate) fn bytes_of(items: &[Payload]) -> usize {
    items.iter().map(|item| STREAM_ITEM_BYTES + item.len()).sum()
}

fn numbered(first: u64, items: &[Payload], emitted_by: Option<EmittedBy>) -> Vec<StreamItem> {
    let offsets = first..;
    let item = |(offset, value): (u64, &Payload)| {
        let value = value.clone();
        StreamItem { offset, value, emitted_by }
    };
    offsets.zip(items).map(item).collect()
}
