//! What an orchestration and an activity are to the rest: a name and types.

use core::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::child::{ChildOptions, OrchestrationWith};
use crate::context::OrchestrationContext;
use crate::error::OrchestrationError;

/// A typed orchestration. `#[orchestration]` writes this for an `async fn`.
pub trait Orchestration: Send + Sync + 'static {
    /// The input.
    type Input: Serialize + DeserializeOwned + Send + 'static;
    /// What it returns when all goes well.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The name that is stored. It must not change while instances run.
    const NAME: &'static str;

    /// Runs from the start. Must be deterministic: the same history leads to the same calls.
    fn run(
        ctx: OrchestrationContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, OrchestrationError>> + Send;

    /// How it is called by another orchestration, where that says nothing else.
    fn options(&self) -> ChildOptions {
        ChildOptions::default()
    }

    /// The same orchestration, called with these options by another one.
    fn with(self, options: ChildOptions) -> OrchestrationWith<Self>
    where
        Self: Sized,
    {
        OrchestrationWith::new(options)
    }
}

/// What an orchestration must know of an activity to call it. `#[activity]` writes this for an
/// `async fn`; how the activity runs is no concern of the core.
pub trait ActivityDefinition: Send + Sync + 'static {
    /// The input.
    type Input: Serialize + DeserializeOwned + Send + 'static;
    /// What it returns when all goes well.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The name that is stored. It must not change while instances run.
    const NAME: &'static str;
}
