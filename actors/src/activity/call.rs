//! A call of an activity, and one attempt of it.

use std::hash::{Hash, Hasher};

use reenact_core::{AttemptTerms, CorrelationId, InstanceId, Name, Payload};

use super::report::ReportSender;
use crate::run::Run;
use crate::trace::RunTrace;

/// The unique name of an activity call in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActivityCall {
    pub(crate) instance: InstanceId,
    pub(crate) run: Run,
    pub(crate) id: CorrelationId,
}

impl ActivityCall {
    /// The unique name of the call within its instance, in the order in which calls were scheduled.
    pub(crate) const fn key(&self) -> (Run, CorrelationId) {
        (self.run, self.id)
    }
}

/// One attempt of a call.
pub(crate) struct Attempt {
    pub(crate) name: Name,
    pub(crate) number: u32,
    pub(crate) terms: Option<Box<AttemptTerms>>,
    /// Where the reports of an attempt go that came through the queue of a tag.
    pub(crate) reports: Option<ReportSender>,
    /// The input of a local call: its idempotency key depends on it.
    pub(crate) local_input: Option<Payload>,
    /// The trace of the run.
    pub(crate) trace: RunTrace,
}

impl Attempt {
    /// An attempt of a local activity.
    pub(crate) fn local(
        name: Name,
        number: u32,
        terms: Option<Box<AttemptTerms>>,
        input: Payload,
        trace: RunTrace,
    ) -> Self {
        Self { name, number, terms, reports: None, local_input: Some(input), trace }
    }
}

/// Hashes the seed of the run, which is drawn at random, and the number of the call: no one outside can
/// choose where calls land in a table.
impl Hash for ActivityCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.run.seed());
        state.write_u64(self.id.0);
    }
}
