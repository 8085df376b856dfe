//! The trait by which the core asks which activities and orchestrations are registered.

use crate::error::ActivityError;
use crate::ids::Name;
use crate::payload::{Payload, PayloadError};
use crate::version::Version;

/// What a host can run. Asked before something is scheduled, so that what cannot run is never stored.
/// Never asked at replay.
pub trait ActivityCatalog: Send + Sync {
    /// Whether an activity can be scheduled; with its input, where its type is not known to fit.
    ///
    /// # Errors
    /// [`Refusal`], when it cannot.
    fn check(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal>;

    /// As [`check`](Self::check), of an activity with a tag, which hosts run that declare it. One that
    /// is not here may be there; a catalog that knows of no others says so.
    ///
    /// # Errors
    /// [`Refusal`], when it cannot be scheduled.
    fn check_tagged(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal> {
        match self.check(name, input) {
            Err(Refusal::Unregistered) => Ok(()),
            checked => checked,
        }
    }

    /// Whether an orchestration can be called by another one, in a version or in the newest; with its
    /// input, where its type is not known to fit. All can, where a catalog does not say.
    ///
    /// # Errors
    /// [`OrchestrationRefusal`], when it cannot.
    fn check_orchestration(
        &self,
        _name: &Name,
        _version: Option<&Version>,
        _input: Option<&Payload>,
    ) -> Result<(), OrchestrationRefusal> {
        Ok(())
    }
}

/// Why an activity cannot be scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such activity here. The instance is parked: another host, or a newer binary, may
    /// have it.
    Unregistered,
    /// The input is not of the activity's type. The orchestration gets the error.
    InvalidInput(ActivityError),
}

/// Why an orchestration cannot be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrchestrationRefusal {
    /// There is no such orchestration here. The instance that calls it is parked.
    Unregistered,
    /// The input is not of the orchestration's type. The caller gets the error.
    InvalidInput(PayloadError),
}
