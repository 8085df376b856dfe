//! What the core may ask about activities.

use crate::error::ActivityError;
use crate::ids::Name;
use crate::payload::Payload;

/// The activities that a host can run. Asked before an activity is scheduled, so that what cannot
/// run is never stored.
pub trait ActivityCatalog: Send + Sync {
    /// Whether an activity can be scheduled; with its input, where its type is not known to fit.
    ///
    /// # Errors
    /// [`Refusal`], when it cannot.
    fn check(&self, name: &Name, input: Option<&Payload>) -> Result<(), Refusal>;
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
