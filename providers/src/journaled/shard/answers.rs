//! What the archive was asked about instances, and what it has answered.

use std::collections::HashMap;

use reenact_core::InstanceId;

use crate::InstanceSummary;

/// A question to the archive that memory could not answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::journaled) struct Asking {
    /// The version of what the archive had been given by then.
    pub(super) version: u64,
}

/// What comes of an order that rests on where instances end. The thread of a shard never asks the archive
/// for that: other commits would wait for the answer.
#[derive(Debug)]
pub(in crate::journaled) enum Ordered<T> {
    /// It was carried out.
    Done(T),
    /// Nothing was done: the archive must be asked for these first.
    AskFirst(Vec<InstanceId>),
}

/// What the archive has said of some instances.
#[derive(Debug, Default)]
pub(in crate::journaled) struct Answers {
    /// Counts as long as the archive has not changed since.
    pub(super) version: u64,
    pub(super) summaries: HashMap<InstanceId, Option<InstanceSummary>>,
}

impl Answers {
    pub(super) fn of(
        &self,
        asking: Asking,
        instance: &InstanceId,
    ) -> Option<&Option<InstanceSummary>> {
        self.summaries.get(instance).filter(|_| self.version == asking.version)
    }
}
