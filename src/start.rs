//! How an instance is started.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use reenact_actors::{Error, Result, StartRequest};
use reenact_core::{InstanceId, Name, Payload, PayloadError, Version};
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::handle::InstanceHandle;

/// An instance that is to be. Await it to start it; nothing happens before.
///
/// # Errors
/// - [`Error::InvalidName`], [`Error::InvalidVersion`]: the id, the orchestration's name or the version
///   cannot be.
/// - [`Error::InvalidPayload`]: the input does not encode, is too large, or is not of the type that
///   the version which is started takes.
/// - [`Error::UnknownOrchestration`], [`Error::UnknownVersion`]: this host has not got it.
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
    version: Option<Result<Version>>,
    /// The version whose input it is, where that is known.
    input_of: Option<&'static str>,
    output: PhantomData<fn() -> T>,
}

impl<T> StartNew<T> {
    pub(crate) fn new(
        client: Client,
        name: &str,
        input: Result<Payload, PayloadError>,
        input_of: Option<&'static str>,
    ) -> Self {
        let name = Name::new(name).map_err(Error::from);
        let (id, delay, version) = (None, None, None);
        Self { client, name, input, id, delay, version, input_of, output: PhantomData }
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

    /// Of this version of the orchestration, such as `1.2.0`; otherwise of the newest that the host
    /// has.
    pub fn version(mut self, version: impl AsRef<str>) -> Self {
        self.version = Some(Version::new(version).map_err(Error::from));
        self
    }

    async fn start(self) -> Result<InstanceHandle<T>> {
        let Self { client, name, input, id, delay, version, input_of, .. } = self;
        let (name, instance, version) = (name?, id.transpose()?, version.transpose()?);
        let invalid = |source| Error::InvalidPayload {
            what: format!("the input of orchestration `{name}`"),
            source,
        };
        let input = input.map_err(invalid)?;
        let code = client.runtime().orchestration(&name, version.as_ref())?;
        if !input_of.is_some_and(|known| is_version(code.version(), known)) {
            code.check_input(&input).map_err(invalid)?;
        }
        let request = StartRequest { name, version, input, instance, delay };
        let id = client.runtime().start_instance(request).await?;
        Ok(InstanceHandle::new(client, id))
    }
}

/// Whether a version is the one that an orchestration's type says.
fn is_version(version: &Version, text: &str) -> bool {
    match text {
        // As most are: it need not be parsed.
        "0.0.0" => version.is_none(),
        text => Version::new(text).is_ok_and(|said| said == *version),
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for StartNew<T> {
    type Output = Result<InstanceHandle<T>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
