//! What goes wrong with an update.

use reenact_core::InstanceId;

use super::Error;

/// Why an update has no answer of its type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError<E> {
    /// The instance refused it, or the check that its code declares; the reason as it was given.
    #[error("the update was refused")]
    Refused(E),
    /// The code took it, and dropped it without an answer.
    #[error("instance `{instance}` has dropped the update without an answer")]
    Dropped {
        /// The instance.
        instance: InstanceId,
    },
    /// Anything else: the error says what.
    #[error(transparent)]
    Failed(#[from] Error),
}
