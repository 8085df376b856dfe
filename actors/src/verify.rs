//! Checks whether code fits the histories of a store, before a host runs it.

mod one_history;

use std::fmt;

use reenact_core::{Action, InstanceId, Machine, MachineConfig, Message, Name};
use reenact_providers::{
    InstanceFilter, InstanceState, InstanceSummary, PageRequest, Provider, ProviderError,
    StoredTurn, SystemClock,
};

use crate::error::{ParkReason, Result};
use crate::log::Log;
use crate::options::HostOptions;
use crate::panic::{catch_panic, this_thread};
use crate::registry::Registry;
use one_history::OneHistory;

/// An instance that could not go on with the code that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfit {
    /// Its id.
    pub instance: InstanceId,
    /// Its orchestration.
    pub name: Name,
    /// Why a host with [`HostOptions::strict_replay`] would park it; or [`ParkReason::UnknownOrchestration`] for a child that has yet to be
    /// started, and that no host without it can start.
    pub reason: ParkReason,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, name, reason } = self;
        write!(f, "instance `{instance}` of `{name}`: {reason}")
    }
}

/// Replays every unfinished instance of a store, and gives those that do not fit, ordered by id.
/// Compares everything, as a strict host does. Changes nothing.
///
/// # Errors
/// [`Error::UnknownActivity`](crate::Error::UnknownActivity) when a limit is set for one that is not
/// registered, [`Error::InvalidName`](crate::Error::InvalidName),
/// [`Error::Store`](crate::Error::Store).
pub async fn verify_histories(
    provider: &dyn Provider,
    registry: &Registry,
    options: &HostOptions,
) -> Result<Vec<Unfit>> {
    registry.activity_limits(&options.max_activities_of)?;
    let (store, clock) = (provider.histories(), provider.timers());
    let is_shared = provider.sharing().is_some();
    let log = Log { store: &*store, clock: &*clock, is_shared, stalls: None };
    let check = Check { log, registry };
    Ok(check.all().await?)
}

/// Holds histories against code, one at a time, without a store: those that were exported.
pub struct Verifier<'a> {
    registry: &'a Registry,
}

impl<'a> Verifier<'a> {
    /// By what is registered.
    pub const fn new(registry: &'a Registry) -> Self {
        Self { registry }
    }

    /// Why code does not fit a history, if it does not; of a finished instance as well. Compares everything, as
    /// [`verify_histories`] does.
    ///
    /// # Errors
    /// [`Error::Store`](crate::Error::Store): the history has no order.
    pub async fn unfit(
        &self,
        summary: InstanceSummary,
        turns: Vec<StoredTurn>,
    ) -> Result<Option<Unfit>> {
        let (store, clock) = (OneHistory { summary: summary.clone(), turns }, SystemClock);
        let log = Log { store: &store, clock: &clock, is_shared: false, stalls: None };
        Ok(Check { log, registry: self.registry }.one(summary).await?)
    }
}

/// The code, and the store that it is held against.
struct Check<'a> {
    log: Log<'a>,
    registry: &'a Registry,
}

impl Check<'_> {
    async fn all(&self) -> Result<Vec<Unfit>, ProviderError> {
        let mut unfit = Vec::new();
        // One at a time: stores have an index for each. Twice, as one may change between them meanwhile.
        let rare = [InstanceState::Suspended, InstanceState::Parked];
        for state in rare.into_iter().chain([InstanceState::Running]).chain(rare) {
            unfit.extend(self.all_that_are(state).await?);
        }
        unfit.sort_by(|one, other| one.instance.cmp(&other.instance));
        unfit.dedup_by(|one, other| one.instance == other.instance);
        Ok(unfit)
    }

    async fn all_that_are(&self, state: InstanceState) -> Result<Vec<Unfit>, ProviderError> {
        let filter = InstanceFilter::new().states([state]);
        let mut request = PageRequest::new();
        let mut unfit = Vec::new();
        loop {
            let page = self.log.list(&filter, &request).await?;
            for summary in page.instances {
                unfit.extend(self.one(summary).await?);
                // A store in memory never waits, and other tasks need the thread too.
                tokio::task::yield_now().await;
            }
            match page.next {
                Some(after) => request.after = Some(after),
                None => return Ok(unfit),
            }
        }
    }

    async fn one(&self, mut summary: InstanceSummary) -> Result<Option<Unfit>, ProviderError> {
        loop {
            let error = match self.reason(&summary).await {
                Err(error @ ProviderError::NotFound { .. }) => error,
                found => {
                    let InstanceSummary { instance, name, .. } = summary;
                    return Ok(found?.map(|reason| Unfit { instance, name, reason }));
                }
            };
            // Its host goes on meanwhile: it has been purged, or its next execution has begun.
            match self.log.summary(&summary.instance).await? {
                Some(newer) if newer.state.is_finished() => return Ok(None),
                Some(newer) if newer.execution == summary.execution => return Err(error),
                Some(newer) => summary = newer,
                None => return Ok(None),
            }
        }
    }

    /// Why an instance does not fit, if it does not.
    async fn reason(&self, of: &InstanceSummary) -> Result<Option<ParkReason>, ProviderError> {
        // What has come since the list was made may be its end.
        let replayed = self.log.replay(of, self.registry, self.config(), of.turns).await?;
        Ok(match replayed {
            Ok(machine) => {
                let foreign = machine.foreign_wake().map(ParkReason::Nondeterministic);
                foreign.or_else(|| self.unknown_child(&machine))
            }
            Err(reason) => Some(reason),
        })
    }

    /// A child that has yet to be started, and that cannot be.
    fn unknown_child(&self, machine: &Machine) -> Option<ParkReason> {
        machine.open_actions().into_iter().find_map(|action| match action {
            Action::Send(Message { body, .. }) => {
                let (name, version) = body.starts()?;
                self.registry.code(name, version).err().map(ParkReason::from)
            }
            _ => None,
        })
    }

    /// Compares everything. Without the activities: a replay asks for none.
    fn config(&self) -> MachineConfig {
        MachineConfig {
            strict: true,
            catch_panic,
            activities: None,
            versions: None,
            local_in_place: false,
            // What was recorded counts.
            large_payloads: true,
            this_thread: Some(this_thread),
            on_foreign_wake: None,
            keep_history: false,
        }
    }
}
