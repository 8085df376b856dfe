//! An orchestration with its types erased.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::OrchestrationContext;
use crate::definition::Orchestration;
use crate::error::{OrchestrationError, OrchestrationErrorKind};
use crate::ids::{InvalidName, Name};
use crate::payload::{Payload, PayloadError};
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
}

impl OrchestrationCode {
    /// The code of a typed orchestration.
    ///
    /// # Errors
    /// [`InvalidDefinition`] when its name or its version is none.
    pub fn of<O: Orchestration>() -> Result<Self, InvalidDefinition> {
        Ok(Self::new(O::NAME, O::run)?.of_version(Version::new(O::VERSION)?))
    }

    /// Code for a name, from a closure. It has [no version](Version::NONE).
    ///
    /// # Errors
    /// [`InvalidName`] when the name is none.
    pub fn new<I, T, F, R>(name: &str, code: F) -> Result<Self, InvalidName>
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        let name = Name::new(name)?;
        let code = Arc::new(code);
        let run = move |ctx: OrchestrationContext, input: Payload| -> CodeFuture {
            let code = code.clone();
            Box::pin(async move { encode_output(&code(ctx, input.decode()?).await?) })
        };
        let (version, check) =
            (Arc::new(Version::NONE), |input: &Payload| input.decode::<I>().map(drop));
        Ok(Self { name, version, run: Arc::new(run), check })
    }

    /// The same code, as a version of its orchestration.
    #[must_use]
    pub fn of_version(self, version: Version) -> Self {
        Self { version: Arc::new(version), ..self }
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

fn encode_output<T: Serialize>(output: &T) -> Result<Payload, OrchestrationError> {
    Payload::encode(output)
        .map_err(|why| OrchestrationError::of_kind(OrchestrationErrorKind::InvalidOutput, why))
}

impl fmt::Debug for OrchestrationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestrationCode")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
