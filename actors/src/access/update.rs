//! Updates: requests whose answers callers wait for.

use reenact_core::{EventKey, InstanceId, Timestamp, TraceContext, UpdateAnswer, UpdateFate};

use super::Access;
use super::start::StartRequest;
use super::wait::{Looks, notified};
use crate::error::{Error, Result};
use crate::inspect::UpdateRead;
use crate::message::ExternalEvent;
use crate::waiters::{AnswerReport, Waiter};

impl Access {
    /// Sends an update to an instance, and waits for its answer, which is durable. An update is an external event
    /// with a key; one that has none gets one. With the key of an update that came before, it gets the answer of
    /// that.
    ///
    /// # Errors
    /// As [`raise_event`](Self::raise_event), and [`Error::UnknownEvent`], [`Error::InvalidPayload`],
    /// [`Error::UpdateRefused`] when the code declares that it does not take it; then as
    /// [`answer_to`](Self::answer_to).
    ///
    /// Cancelled, only the wait ends. The update may or may not have been sent, and may still be answered.
    pub async fn update(
        &self,
        instance: &InstanceId,
        update: ExternalEvent,
    ) -> Result<UpdateAnswer> {
        let update = self.keyed_update(update)?;
        self.send_update(instance, update).await
    }

    async fn send_update(
        &self,
        instance: &InstanceId,
        KeyedUpdate { update, key, is_new }: KeyedUpdate,
    ) -> Result<UpdateAnswer> {
        let waiter = self.waiter_for_new(instance, &key, is_new);
        match self.raise_event(instance, update).await {
            Ok(()) => self.until_answered(instance, key, waiter).await,
            Err(Error::Finished { .. }) if !is_new => self.answered_before_end(instance, key).await,
            Err(error) => Err(error),
        }
    }

    /// The answer to an update that was sent before, to an instance that has ended since.
    async fn answered_before_end(
        &self,
        instance: &InstanceId,
        key: EventKey,
    ) -> Result<UpdateAnswer> {
        match self.answer_to(instance, key).await {
            Err(Error::NoAnswer { instance, .. }) => Err(Error::Finished { instance }),
            answer => answer,
        }
    }

    /// As [`update`](Self::update), of an instance that is started with the update where it is not there.
    ///
    /// # Errors
    /// As [`update`](Self::update) and [`start_instance`](Self::start_instance). [`Error::NoId`] without an id or an
    /// event.
    ///
    /// Cancelled, only the wait ends, once it is sent.
    pub async fn update_or_start(&self, request: StartRequest) -> Result<UpdateAnswer> {
        let (instance, update) = request.instance_and_event()?;
        let update = self.keyed_update(update)?;
        match self.send_update(&instance, update.clone()).await {
            Err(Error::NotFound { .. }) => self.start_with(request, &instance, update, None).await,
            answer => answer,
        }
    }

    /// Starts an instance with an update, both or none, and waits for the answer. Where the instance is there already, it
    /// gets the update; with the key of an update that came before, it gives the answer of that, also after its end. `trace` is as in [`start_in_trace`](Self::start_in_trace).
    ///
    /// # Errors
    /// As [`start_instance`](Self::start_instance) with an event, and then as [`answer_to`](Self::answer_to).
    ///
    /// Cancelled, only the wait ends, once it is sent.
    pub async fn start_with_update(
        &self,
        request: StartRequest,
        trace: Option<TraceContext>,
    ) -> Result<UpdateAnswer> {
        let (instance, update) = request.instance_and_event()?;
        let update = self.keyed_update(update)?;
        self.start_with(request, &instance, update, trace).await
    }

    async fn start_with(
        &self,
        mut request: StartRequest,
        instance: &InstanceId,
        KeyedUpdate { update, key, is_new }: KeyedUpdate,
        trace: Option<TraceContext>,
    ) -> Result<UpdateAnswer> {
        let waiter = self.waiter_for_new(instance, &key, is_new);
        request.event = Some(update);
        match self.start_in_trace(request, trace).await {
            Ok(_) => self.until_answered(instance, key, waiter).await,
            Err(Error::Finished { .. }) if !is_new => self.answered_before_end(instance, key).await,
            Err(error) => Err(error),
        }
    }

    /// Raises an event on an instance, which is started with the event where it is not there. The event gets a key if it has
    /// none.
    ///
    /// # Errors
    /// As [`raise_event`](Self::raise_event) and [`start_instance`](Self::start_instance). [`Error::NoId`] without an
    /// id or an event.
    ///
    /// Cancelled, it may or may not have raised the event.
    pub async fn raise_or_start(&self, mut request: StartRequest) -> Result<()> {
        let (instance, event) = request.instance_and_event()?;
        let (event, _) = self.keyed(event)?;
        match self.raise_event(&instance, event.clone()).await {
            Err(Error::NotFound { .. }) => {
                request.event = Some(event);
                self.start_instance(request).await.map(drop)
            }
            raised => raised,
        }
    }

    /// The time of the store's clock.
    pub fn now(&self) -> Timestamp {
        self.store().clock.now()
    }

    /// Waits for the answer to an update that was sent with that key.
    ///
    /// # Errors
    /// [`Error::NoAnswer`]: the instance has ended without one. [`Error::AnswerForgotten`];
    /// [`Error::UnknownEvent`], [`Error::InvalidPayload`] and [`Error::UpdateRefused`] when the instance has
    /// refused it, and [`Error::Finished`] and [`Error::NotFound`] when it came after its end, also from afar;
    /// [`Error::Quarantined`] when its host has refused it for another reason; [`Error::ShuttingDown`],
    /// [`Error::Unreadable`], [`Error::Store`].
    ///
    /// Cancelling it is harmless.
    pub async fn answer_to(&self, instance: &InstanceId, key: EventKey) -> Result<UpdateAnswer> {
        self.until_answered(instance, key, None).await
    }

    /// An update with a key, which is made where it has none.
    pub fn keyed(&self, update: ExternalEvent) -> Result<(ExternalEvent, EventKey)> {
        let key = match &update.key {
            Some(key) => key.clone(),
            None => EventKey::new(["update ", &self.store().seeds.unique()].concat())?,
        };
        Ok((ExternalEvent { key: Some(key.clone()), ..update }, key))
    }

    fn keyed_update(&self, update: ExternalEvent) -> Result<KeyedUpdate> {
        let is_new = update.key.is_none();
        let (update, key) = self.keyed(update)?;
        Ok(KeyedUpdate { update, key, is_new })
    }

    /// Enlisted before it is sent, so that no answer is missed in between. An answer to an older one may be in the
    /// log only.
    fn waiter_for_new(
        &self,
        instance: &InstanceId,
        key: &EventKey,
        is_new: bool,
    ) -> Option<Waiter<AnswerReport>> {
        if is_new { self.waiter_for_answer(instance, key) } else { None }
    }

    fn waiter_for_answer(
        &self,
        instance: &InstanceId,
        key: &EventKey,
    ) -> Option<Waiter<AnswerReport>> {
        let host = self.here()?;
        let client = host.clients.of_caller();
        Some(host.waiters.answer_to(instance.clone(), key.clone(), client))
    }

    /// Waits with a waiter that was enlisted before the update was sent, if there is one; otherwise looks at the
    /// log first.
    async fn until_answered(
        &self,
        instance: &InstanceId,
        key: EventKey,
        mut waiter: Option<Waiter<AnswerReport>>,
    ) -> Result<UpdateAnswer> {
        let (mut looks, mut read) = (Looks::default(), UpdateRead::new(key.clone()));
        loop {
            let waiting = match waiter.take() {
                Some(waiter) => Some(waiter),
                None => {
                    // Enlisted before the look.
                    let waiter = self.waiter_for_answer(instance, &key);
                    match self.look_for_answer(instance, &key, &mut read).await {
                        Ok(Some(answer)) => return Ok(answer),
                        Ok(None) => {}
                        Err(error)
                            if looks.is_not_first() && error.is_of_a_store_that_is_away() => {}
                        Err(error) => return Err(error),
                    }
                    waiter
                }
            };
            tokio::select! {
                biased;
                report = notified(waiting) => if let AnswerReport::Answered(answer) = report? {
                    return Ok(answer);
                },
                () = self.until_next_look(instance, &mut looks) => {}
            }
        }
    }

    async fn look_for_answer(
        &self,
        instance: &InstanceId,
        key: &EventKey,
        read: &mut UpdateRead,
    ) -> Result<Option<UpdateAnswer>> {
        loop {
            let (summary, fate) = self.store().fate_of_update(instance, read).await?;
            match fate {
                UpdateFate::Answered(answer) => return Ok(Some(answer)),
                UpdateFate::Forgotten => {
                    let (instance, key) = (instance.clone(), key.clone());
                    return Err(Error::AnswerForgotten { instance, key });
                }
                UpdateFate::Open | UpdateFate::Unknown if summary.state.is_finished() => {
                    let now = self.store().summary_now(instance).await?;
                    if (now.execution, now.turns) == (summary.execution, summary.turns) {
                        let (instance, key) = (instance.clone(), key.clone());
                        return Err(Error::NoAnswer { instance, key });
                    }
                    // It may have been rewound since, and have answered it. What is only delivered after the end reports to
                    // no waiter: so it is looked at here.
                }
                UpdateFate::Open => return Ok(None),
                UpdateFate::Unknown => break,
            }
        }
        let Some(remote) = &self.store().queue_client else { return Ok(None) };
        let message = remote.key_of_event(instance, key);
        remote.why_quarantined(instance, &message).await?.map_or(Ok(None), Err)
    }
}

/// An update that is about to be sent.
#[derive(Clone)]
struct KeyedUpdate {
    update: ExternalEvent,
    key: EventKey,
    /// Nobody has sent an update with its key, so the log has no answer to it.
    is_new: bool,
}
