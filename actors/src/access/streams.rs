//! The streams of instances, as they grow.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{self, Stream, StreamExt};
use reenact_core::limits::MAX_ITEMS_PER_PAGE;
use reenact_core::{EmittedBy, InstanceId, Name, StreamItem};
use serde::de::DeserializeOwned;

use super::Access;
use super::wait::Looks;
use crate::error::{Error, Result};
use crate::inspect::{StreamPage, StreamPlace};

/// The items of a stream of an instance: those that are there, and then each new one, until the instance ends. A
/// [`Stream`].
///
/// It shows what is durable, each item once and in order, also where the instance
/// [continues as new](reenact_core::OrchestrationContext::continue_as_new), unless more items were trimmed by then
/// than this has read. An instance that has no such stream yet has no items yet. An item that is an error is the
/// last, but for [`Error::InvalidPayload`], which says that an item is not a `T`. To go on after an error or a
/// restart, begin another one at the [next offset](Self::next_offset).
///
/// On the host that has the instance it is notified of new items; another host's instance is looked at again and
/// again, at first often, then once a second.
#[must_use = "it does nothing unless it is polled"]
pub struct ItemStream<T> {
    access: Access,
    instance: InstanceId,
    name: Name,
    from: Option<u64>,
    /// Once it was polled.
    pages: Option<Pages>,
    items: VecDeque<StreamItem>,
    next: u64,
    item: PhantomData<fn() -> T>,
}

type Pages = Pin<Box<dyn Stream<Item = Result<Vec<StreamItem>>> + Send>>;

/// An item of a stream, as it is given to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Emitted<T> {
    /// Its place in the stream. Offsets rise by one, but for those of items that a rewind has undone.
    pub offset: u64,
    /// What was emitted.
    pub value: T,
    /// The attempt of an activity that emitted it; `None` for the code of the orchestration.
    pub emitted_by: Option<EmittedBy>,
}

impl<T> Emitted<T> {
    /// An item as a reader gets it.
    pub const fn new(offset: u64, value: T, emitted_by: Option<EmittedBy>) -> Self {
        Self { offset, value, emitted_by }
    }
}

/// What a stream of items has given.
struct Given {
    access: Access,
    instance: InstanceId,
    name: Name,
    place: StreamPlace,
    is_over: bool,
}

impl Access {
    /// The items of a stream of an instance, from the first one that is there.
    pub fn item_stream<T>(&self, instance: &InstanceId, name: &Name) -> ItemStream<T> {
        ItemStream {
            access: self.clone(),
            instance: instance.clone(),
            name: name.clone(),
            from: None,
            pages: None,
            items: VecDeque::new(),
            next: 0,
            item: PhantomData,
        }
    }

    /// A page of a stream of an instance: at most so many items, and no more than
    /// [`MAX_ITEMS_PER_PAGE`](reenact_core::limits::MAX_ITEMS_PER_PAGE), from an offset on, or from the first item
    /// that is there. It does not wait for items; no code runs.
    ///
    /// # Errors
    /// [`Error::StreamTrimmed`], [`Error::NotFound`], [`Error::Unreadable`], [`Error::Store`].
    ///
    /// Cancelling it is harmless.
    pub async fn stream_page(
        &self,
        instance: &InstanceId,
        name: &Name,
        from: Option<u64>,
        most: usize,
    ) -> Result<StreamPage> {
        let mut place = StreamPlace::new(from);
        self.store().stream_page(instance, name, &mut place, most).await
    }
}

impl Given {
    async fn next(mut self) -> Option<(Result<Vec<StreamItem>>, Self)> {
        if self.is_over {
            return None;
        }
        match self.more().await {
            Ok(items) if items.is_empty() => None,
            Ok(items) => Some((Ok(items), self)),
            Err(error) => {
                self.is_over = true;
                Some((Err(error), self))
            }
        }
    }

    /// The next items; none when the instance is over without any.
    async fn more(&mut self) -> Result<Vec<StreamItem>> {
        let Self { access, instance, name, place, is_over } = self;
        let mut looks = Looks::default();
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let waiter = access.waiter_for_change(instance);
            match access.store().stream_page(instance, name, place, MAX_ITEMS_PER_PAGE).await {
                Ok(page) => {
                    *is_over = page.has_ended;
                    if *is_over || !page.items.is_empty() {
                        return Ok(page.items);
                    }
                }
                Err(error) if looks.is_not_first() && error.is_of_a_store_that_is_away() => {}
                Err(error) => return Err(error),
            }
            access.until_change(instance, waiter, &mut looks).await?;
        }
    }
}

impl<T> ItemStream<T> {
    /// From that offset on. Where it was trimmed, the stream gives [`Error::StreamTrimmed`], with the first offset
    /// that is there, and ends. One that does not exist yet is waited for. It has no effect once the stream was
    /// polled.
    pub fn from(self, offset: u64) -> Self {
        Self { from: Some(offset), next: offset, ..self }
    }

    /// The offset after the last item that was given: where another stream would go on.
    pub const fn next_offset(&self) -> u64 {
        self.next
    }

    fn pages(&self) -> Pages {
        let place = StreamPlace::new(self.from);
        let (access, instance, name) =
            (self.access.clone(), self.instance.clone(), self.name.clone());
        let given = Given { access, instance, name, place, is_over: false };
        Box::pin(stream::unfold(given, Given::next).fuse())
    }
}

impl<T: DeserializeOwned> ItemStream<T> {
    /// The next item; `None` at the end of the instance. As [`Stream::poll_next`], for those who have no extension
    /// trait of streams at hand.
    ///
    /// # Errors
    /// [`Error::InvalidPayload`]: the item is not a `T`, and the next call gives the next one.
    /// [`Error::StreamTrimmed`]: the items from the next offset on were trimmed.
    /// [`Error::StreamReplaced`]: the instance was purged, and another one has its id.
    /// [`Error::NotFound`], [`Error::Parked`], [`Error::ShuttingDown`], [`Error::Unreadable`], [`Error::Store`].
    /// With all of these but the first the stream ends.
    ///
    /// Cancelling it loses no item.
    pub async fn next(&mut self) -> Option<Result<Emitted<T>>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn decoded(&self, item: StreamItem) -> Result<Emitted<T>> {
        let StreamItem { offset, value, emitted_by } = item;
        match value.decode() {
            Ok(value) => Ok(Emitted { offset, value, emitted_by }),
            Err(source) => {
                let Self { instance, name, .. } = self;
                let what = format!("item {offset} of the stream `{name}` of instance `{instance}`");
                Err(Error::InvalidPayload { what, source })
            }
        }
    }
}

impl<T: DeserializeOwned> Stream for ItemStream<T> {
    type Item = Result<Emitted<T>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.items.pop_front() {
                self.next = item.offset + 1;
                return Poll::Ready(Some(self.decoded(item)));
            }
            if self.pages.is_none() {
                self.pages = Some(self.pages());
            }
            let Some(pages) = &mut self.pages else { return Poll::Pending };
            match ready!(pages.as_mut().poll_next(cx)) {
                Some(Ok(items)) => self.items = items.into(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T> fmt::Debug for ItemStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream")
            .field("instance", &self.instance)
            .field("name", &self.name)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
