//! The record of a cancel that has come.

use crate::error::Cancelled;

/// A cancel that has come.
#[derive(Debug)]
pub(crate) struct Cancellation {
    pub(crate) cancelled: Cancelled,
    /// Calls that it ended at once, in the turn under way.
    pub(super) calls: u32,
}
