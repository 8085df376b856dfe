//! The orchestrations and activities that a host has.

use std::collections::HashMap;
use std::future::Future;

use reenact_core::{
    ActivityCatalog, InvalidName, Name, Orchestration, OrchestrationCode, OrchestrationContext,
    OrchestrationError, OrchestrationRefusal, Payload, Refusal,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::activity::{Activity, ActivityCode, ActivityContext};
use crate::error::{Error, Result};

/// What a host can run, by name.
#[derive(Default)]
pub struct Registry {
    orchestrations: HashMap<Name, OrchestrationCode>,
    activities: HashMap<Name, ActivityCode>,
}

impl Registry {
    /// Adds a typed orchestration.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::RegisteredTwice`].
    pub fn add_orchestration<O: Orchestration>(&mut self) -> Result<()> {
        self.insert_orchestration(OrchestrationCode::of::<O>())
    }

    /// Adds an orchestration by name.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::RegisteredTwice`].
    pub fn register_orchestration<I, T, F, R>(&mut self, name: &str, code: F) -> Result<()>
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        self.insert_orchestration(OrchestrationCode::new(name, code))
    }

    fn insert_orchestration(&mut self, code: Result<OrchestrationCode, InvalidName>) -> Result<()> {
        let code = code?;
        let name = code.name().clone();
        match self.orchestrations.insert(name.clone(), code) {
            Some(_) => Err(Error::RegisteredTwice { name }),
            None => Ok(()),
        }
    }

    /// Adds a typed activity.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::RegisteredTwice`].
    pub fn add_activity<A: Activity>(&mut self) -> Result<()> {
        self.insert_activity(ActivityCode::of::<A>())
    }

    /// Adds an activity by name.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::RegisteredTwice`].
    pub fn register_activity<I, O, F, R>(&mut self, name: &str, code: F) -> Result<()>
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize,
        F: Fn(ActivityContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, reenact_core::ActivityError>> + Send + 'static,
    {
        self.insert_activity(ActivityCode::new(name, code))
    }

    fn insert_activity(&mut self, added: Result<(Name, ActivityCode), InvalidName>) -> Result<()> {
        let (name, code) = added?;
        match self.activities.insert(name.clone(), code) {
            Some(_) => Err(Error::RegisteredTwice { name }),
            None => Ok(()),
        }
    }

    /// The code of an orchestration, if this host has it.
    pub fn orchestration(&self, name: &Name) -> Option<&OrchestrationCode> {
        self.orchestrations.get(name)
    }

    /// The names of the orchestrations, in order.
    pub(crate) fn orchestrations(&self) -> Vec<Name> {
        let mut names: Vec<_> = self.orchestrations.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Limits by name, for activities that are here.
    pub(crate) fn activity_limits(
        &self,
        limits: &HashMap<String, usize>,
    ) -> Result<HashMap<Name, usize>> {
        let limits = limits.iter().map(|(name, &limit)| {
            let name = Name::new(name)?;
            match self.activities.contains_key(&name) {
                true => Ok((name, limit.max(1))),
                false => Err(Error::UnknownActivity { name }),
            }
        });
        limits.collect()
    }

    pub(crate) fn activity(&self, name: &Name) -> Option<&ActivityCode> {
        self.activities.get(name)
    }
}

impl ActivityCatalog for Registry {
    fn check(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal> {
        let code = self.activities.get(name).ok_or(Refusal::Unregistered)?;
        input.map_or(Ok(()), |input| code.check(input)).map_err(Refusal::InvalidInput)
    }

    fn check_orchestration(
        &self,
        name: &Name,
        input: Option<&Payload>,
    ) -> Result<(), OrchestrationRefusal> {
        let code = self.orchestrations.get(name).ok_or(OrchestrationRefusal::Unregistered)?;
        let checked = input.map_or(Ok(()), |input| code.check_input(input));
        checked.map_err(OrchestrationRefusal::InvalidInput)
    }
}
