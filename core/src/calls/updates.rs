//! Updates: requests that are answered.

use alloc::string::{String, ToString};
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::error::{EventError, bounded_message};
use crate::future::DurableFuture;
use crate::ids::{EventKey, Name};
use crate::output::DurableOutput;
use crate::payload::{Payload, PayloadError};
use crate::state::Shared;
use crate::update_answer::UpdateAnswer;
use crate::update_name::NamesUpdate;

/// What updates carry, and what they are answered with.
type Types<Q, A, E> = fn(&Q) -> Result<A, E>;

/// The updates of one name, as they come. See [`OrchestrationContext::updates`].
#[must_use = "it takes no update until `next` is awaited"]
pub struct Updates<Q, A, E> {
    ctx: OrchestrationContext,
    name: String,
    types: PhantomData<Types<Q, A, E>>,
}

/// One request, which waits for its answer. See [`OrchestrationContext::updates`].
///
/// Dropped without an answer while the code goes on, it is answered as dropped. What the code holds as it ends, is
/// answered by that end; what it holds as it continues as new, comes again in the next execution.
#[must_use = "its caller waits for an answer"]
pub struct Update<Q, A, E> {
    shared: Shared,
    /// None when nobody waits for the answer, or when it was given.
    key: Option<EventKey>,
    request: Q,
    types: PhantomData<Types<Q, A, E>>,
}

impl OrchestrationContext {
    /// The updates of a name, one after the other, in the order in which they come: requests of clients that
    /// wait for an answer. The name is a text, or an [`UpdateName`](crate::UpdateName) that knows the types: of the
    /// request, of the answer, and of a refusal.
    ///
    /// Each is answered once, in the turn in which it is taken or later, after activities for example. The answer
    /// leaves when it is durable. An update is an external event with a key and an answer: it is buffered
    /// and carried over like any event, and those that are sent again with the same key get the same answer.
    ///
    /// ```
    /// # use reenact_core::{OrchestrationContext, OrchestrationError};
    /// async fn cart(ctx: OrchestrationContext, most: usize) -> Result<Vec<String>, OrchestrationError> {
    ///     let mut items = Vec::new();
    ///     let mut adds = ctx.updates::<String, usize, String>("add");
    ///     while items.len() < most {
    ///         let add = adds.next().await?;
    ///         if items.contains(add.request()) {
    ///             add.refuse(&"it is in the cart already".to_string());
    ///             continue;
    ///         }
    ///         let reserved: Result<(), _> = ctx.call_activity_by_name("reserve", add.request()).await;
    ///         match reserved {
    ///             Ok(()) => {
    ///                 items.push(add.request().clone());
    ///                 add.reply(&items.len());
    ///             }
    ///             Err(error) => add.refuse(&error.to_string()),
    ///         }
    ///     }
    ///     Ok(items)
    /// }
    /// # let _ = cart;
    /// ```
    ///
    /// A request that is not a `Q` is answered as invalid, and the code does not see it.
    pub fn updates<Q, A, E>(&self, name: impl NamesUpdate<Q, A, E>) -> Updates<Q, A, E> {
        Updates { ctx: self.clone(), name: name.update_name().into(), types: PhantomData }
    }
}

impl<Q: DeserializeOwned, A, E> Updates<Q, A, E> {
    /// Waits for the next request. Dropped before it has one, it leaves the request to the next call, so that
    /// it can stand in a race or under a [`timeout`](OrchestrationContext::timeout).
    ///
    /// # Errors
    /// [`EventError::Cancelled`] when a [cancel](OrchestrationContext::shielded) comes.
    /// [`EventError::InvalidName`] when no update can have the name, at every call.
    pub async fn next(&mut self) -> Result<Update<Q, A, E>, EventError> {
        let name = Name::new(&self.name)?;
        loop {
            let (data, key) = NextRequest::of(&self.ctx, &name).await?;
            let shared = self.ctx.shared().clone();
            match data.decode() {
                Ok(request) => return Ok(Update { shared, key, request, types: PhantomData }),
                Err(why) => {
                    let answer = UpdateAnswer::Invalid(bounded_message(why.to_string()));
                    if let Some(key) = key {
                        shared.lock().answer_update(key, answer);
                    }
                }
            }
        }
    }
}

/// Waits for an event, and takes it as an update in the same moment.
pub(super) struct NextRequest {
    wait: DurableFuture<DurableOutput>,
    shared: Shared,
    name: Name,
}

impl NextRequest {
    pub(super) fn of(ctx: &OrchestrationContext, name: &Name) -> Self {
        let wait = ctx.schedule_wait::<()>(name.as_str()).into_output();
        Self { wait, shared: ctx.shared().clone(), name: name.clone() }
    }
}

impl Future for NextRequest {
    type Output = Result<(Payload, Option<EventKey>), EventError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.wait).poll(cx).map(|output| {
            if let DurableOutput::External(Ok(data)) = output {
                let key = self.shared.lock().open_update(&self.name, &data);
                Ok((data, key))
            } else {
                // A cancel has come, or no update can have the name.
                output.into_external().map(|()| (Payload::default(), None))
            }
        })
    }
}

impl<Q, A, E> Update<Q, A, E> {
    /// What is asked for.
    pub const fn request(&self) -> &Q {
        &self.request
    }

    /// The key under which it came: the same for a request that is sent again. `None` for an event that was
    /// raised without one, whose answer nobody waits for.
    pub const fn key(&self) -> Option<&EventKey> {
        self.key.as_ref()
    }

    /// Answers it. The caller has the answer when it is durable.
    ///
    /// An answer that does not encode, or is too large, fails the instance.
    pub fn reply(self, answer: &A)
    where
        A: Serialize,
    {
        self.answer(Payload::encode_large(answer), UpdateAnswer::Replied);
    }

    /// Refuses it, with a reason that the caller gets as it is.
    ///
    /// A reason that does not encode, or is too large, fails the instance.
    pub fn refuse(self, reason: &E)
    where
        E: Serialize,
    {
        self.answer(Payload::encode_large(reason), UpdateAnswer::Refused);
    }

    fn answer(mut self, answer: Result<Payload, PayloadError>, form: fn(Payload) -> UpdateAnswer) {
        let Some(key) = self.key.take() else { return };
        let mut state = self.shared.lock();
        match answer.and_then(|answer| state.within_limit(answer)) {
            Ok(answer) => {
                state.answer_update(key, form(answer));
            }
            Err(why) => state.refuse_value("the answer to an update cannot be recorded", &why),
        }
    }
}

impl<Q, A, E> Drop for Update<Q, A, E> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.shared.lock().drop_update(key);
        }
    }
}

impl<Q, A, E> fmt::Debug for Updates<Q, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<Q: fmt::Debug, A, E> fmt::Debug for Update<Q, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("key", &self.key)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
