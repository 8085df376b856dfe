//! Why an instance cannot be forked in a place.

use std::fmt;

use reenact_core::{InstanceId, NotForkable as CoreNotForkable};

use super::Error;

/// How many instances the message names.
const NAMED: usize = 3;

/// The instance waits in that place for other instances, or holds their locks: these answer it alone, and not its fork.
/// Nothing was stored. Fork it to before the event in [`position`](Self::position), where it waits for none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitsForOthers {
    /// The instance that was to be forked.
    pub instance: InstanceId,
    /// The first event in which it called one of those for which it waits.
    pub position: u64,
    /// For which instances it waits, or whose locks it holds, in the order of their ids.
    pub others: Vec<InstanceId>,
}

impl fmt::Display for WaitsForOthers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, position, others } = self;
        write!(f, "instance `{instance}` cannot be forked there, as it waits for ")?;
        for (place, other) in others.iter().take(NAMED).enumerate() {
            write!(f, "{}`{other}`", if place == 0 { "" } else { ", " })?;
        }
        match others.len().saturating_sub(NAMED) {
            0 => {}
            more => write!(f, " and {more} more")?,
        }
        write!(f, ", or holds a lock of it; fork it to before event {position}")
    }
}

impl std::error::Error for WaitsForOthers {}

impl Error {
    /// Of an instance that cannot be forked.
    pub(crate) fn of_fork(instance: InstanceId, why: CoreNotForkable) -> Self {
        match why {
            CoreNotForkable::NoSuchPosition(none) => {
                Self::NoSuchPosition { instance, position: none.position, length: none.length }
            }
            CoreNotForkable::WaitsForOthers { position, instances: others } => {
                Self::NotForkable(Box::new(WaitsForOthers { instance, position, others }))
            }
        }
    }
}
