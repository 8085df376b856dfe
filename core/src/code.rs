//! An orchestration with its types erased.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::type_name;
use core::fmt;
use core::future::Future;
use core::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::definition::Orchestration;
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::event_name::DeclaredEvent;
use crate::ids::{InvalidName, Name};
use crate::payload::{Payload, PayloadError};
use crate::update_name::DeclaredUpdate;
use crate::version::{InvalidDefinition, Version};

/// The future of an orchestration, on encoded values.
pub(crate) type CodeFuture =
    Pin<Box<dyn Future<Output = Result<Payload, OrchestrationError>> + Send>>;

/// An orchestration's name, its version and its code, on encoded values. Cheap to clone.
#[derive(Clone)]
pub struct OrchestrationCode {
    name: Name,
    version: Arc<Version>,
    run: Arc<dyn Fn(OrchestrationContext, Payload) -> CodeFuture + Send + Sync>,
    check: fn(&Payload) -> Result<(), PayloadError>,
    events: &'static [DeclaredEvent],
    updates: &'static [DeclaredUpdate],
    types: (&'static str, &'static str),
}

impl OrchestrationCode {
    /// The code of a typed orchestration.
    ///
    /// # Errors
    /// [`InvalidDefinition`] when its name or its version is invalid.
    pub fn of<O: Orchestration>() -> Result<Self, InvalidDefinition> {
        let code = Self::encoding::<_, _, _, _, Checked>(O::NAME, O::run);
        Ok(code?
            .of_version(Version::new(O::VERSION)?)
            .with_events(O::EVENTS)
            .with_updates(O::UPDATES))
    }

    /// Code for a name, from a closure. It has [no version](Version::NONE).
    ///
    /// # Errors
    /// [`InvalidName`] when the name is invalid.
    pub fn new<I, T, F, R>(name: &str, code: F) -> Result<Self, InvalidName>
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        Self::encoding::<_, _, _, _, Unchecked>(name, code)
    }

    fn encoding<I, T, F, R, E>(name: &str, code: F) -> Result<Self, InvalidName>
    where
        I: DeserializeOwned + Send + 'static,
        E: EncodeOutput<T>,
        F: Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        let name = Name::new(name)?;
        let code = Arc::new(code);
        let run = move |ctx: OrchestrationContext, input: Payload| -> CodeFuture {
            let code = code.clone();
            let run = async move {
                let output = code(ctx, input.decode()?).await?;
                E::encode(&output).map_err(|why| {
                    OrchestrationError::of_kind(OrchestrationErrorKind::InvalidOutput, why)
                })
            };
            Box::pin(run)
        };
        let (version, check) =
            (Arc::new(Version::NONE), |input: &Payload| input.decode::<I>().map(drop));
        let types = (type_name::<I>(), type_name::<T>());
        Ok(Self { name, version, run: Arc::new(run), check, events: &[], updates: &[], types })
    }

    /// The same code, as a version of its orchestration.
    #[must_use]
    pub fn of_version(self, version: Version) -> Self {
        Self { version: Arc::new(version), ..self }
    }

    /// The same code, which takes these external events and no others; all, when there are none.
    #[must_use]
    pub fn with_events(self, events: &'static [DeclaredEvent]) -> Self {
        Self { events, ..self }
    }

    /// The same code, which takes these updates, and besides them only the events that it
    /// [declares](Self::with_events); all, when there are neither.
    #[must_use]
    pub fn with_updates(self, updates: &'static [DeclaredUpdate]) -> Self {
        Self { updates, ..self }
    }

    /// The updates that it declares.
    pub fn updates(&self) -> &'static [DeclaredUpdate] {
        self.updates
    }

    /// The external events that it declares.
    pub fn events(&self) -> &'static [DeclaredEvent] {
        self.events
    }

    /// The types of input and output, as the compiler names them.
    #[doc(hidden)]
    pub fn types(&self) -> (&'static str, &'static str) {
        self.types
    }

    /// The name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The version; [`Version::NONE`] when none was given.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Whether an input is of the orchestration's type.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] when it is not.
    pub fn check_input(&self, input: &Payload) -> Result<(), PayloadError> {
        (self.check)(input)
    }

    pub(crate) fn run(&self, ctx: OrchestrationContext, input: Payload) -> CodeFuture {
        (self.run)(ctx, input)
    }
}

/// The versions of orchestrations that a host has. Asked before an execution continues as new, and never
/// at replay.
pub trait CodeCatalog: Send + Sync {
    /// The newest version of an orchestration, as which an execution that is not pinned continues;
    /// `None` to stay on the version that runs.
    fn newest(&self, orchestration: &Name) -> Option<OrchestrationCode>;
}

/// How the output of user code is encoded, whether or not its type is known to decode.
#[doc(hidden)]
pub trait EncodeOutput<T> {
    /// Refuses what nobody could read, and what no store takes. Whether this one takes it is still to be checked.
    fn encode(output: &T) -> Result<Payload, PayloadError>;
}

/// The type is known: an output must decode as it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Checked;

/// The type is known to its reader.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unchecked;

impl<T: Serialize + DeserializeOwned> EncodeOutput<T> for Checked {
    fn encode(output: &T) -> Result<Payload, PayloadError> {
        Payload::encode_large_checked(output).map(|(output, _)| output)
    }
}

impl<T: Serialize> EncodeOutput<T> for Unchecked {
    fn encode(output: &T) -> Result<Payload, PayloadError> {
        Payload::encode_large(output)
    }
}

impl fmt::Debug for OrchestrationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestrationCode")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
