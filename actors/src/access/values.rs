//! Questions: the values that instances have published.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, Stream, StreamExt};
use reenact_core::{InstanceId, Name, Payload, PublishedValues};
use serde::de::DeserializeOwned;

use super::Access;
use super::wait::Looks;
use crate::error::{Error, Result};

/// The values that an instance publishes under one name: the one that there is now, and then each newer one. A
/// [`Stream`].
///
/// `None` stands for no value: nothing was published under the name yet, or it was cleared. Who does not ask
/// for some time gets the newest value, and none of those between. It ends with the instance. An item that
/// is an error is the last, but for [`Error::InvalidPayload`], which says that a value is not a `T`.
///
/// On the host that has the instance it is notified of each change; another host's instance is looked at again
/// and again, at first often, then once a second.
#[must_use = "it does nothing unless it is polled"]
pub struct Values<T> {
    payloads: Pin<Box<dyn Stream<Item = Result<Option<Payload>>> + Send>>,
    what: String,
    value: PhantomData<fn() -> T>,
}

/// What a stream of values has given.
struct Given {
    access: Access,
    instance: InstanceId,
    name: Name,
    newest: Option<Option<Payload>>,
    is_over: bool,
}

impl Access {
    /// The values that an instance has published, as far as they are durable: of its newest execution, from
    /// memory or from its log, and without its code. Empty when it has published none.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unreadable`], [`Error::Store`].
    ///
    /// Cancelling it is harmless.
    pub async fn published(&self, instance: &InstanceId) -> Result<PublishedValues> {
        let (_, read) = self.store().published(instance).await?;
        Ok(read.values.clone())
    }

    /// The value that an instance has published under a name, as far as it is durable; `None` when it has not.
    ///
    /// # Errors
    /// As [`Access::published`].
    ///
    /// Cancelling it is harmless.
    pub async fn query(&self, instance: &InstanceId, name: &Name) -> Result<Option<Payload>> {
        let (_, read) = self.store().published(instance).await?;
        Ok(read.values.get(name.as_str()).cloned())
    }

    /// The values that an instance publishes under a name, as they come.
    pub fn values<T>(&self, instance: &InstanceId, name: &Name) -> Values<T> {
        let (instance, name) = (instance.clone(), name.clone());
        let what = format!("the value `{name}` that instance `{instance}` has published");
        let access = self.clone();
        let given = Given { access, instance, name, newest: None, is_over: false };
        let payloads = Box::pin(stream::unfold(given, Given::next).fuse());
        Values { payloads, what, value: PhantomData }
    }
}

impl Given {
    async fn next(mut self) -> Option<(Result<Option<Payload>>, Self)> {
        if self.is_over {
            return None;
        }
        match self.changed().await {
            Ok(Some(value)) => {
                self.newest = Some(value.clone());
                Some((Ok(value), self))
            }
            Ok(None) => None,
            Err(error) => {
                self.is_over = true;
                Some((Err(error), self))
            }
        }
    }

    /// Another value than the one that was given; `None` when the instance is over without one.
    async fn changed(&mut self) -> Result<Option<Option<Payload>>> {
        let Self { access, instance, name, newest, is_over } = self;
        let mut looks = Looks::default();
        loop {
            // Enlisted before the look, so that no change is missed in between.
            let waiter = access.waiter_for_change(instance);
            match access.store().published(instance).await {
                Ok((summary, read)) => {
                    *is_over = summary.state.is_finished();
                    let value = read.values.get(name.as_str());
                    if newest.as_ref().is_none_or(|newest| newest.as_ref() != value) {
                        return Ok(Some(value.cloned()));
                    }
                    if *is_over {
                        return Ok(None);
                    }
                }
                Err(error) if looks.is_not_first() && error.is_of_a_store_that_is_away() => {}
                Err(error) => return Err(error),
            }
            access.until_change(instance, waiter, &mut looks).await?;
        }
    }
}

impl<T: DeserializeOwned> Stream for Values<T> {
    type Item = Result<Option<T>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.payloads.as_mut().poll_next(cx);
        next.map(|item| item.map(|value| value.and_then(|value| self.decoded(value))))
    }
}

impl<T: DeserializeOwned> Values<T> {
    /// The next value; `None` at the end of the instance. As [`Stream::poll_next`], for those who have no
    /// extension trait of streams at hand.
    ///
    /// # Errors
    /// [`Error::InvalidPayload`]: the value is not a `T`, and the next call gives the next one.
    /// [`Error::NotFound`], [`Error::Parked`], [`Error::ShuttingDown`], [`Error::Unreadable`],
    /// [`Error::Store`]: the stream ends with it.
    ///
    /// Cancelling it loses no value.
    pub async fn next(&mut self) -> Option<Result<Option<T>>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn decoded(&self, value: Option<Payload>) -> Result<Option<T>> {
        let decoded = value.map(|value| value.decode()).transpose();
        decoded.map_err(|source| Error::InvalidPayload { what: self.what.clone(), source })
    }
}

impl<T> fmt::Debug for Values<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").field("of", &self.what).finish_non_exhaustive()
    }
}
