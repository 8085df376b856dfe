//! How much of a stream is kept.

use serde::{Deserialize, Serialize};

use crate::limits::{
    MAX_STREAM_KEPT_BYTES, MAX_STREAM_KEPT_ITEMS, STREAM_KEPT_BYTES, STREAM_KEPT_ITEMS,
};

/// How much of a [stream](crate::OrchestrationContext::emit) the next execution is given when the code
/// [continues as new](crate::OrchestrationContext::continue_as_new): the newest items, as long as neither bound
/// is passed. Older ones are trimmed then. Until then all items of the execution can be read.
///
/// ```
/// # use reenact_core::StreamWindow;
/// let window = StreamWindow::default().items(100).bytes(16 * 1024);
/// assert_eq!(window.most_items(), 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamWindow {
    items: u32,
    bytes: u32,
}

impl StreamWindow {
    /// At most so many items; 0 trims all. More than
    /// [`MAX_STREAM_KEPT_ITEMS`](crate::limits::MAX_STREAM_KEPT_ITEMS) counts as that.
    #[must_use]
    pub const fn items(self, items: u32) -> Self {
        let most = MAX_STREAM_KEPT_ITEMS;
        Self { items: if items > most { most } else { items }, ..self }
    }

    /// At most so many bytes of items. More than
    /// [`MAX_STREAM_KEPT_BYTES`](crate::limits::MAX_STREAM_KEPT_BYTES) counts as that.
    #[must_use]
    pub const fn bytes(self, bytes: u32) -> Self {
        let most = MAX_STREAM_KEPT_BYTES;
        Self { bytes: if bytes > most { most } else { bytes }, ..self }
    }

    /// Most items that are kept.
    pub const fn most_items(&self) -> u32 {
        self.items
    }

    /// Most bytes that are kept.
    pub const fn most_bytes(&self) -> u32 {
        self.bytes
    }
}

/// [`STREAM_KEPT_ITEMS`](crate::limits::STREAM_KEPT_ITEMS) items, of
/// [`STREAM_KEPT_BYTES`](crate::limits::STREAM_KEPT_BYTES) together.
impl Default for StreamWindow {
    fn default() -> Self {
        Self { items: STREAM_KEPT_ITEMS, bytes: STREAM_KEPT_BYTES }
    }
}
