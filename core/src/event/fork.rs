//! From which log the beginning of a fork was copied.

use serde::{Deserialize, Serialize};

use crate::ids::{ExecutionId, InstanceId};

/// From which log the beginning of a fork was copied.
///
/// Stored: it never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkedFrom {
    /// The instance whose log it was: the code sees this id up to here.
    pub from: InstanceId,
    /// The execution of that one.
    pub execution: ExecutionId,
    /// The fork: the code sees this id from here on.
    pub instance: InstanceId,
}
