//! `ForkInstance`: a new instance from the beginning of another one's history.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use reenact_actors::{ForkRequest, Result};
use reenact_core::{InstanceId, InvalidName, ToInstanceId};
use serde::de::DeserializeOwned;

use super::{Client, InstanceHandle};

/// A fork that is to be: see [`Client::fork`]. Await it to make it; nothing happens before. Gives the handle of the
/// fork, whose result is a `T`.
///
/// # Errors
/// Nothing is stored then, but for the last two.
/// - [`Error::InvalidName`](crate::Error::InvalidName): one of the ids cannot be.
/// - [`Error::NotFound`](crate::Error::NotFound): there is no instance to fork.
/// - [`Error::AlreadyExists`](crate::Error::AlreadyExists): the id of the fork is taken; unless it is said to
///   [take](Self::or_attach) what is there.
/// - [`Error::NoSuchPosition`](crate::Error::NoSuchPosition): there is no such event, or it is in the first turn; or, of
///   an instance that is a fork itself, in what that has copied: fork the other one instead.
/// - [`Error::NotForkable`](crate::Error::NotForkable): the instance waits there for children, or for answers or locks
///   of other instances, or it holds locks. The error names them, and the event before which it waits for none of
///   them.
/// - [`Error::Reserved`](crate::Error::Reserved): one of both is an entity.
/// - [`Error::OverLimit`](crate::Error::OverLimit): the fork would begin with more than
///   [`MAX_REWOUND_TURNS`](crate::limits::MAX_REWOUND_TURNS) turns, or with more than
///   [`MAX_REWOUND_BYTES`](crate::limits::MAX_REWOUND_BYTES).
/// - [`Error::OtherExecution`](crate::Error::OtherExecution): the instance has gone on as a new execution meanwhile.
/// - [`Error::UnknownOrchestration`](crate::Error::UnknownOrchestration),
///   [`Error::UnknownVersion`](crate::Error::UnknownVersion): this host has not got its code.
/// - [`Error::Parked`](crate::Error::Parked): the instance is being imported.
/// - [`Error::Unreadable`](crate::Error::Unreadable): what is stored of it does not decode.
/// - [`Error::Busy`](crate::Error::Busy), [`Error::ShuttingDown`](crate::Error::ShuttingDown): the host does not take it.
/// - [`Error::Quarantined`](crate::Error::Quarantined): the other host that has the shard of the new id cannot take it.
/// - [`Error::Unanswered`](crate::Error::Unanswered): no host has taken it for half a minute. It is durable in its
///   queue, and begins when one does.
/// - [`Error::Interrupted`](crate::Error::Interrupted), [`Error::Store`](crate::Error::Store): whether it began may not
///   be known; look at its status.
///
/// Cancelled, the fork may or may not have begun.
#[must_use = "nothing is forked until it is awaited"]
pub struct ForkInstance<T> {
    client: Client,
    from: Result<InstanceId, InvalidName>,
    instance: Result<InstanceId, InvalidName>,
    before: Option<u64>,
    reason: String,
    or_attach: bool,
    output: PhantomData<fn() -> T>,
}

impl Client {
    /// Forks an instance: a new one, under the id `to`, begins with the first turns of the history of `from`, and goes
    /// on from there with the code that its host has now. `from` stays as it is, whether it runs, waits, is parked or
    /// has ended. Good to try a repair on a copy, and to answer what would have been.
    ///
    /// Of the fork,
    ///
    /// - the history is a copy up to [a place](ForkInstance::before), or of all that is durable but the end. The code
    ///   sees the id of `from` in the copy, and its own after it; random numbers and UUIDs are others from there on;
    /// - timers that had not fired fire at their time, or at once when that is over. [Time
    ///   limits](crate::StartNew::timeout) begin anew;
    /// - activities that were under way run again, for the fork, under
    ///   [idempotency keys](crate::ActivityContext::idempotency_key) of its own. What activities of the copy have done
    ///   is not done again;
    /// - no message of the copy is sent again: what was not known to have arrived counts as arrived. No other instance
    ///   has started it, so no parent gets its result. The answer to an update in the copy goes to nobody: who asked
    ///   waits for `from`;
    /// - external events, streams, published values and attributes of the copy are there. Events that came to `from`
    ///   later are not: raise them on the fork;
    /// - children that have ended in the copy are not called again. One that is open there cannot be shared: such a
    ///   fork is refused.
    ///
    /// ```
    /// # use reenact::prelude::*;
    /// use reenact::Event;
    ///
    /// # async fn try_again(client: &Client) -> reenact::Result<()> {
    /// let history = client.history("order-7").await?;
    /// let failed = history.events().find(|event| matches!(event.event, Event::TaskFailed { .. }));
    /// if let Some(failed) = failed {
    ///     let fork = client.fork::<u64>("order-7", "order-7-again").before(failed.position).await?;
    ///     println!("{}", fork.result().await?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn fork<T>(&self, from: impl ToInstanceId, to: impl ToInstanceId) -> ForkInstance<T> {
        ForkInstance::new(self.clone(), from.to_instance_id(), to.to_instance_id())
    }
}

impl<T> ForkInstance<T> {
    pub(super) fn new(
        client: Client,
        from: Result<InstanceId, InvalidName>,
        instance: Result<InstanceId, InvalidName>,
    ) -> Self {
        let (before, reason, or_attach) = (None, String::new(), false);
        Self { client, from, instance, before, reason, or_attach, output: PhantomData }
    }

    /// To before the event at `position`, as [`history`](Client::history) numbers them: neither the turn that holds it
    /// nor any after it is copied.
    pub fn before(mut self, position: u64) -> Self {
        self.before = Some(position);
        self
    }

    /// Why, for people: it is in the history of the fork. Cut at
    /// [`MAX_MESSAGE_BYTES`](crate::limits::MAX_MESSAGE_BYTES).
    pub fn reason(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.reason);
        self
    }

    /// Takes an instance that has the new id already for the fork, whatever it is: so the same fork can be asked for
    /// again when its answer was lost.
    pub fn or_attach(mut self) -> Self {
        self.or_attach = true;
        self
    }

    async fn fork(self) -> Result<InstanceHandle<T>> {
        let Self { client, from, instance, before, reason, or_attach, .. } = self;
        let (from, instance) = (from?, instance?);
        let request = ForkRequest { from, instance: instance.clone(), before, reason, or_attach };
        client.access().fork(request).await?;
        Ok(InstanceHandle::new(client, instance))
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for ForkInstance<T> {
    type Output = Result<InstanceHandle<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.fork())
    }
}
