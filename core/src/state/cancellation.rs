//! The record of a cancel that has come.

use alloc::vec::Vec;

use crate::error::Cancelled;
use crate::ids::CorrelationId;

/// A cancel that has come.
#[derive(Debug)]
pub(crate) struct Cancellation {
    pub(crate) cancelled: Cancelled,
    /// Calls that it ended at once, in the turn under way.
    pub(super) calls: u32,
    /// Children that it reached while the execution was parked. A parked one takes no step: that they are to be
    /// cancelled is recorded when its code goes on.
    pub(super) owed: Vec<CorrelationId>,
}
