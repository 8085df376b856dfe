//! The orchestrations and activities that a host has.

mod activities;
mod doubles;
mod dynamic;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;

use reenact_core::{
    ActivityCatalog, CodeCatalog, InvalidName, Name, Orchestration, OrchestrationCode,
    OrchestrationContext, OrchestrationError, OrchestrationRefusal, Payload, Refusal, Version,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::activity::{Activity, ActivityCode, ActivityContext};
use crate::entity_id::{check_orchestration, check_type};
use crate::error::{Error, ParkReason, Result};
use crate::metrics::Labels;
use crate::state::{MissingState, States};
pub use activities::{Activities, ActivitySet};
#[doc(hidden)]
pub use doubles::NoDouble;
pub use dynamic::Dynamic;

/// What a host can run, by name.
#[derive(Clone, Default)]
pub struct Registry {
    orchestrations: foldhash::HashMap<Name, Versions>,
    activities: foldhash::HashMap<Name, ActivityCode>,
    dynamic: Dynamic,
    states: States,
    /// Other hosts may have the activities with a tag that are not here.
    among_others: bool,
}

/// Why a host cannot run an orchestration.
#[derive(Clone, Debug)]
pub(crate) enum MissingCode {
    /// It has none of that name.
    Orchestration { name: Name },
    /// It has it in other versions only.
    Version { name: Name, version: Version, registered: Vec<Version> },
}

impl From<MissingCode> for Error {
    fn from(missing: MissingCode) -> Self {
        match missing {
            MissingCode::Orchestration { name } => Self::UnknownOrchestration { name },
            MissingCode::Version { name, version, registered } => {
                Self::UnknownVersion { name, version, registered }
            }
        }
    }
}

impl From<MissingCode> for ParkReason {
    fn from(missing: MissingCode) -> Self {
        match missing {
            MissingCode::Orchestration { name } => Self::UnknownOrchestration { name },
            MissingCode::Version { name, version, registered } => {
                Self::UnknownVersion { name, version, registered }
            }
        }
    }
}

/// The versions of one orchestration, oldest first. There is at least one.
type Versions = BTreeMap<Version, OrchestrationCode>;

/// An orchestration that is known by name only, and perhaps one version of it. A `&str` is one
/// without a version.
///
/// ```
/// # use reenact_actors::Named;
/// let order = Named::new("order").version("1.2.0");
/// # let _ = order;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it does nothing until it is registered"]
pub struct Named<'a> {
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// Of that name, without a version. Both are checked where it is registered.
    pub const fn new(name: &'a str) -> Self {
        Self { name, version: None }
    }

    /// Of that [version](Version).
    pub const fn version(self, version: &'a str) -> Self {
        Self { version: Some(version), ..self }
    }
}

impl<'a> From<&'a str> for Named<'a> {
    fn from(name: &'a str) -> Self {
        Self::new(name)
    }
}

impl<'a> From<&'a String> for Named<'a> {
    fn from(name: &'a String) -> Self {
        Self::new(name)
    }
}

impl Registry {
    /// Adds a typed orchestration, in one of its versions.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::InvalidVersion`], [`Error::Reserved`], [`Error::RegisteredTwice`].
    pub fn add_orchestration<O: Orchestration>(&mut self) -> Result<()> {
        let code = OrchestrationCode::of::<O>()?;
        check_orchestration(code.name())?;
        self.insert_orchestration(code)
    }

    /// Adds the code of the entities of a type.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Reserved`], [`Error::RegisteredTwice`].
    #[doc(hidden)]
    pub fn add_entity(&mut self, entity_type: &str, code: OrchestrationCode) -> Result<()> {
        check_type(entity_type)?;
        self.insert_orchestration(code)
    }

    /// Adds an orchestration by name, in one of its versions.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::InvalidVersion`], [`Error::Reserved`], [`Error::RegisteredTwice`].
    pub fn register_orchestration<I, T, F, R>(&mut self, named: Named<'_>, code: F) -> Result<()>
    where
        I: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Fn(OrchestrationContext, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, OrchestrationError>> + Send + 'static,
    {
        let code = OrchestrationCode::new(named.name, code)?;
        check_orchestration(code.name())?;
        self.insert_orchestration(match named.version {
            Some(version) => code.of_version(Version::new(version)?),
            None => code,
        })
    }

    fn insert_orchestration(&mut self, code: OrchestrationCode) -> Result<()> {
        let (name, version) = (code.name().clone(), code.version().clone());
        let versions = self.orchestrations.entry(name.clone()).or_default();
        match versions.insert(version.clone(), code) {
            Some(_) => Err(Error::RegisteredTwice {
                name,
                version: Some(version).filter(|v| !v.is_none()),
            }),
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

    /// What runs under names that are not registered.
    pub const fn dynamic(&mut self) -> &mut Dynamic {
        &mut self.dynamic
    }

    /// The dynamic activity, and those of these names, only wait for what another process does.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::UnknownActivity`].
    pub fn set_remote(&mut self, names: &[&str]) -> Result<()> {
        if let Some(code) = self.dynamic.activity_mut() {
            code.set_remote();
        }
        for name in names {
            let name = Name::new(name)?;
            match self.activities.get_mut(&name) {
                Some(code) => code.set_remote(),
                None => return Err(Error::UnknownActivity { name }),
            }
        }
        Ok(())
    }

    fn insert_activity(&mut self, added: Result<(Name, ActivityCode), InvalidName>) -> Result<()> {
        let (name, code) = added?;
        match self.activities.insert(name.clone(), code) {
            Some(_) => Err(Error::RegisteredTwice { name, version: None }),
            None => Ok(()),
        }
    }

    /// The code of an orchestration in this version, or in the newest that this host has. Where none of that name is
    /// registered, the [dynamic](Dynamic::set_orchestration) one, if there is one.
    ///
    /// # Errors
    /// [`Error::UnknownOrchestration`], [`Error::UnknownVersion`].
    pub fn orchestration(
        &self,
        name: &Name,
        version: Option<&Version>,
    ) -> Result<OrchestrationCode> {
        Ok(self.code(name, version)?)
    }

    /// The orchestrations, ordered by name, each with its versions, oldest first.
    pub(crate) fn names(&self) -> Vec<(Name, Vec<Version>)> {
        let of = |(name, versions): (&Name, &Versions)| {
            (name.clone(), versions.keys().cloned().collect())
        };
        let mut names: Vec<_> = self.orchestrations.iter().map(of).collect();
        names.sort();
        names
    }

    /// The same, with what is missing.
    pub(crate) fn code(
        &self,
        name: &Name,
        version: Option<&Version>,
    ) -> Result<OrchestrationCode, MissingCode> {
        let unknown = || MissingCode::Orchestration { name: name.clone() };
        let Some(versions) = self.orchestrations.get(name) else {
            return self.dynamic.orchestration(name, version).ok_or_else(unknown);
        };
        let Some(version) = version else {
            return versions.last_key_value().map(|(_, newest)| newest.clone()).ok_or_else(unknown);
        };
        versions.get(version).cloned().ok_or_else(|| MissingCode::Version {
            name: name.clone(),
            version: version.clone(),
            registered: versions.keys().cloned().collect(),
        })
    }

    /// The names of the orchestrations, in order.
    pub fn orchestrations(&self) -> Vec<Name> {
        let mut names: Vec<_> = self.orchestrations.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// The names of the activities, in order.
    pub fn activity_names(&self) -> Vec<Name> {
        let mut names: Vec<_> = self.activities.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Gives the activities their labels in the metrics of a host.
    pub(crate) fn label_activities(&mut self) -> Labels {
        let labels = Labels::of(self.activities.keys().cloned().collect());
        self.activities.iter_mut().for_each(|(name, code)| code.set_label(labels.label(name)));
        labels
    }

    /// The host is to share its store with others.
    pub(crate) fn set_among_others(&mut self) {
        self.among_others = true;
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

    /// Those activities block, besides those that say so themselves.
    pub(crate) fn set_blocking(&mut self, names: &BTreeSet<String>) -> Result<()> {
        for name in names {
            let name = Name::new(name)?;
            match self.activities.get_mut(&name) {
                Some(code) => code.set_blocking(true),
                None => return Err(Error::UnknownActivity { name }),
            }
        }
        Ok(())
    }

    /// Also those that say that they block run where all others do.
    pub(crate) fn set_none_blocking(&mut self) {
        self.activities.values_mut().for_each(|code| code.set_blocking(false));
    }

    /// The names of the activities that block.
    pub(crate) fn blocking(&self) -> impl Iterator<Item = &Name> {
        let blocking = self.activities.iter().filter(|(_, code)| code.is_blocking());
        blocking.map(|(name, _)| name)
    }

    pub(crate) const fn states(&self) -> &States {
        &self.states
    }

    pub(crate) const fn states_mut(&mut self) -> &mut States {
        &mut self.states
    }

    /// Whether every activity has the values that it needs.
    ///
    /// # Errors
    /// [`Error::MissingState`], of the first by name that lacks one.
    pub(crate) fn check_states(&self) -> Result<()> {
        let mut activities: Vec<_> = self.activities.iter().collect();
        activities.sort_unstable_by_key(|(name, _)| *name);
        for (activity, code) in activities {
            if let Some(missing) = code.states().into_iter().find(|state| !self.states.has(*state))
            {
                let (activity, state) = (activity.clone(), missing.name());
                return Err(MissingState { activity, state }.into());
            }
        }
        Ok(())
    }

    /// The code of an activity: the dynamic one, where none of that name is registered.
    pub(crate) fn activity(&self, name: &Name) -> Option<&ActivityCode> {
        self.activities.get(name).or_else(|| self.dynamic.activity())
    }
}

impl ActivityCatalog for Registry {
    fn check(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal> {
        let code = self.activity(name).ok_or(Refusal::Unregistered)?;
        input.map_or(Ok(()), |input| code.check(input)).map_err(Refusal::InvalidInput)
    }

    fn check_tagged(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal> {
        match self.check(name, input) {
            Err(Refusal::Unregistered) if self.among_others => Ok(()),
            checked => checked,
        }
    }

    fn check_orchestration(
        &self,
        name: &Name,
        version: Option<&Version>,
        input: Option<&Payload>,
    ) -> Result<(), OrchestrationRefusal> {
        let unregistered = |_| OrchestrationRefusal::Unregistered;
        let code = self.code(name, version).map_err(unregistered)?;
        let checked = input.map_or(Ok(()), |input| code.check_input(input));
        checked.map_err(OrchestrationRefusal::InvalidInput)
    }
}

impl CodeCatalog for Registry {
    fn newest(&self, orchestration: &Name) -> Option<OrchestrationCode> {
        self.code(orchestration, None).ok()
    }
}
