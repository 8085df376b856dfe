//! An attempt of an activity emits items to the streams of its instance.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use reenact_core::limits::MAX_STREAM_ITEM_BYTES;
use reenact_core::{Name, Payload};
use serde::Serialize;

use super::context::ActivityContext;
use super::emissions::{Emissions, EmitError};
use super::pulse::HeartbeatSink;
use crate::error::{Error, Result as HostResult};

/// After this time, items are sent again that were lost on their way: the shard of the instance begins anew.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

impl ActivityContext {
    /// Appends an item to a stream of the instance, as
    /// [`OrchestrationContext::emit`](reenact_core::OrchestrationContext::emit) does.
    ///
    /// It returns when there is room for the item; what was emitted becomes durable meanwhile, several items
    /// together. While [`MAX_EMITTED_UNDER_WAY`](reenact_core::limits::MAX_EMITTED_UNDER_WAY) items, or
    /// [`MAX_EMITTED_BYTES_UNDER_WAY`](reenact_core::limits::MAX_EMITTED_BYTES_UNDER_WAY) of them, are not durable,
    /// it waits. All items are durable before the end of the activity is, however it ends; see also
    /// [`flush_emitted`](Self::flush_emitted). A crash of the host loses those that are not.
    ///
    /// **At least once, and for each attempt once.** The items of an attempt are numbered, by stream. When the
    /// attempt runs again after a crash of its host, the items that are recorded already are not recorded again:
    /// emit the same items in the same order. Another attempt emits from the beginning again; each item says
    /// which attempt it is of ([`emitted_by`](reenact_core::StreamItem::emitted_by)).
    ///
    /// # Errors
    /// [`EmitError::NotHere`] in a local activity, and in one with a tag. [`EmitError::InvalidName`],
    /// [`EmitError::Invalid`], [`EmitError::TooLarge`]: the item was not emitted. [`EmitError::Refused`]: the
    /// attempt is over, the instance is parked, or a limit is passed; every later call gives it too.
    /// [`EmitError::HostEnded`].
    ///
    /// Cancelling it before it returns emits nothing.
    pub fn emit<T: Serialize + ?Sized>(
        &self,
        stream: impl AsRef<str>,
        item: &T,
    ) -> impl Future<Output = Result<(), EmitError>> + Send {
        // Before the first await: neither the name nor the item need be `Send`.
        let item = self.checked(stream.as_ref(), item);
        let context = self.clone();
        async move {
            let (stream, item) = item?;
            let emissions = context.emissions_cell().get_or_init(Emissions::default).clone();
            loop {
                // Enlisted before the look, so that no change is missed in between.
                let changed = emissions.changed().notified();
                let sink = context.sink_of_items()?;
                if emissions.has_room().map_err(|source| context.refused(source))? {
                    emissions.add(stream, item);
                    context.send_items(&emissions, sink.as_deref());
                    return Ok(());
                }
                context.until_items_changed(&emissions, changed).await?;
            }
        }
    }

    /// Returns when all items that the attempt has [emitted](Self::emit) so far are durable.
    ///
    /// # Errors
    /// [`EmitError::Refused`], [`EmitError::HostEnded`].
    ///
    /// Cancelling it is harmless.
    pub async fn flush_emitted(&self) -> Result<(), EmitError> {
        let Some(emissions) = self.emissions_cell().get() else { return Ok(()) };
        loop {
            let changed = emissions.changed().notified();
            if emissions.is_flushed().map_err(|source| self.refused(source))? {
                return Ok(());
            }
            self.until_items_changed(emissions, changed).await?;
        }
    }

    /// Whether it has emitted anything.
    pub(crate) fn has_emitted(&self) -> bool {
        self.emissions_cell().get().is_some()
    }

    fn checked<T: Serialize + ?Sized>(
        &self,
        stream: &str,
        item: &T,
    ) -> Result<(Name, Payload), EmitError> {
        let activity = || self.activity_name().clone();
        if !self.may_emit() {
            return Err(EmitError::NotHere { activity: activity() });
        }
        let stream = Name::new(stream)
            .map_err(|source| EmitError::InvalidName { activity: activity(), source })?;
        let item = match Payload::encode(item) {
            Ok(item) => item,
            Err(source) => return Err(EmitError::Invalid { activity: activity(), stream, source }),
        };
        let bytes = item.len();
        if bytes > MAX_STREAM_ITEM_BYTES {
            return Err(EmitError::TooLarge { activity: activity(), stream, bytes });
        }
        Ok((stream, item))
    }

    /// Where items go; `None` in a unit test.
    fn sink_of_items(&self) -> Result<Option<Arc<dyn HeartbeatSink>>, EmitError> {
        if self.pulse().is_of_test() {
            return Ok(None);
        }
        let ended = || EmitError::HostEnded { activity: self.activity_name().clone() };
        self.pulse().sink().ok_or_else(ended).map(Some)
    }

    /// Sends what waits, unless a batch is under way.
    fn send_items(&self, emissions: &Emissions, sink: Option<&dyn HeartbeatSink>) {
        let Some(sink) = sink else { return };
        let Some(batch) = emissions.next() else { return };
        let sent = Sent { context: self.clone(), emissions: emissions.clone(), is_answered: false };
        let answered = Box::new(move |answer| sent.answer(answer));
        sink.emit(self.call(), self.attempt(), batch, answered);
    }

    /// Returns when something has changed; what was lost on its way is sent again.
    async fn until_items_changed(
        &self,
        emissions: &Emissions,
        changed: impl Future<Output = ()>,
    ) -> Result<(), EmitError> {
        if !emissions.is_lost() {
            changed.await;
            return Ok(());
        }
        let Some(sink) = self.sink_of_items()? else { return Ok(()) };
        let clock = sink.clock();
        drop(sink);
        clock.sleep_until(clock.now() + AGAIN_AFTER).await;
        let sink = self.sink_of_items()?;
        self.send_items(emissions, sink.as_deref());
        Ok(())
    }

    fn refused(&self, source: Box<Error>) -> EmitError {
        EmitError::Refused { activity: self.activity_name().clone(), source }
    }
}

/// Takes the answer to a batch. Without one it was lost, with the actor that was to give it.
struct Sent {
    context: ActivityContext,
    emissions: Emissions,
    is_answered: bool,
}

impl Sent {
    fn answer(mut self, answer: HostResult<()>) {
        self.is_answered = true;
        self.emissions.answered(answer);
        if !self.emissions.is_lost()
            && let Ok(sink) = self.context.sink_of_items()
        {
            self.context.send_items(&self.emissions, sink.as_deref());
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if !self.is_answered {
            self.emissions.lose();
        }
    }
}
