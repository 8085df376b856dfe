//! Goes over some of the turns of an execution, and stops where that is enough.

use std::ops::ControlFlow;

use reenact_core::RecordedTurn;
use reenact_providers::{InstanceSummary, ProviderError, StoredTurn};

use super::decode::{decode, readable};
use super::{Log, TURNS_PER_READ};
use crate::error::ParkReason;

impl Log<'_> {
    /// Reads the turns of an execution that its summary knows of, from one on, in order, at most `per_read`
    /// at a time, as long as `take` wants more; or why they cannot be read. Holds one page in memory.
    pub(crate) async fn walk(
        &self,
        of: &InstanceSummary,
        from: u64,
        per_read: usize,
        mut take: impl FnMut(&StoredTurn, RecordedTurn) -> ControlFlow<()>,
    ) -> Result<Result<(), ParkReason>, ProviderError> {
        let per_read = per_read.clamp(1, TURNS_PER_READ);
        let mut next = Some(from);
        while let Some(from) = next.filter(|from| *from < of.turns) {
            let read = || self.store.read(&of.instance, of.execution, from, per_read);
            let page = match readable(self.patiently(read).await)? {
                Ok(page) => page,
                Err(reason) => return Ok(Err(reason)),
            };
            // Those that have come since belong to a later summary.
            for stored in page.turns.iter().filter(|stored| stored.number < of.turns) {
                let turn = match decode(stored) {
                    Ok(turn) => turn,
                    Err(reason) => return Ok(Err(reason)),
                };
                if take(stored, turn).is_break() {
                    return Ok(Ok(()));
                }
            }
            next = page.next;
        }
        Ok(Ok(()))
    }
}
