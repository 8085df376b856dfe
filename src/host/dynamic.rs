//! Code for names that are not registered.

use std::future::Future;

use reenact_actors::{ActivityContext, Registry};
use reenact_core::{ActivityError, Name, OrchestrationContext, OrchestrationError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::HostBuilder;
use crate::entities::{Entity, dynamic_code_of};

impl HostBuilder {
    /// Runs orchestrations of every name that is not registered, in every version: for programs that learn the names
    /// only as they run, such as interpreters. The code is given the name.
    ///
    /// No name is unknown to such a host then: an instance whose name was misspelt is started.
    ///
    /// ```
    /// use reenact::prelude::*;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> reenact::Result<()> {
    /// let run = |name: reenact::Name, ctx: OrchestrationContext, steps: Vec<String>| async move {
    ///     let mut done = vec![name.to_string()];
    ///     for step in steps {
    ///         done.push(ctx.call_activity_by_name(step.as_str(), &()).await?);
    ///     }
    ///     Ok::<_, OrchestrationError>(done)
    /// };
    /// let act = |ctx: ActivityContext, (): ()| async move {
    ///     Ok::<_, ActivityError>(format!("{} is done", ctx.activity_name()))
    /// };
    /// let host = Host::builder().provider(InMemory::new());
    /// let host = host.dynamic_orchestration(run).dynamic_activity(act).start().await?;
    ///
    /// let steps = vec!["pack", "ship"];
    /// let order = host.start_new_by_name::<Vec<String>>("order", &steps).await?;
    /// assert_eq!(order.result().await?, ["order", "pack is done", "ship is done"]);
    /// # host.shutdown().await
    /// # }
    /// ```
    pub fn dynamic_orchestration<I, T, F, R>(mut self, code: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Fn(Name, OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        self.add(|registry| registry.dynamic().set_orchestration(code));
        self
    }

    /// Runs activities of every name that is not registered. The context has the
    /// [name](ActivityContext::activity_name).
    pub fn dynamic_activity<I, O, F, R>(mut self, code: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        F: Fn(ActivityContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, ActivityError>> + Send + 'static,
    {
        self.add(|registry| registry.dynamic().set_activity(code));
        self
    }

    /// Runs entities of every type that is not registered, with this code for all of them; its own name does not
    /// matter.
    pub fn dynamic_entity<T: Entity>(mut self) -> Self {
        self.add(|registry| registry.dynamic().set_entity(dynamic_code_of::<T>));
        self
    }

    /// Says that the dynamic activity, and those of these names, only wait for what another process does, such as a worker.
    /// That a host has died while they ran says nothing about them, so it
    /// [does not count](crate::HostOptions::max_host_deaths). After they are registered.
    pub fn remote_activities(mut self, names: &[&str]) -> Self {
        self.add(|registry| registry.set_remote(names));
        self
    }

    /// The names of the orchestrations that are registered so far, in order.
    pub fn orchestration_names(&self) -> Vec<Name> {
        self.registry.as_ref().map(Registry::orchestrations).unwrap_or_default()
    }

    /// The names of the activities that are registered so far, in order.
    pub fn activity_names(&self) -> Vec<Name> {
        self.registry.as_ref().map(Registry::activity_names).unwrap_or_default()
    }
}
