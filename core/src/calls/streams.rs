//! The calls that emit items to the streams of an instance.

use serde::Serialize;

use crate::context::OrchestrationContext;
use crate::ids::Name;
use crate::options::StreamWindow;
use crate::payload::{Payload, PayloadError};
use crate::state::NOT_EMITTED;

impl OrchestrationContext {
    /// Appends an item to a stream of the instance: everybody can read it while the instance runs, and after,
    /// in order and from any offset. The first item makes the stream.
    ///
    /// It is seen as soon as the turn is durable. It is a step of the code like any other: at replay, an item must
    /// be emitted to the same stream in the same place. Several items that are emitted one after the other are one
    /// event of the history. Activities can emit as well, to the same streams.
    ///
    /// All items of an execution are kept, and count for the limits of its history. When the code
    /// [continues as new](Self::continue_as_new), the newest items go along, as
    /// [`keep_stream`](Self::keep_stream) says, and offsets go on.
    ///
    /// ```
    /// # use reenact_core::{Executor, OrchestrationCode, OrchestrationContext, OrchestrationError};
    /// async fn order(ctx: OrchestrationContext, _: ()) -> Result<u64, OrchestrationError> {
    ///     ctx.emit("steps", "paid");
    ///     ctx.emit("steps", "packed");
    ///     Ok(ctx.next_offset("steps"))
    /// }
    ///
    /// let run = Executor::new(OrchestrationCode::new("order", order).unwrap())
    ///     .drive_to_completion(&())
    ///     .unwrap();
    /// assert_eq!(run.output::<u64>(), Some(2));
    /// ```
    ///
    /// An item over [`MAX_STREAM_ITEM_BYTES`](crate::limits::MAX_STREAM_ITEM_BYTES), and more than
    /// [`MAX_STREAMS`](crate::limits::MAX_STREAMS), fail the instance with
    /// [`LimitExceeded`](crate::OrchestrationErrorKind::LimitExceeded). An item that does not encode, or is nested
    /// too deep, and a name of no bytes, of more than [`MAX_NAME_BYTES`](crate::limits::MAX_NAME_BYTES) or with
    /// control characters, fail it with [`InvalidValue`](crate::OrchestrationErrorKind::InvalidValue).
    pub fn emit<T: Serialize + ?Sized>(&self, stream: impl AsRef<str>, item: &T) {
        let stream = named(stream);
        // Without the lock: a `Serialize` may be code of the user's.
        let item = Payload::write(item);
        let mut state = self.shared().lock();
        match (stream, item) {
            (Ok(stream), Ok(item)) => state.emit(stream, item),
            (Err(why), _) | (_, Err(why)) => state.refuse_value(NOT_EMITTED, &why),
        }
    }

    /// How much of a stream the next execution is given when the code
    /// [continues as new](Self::continue_as_new). It goes along as well, and it makes the stream. What was said
    /// before is no step. More than [`MAX_STREAMS`](crate::limits::MAX_STREAMS), and an invalid name, fail the
    /// instance, as with [`emit`](Self::emit).
    pub fn keep_stream(&self, stream: impl AsRef<str>, window: StreamWindow) {
        let stream = named(stream);
        let mut state = self.shared().lock();
        match stream {
            Ok(stream) => state.keep_stream(stream, window),
            Err(why) => state.refuse_value("the window of a stream cannot be set", &why),
        }
    }

    /// The offset that the next item of a stream will have; 0 when there is no such stream.
    pub fn next_offset(&self, stream: impl AsRef<str>) -> u64 {
        // No stream can have an invalid name.
        Name::new(stream).map_or(0, |stream| self.shared().lock().next_offset(&stream))
    }
}

fn named(stream: impl AsRef<str>) -> Result<Name, PayloadError> {
    use alloc::string::ToString;
    Name::new(stream).map_err(|invalid| PayloadError::Encode(invalid.to_string()))
}
