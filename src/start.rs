//! How an instance is started.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use reenact_actors::{Error, Result, StartRequest};
use reenact_core::{InstanceId, Name, Payload, PayloadError};
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::handle::InstanceHandle;

/// An instance that is to be. Await it to start it; nothing happens before.
///
/// # Errors
/// - [`Error::InvalidName`]: the id or the orchestration's name cannot be.
/// - [`Error::InvalidPayload`]: the input does not encode, is too large, or is not of the
///   orchestration's type.
/// - [`Error::UnknownOrchestration`]: this host has not got it.
/// - [`Error::AlreadyExists`]: the id is taken, by a running instance or a finished one.
/// - [`Error::OverLimit`]: the delay is too long.
/// - [`Error::NotStarted`]: the code cannot do its first turn, for it does what no history can repeat,
///   or calls an activity that is not registered. There is no instance then.
/// - [`Error::Busy`], [`Error::ShuttingDown`]: the host does not take it.
/// - [`Error::Interrupted`], [`Error::Store`]: whether it was started may not be known; look at its
///   status.
#[must_use = "nothing is started until it is awaited"]
pub struct StartNew<T> {
    client: Client,
    name: Result<Name>,
    input: Result<Payload, PayloadError>,
    id: Option<Result<InstanceId>>,
    delay: Option<Duration>,
    typed: bool,
    output: PhantomData<fn() -> T>,
}

impl<T> StartNew<T> {
    pub(crate) fn new(
        client: Client,
        name: &str,
        input: Result<Payload, PayloadError>,
        typed: bool,
    ) -> Self {
        let name = Name::new(name).map_err(Error::from);
        Self { client, name, input, id: None, delay: None, typed, output: PhantomData }
    }

    /// Under an id of your own; otherwise one is made, a UUID that sorts by time.
    pub fn id(mut self, id: impl AsRef<str>) -> Self {
        self.id = Some(InstanceId::new(id).map_err(Error::from));
        self
    }

    /// With the code running only after this time, by a durable timer; at most
    /// [`MAX_TIMER`](crate::limits::MAX_TIMER).
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    async fn start(self) -> Result<InstanceHandle<T>> {
        let Self { client, name, input, id, delay, typed, .. } = self;
        let (name, instance) = (name?, id.transpose()?);
        let invalid = |source| Error::InvalidPayload {
            what: format!("the input of orchestration `{name}`"),
            source,
        };
        let input = input.map_err(invalid)?;
        if !typed {
            client.runtime().orchestration(&name)?.check_input(&input).map_err(invalid)?;
        }
        let request = StartRequest { name, input, instance, delay };
        let id = client.runtime().start_instance(request).await?;
        Ok(InstanceHandle::new(client, id))
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for StartNew<T> {
    type Output = Result<InstanceHandle<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
