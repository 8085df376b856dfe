//! The entities of a run: ledgers that keep the number of each operation.

use reenact::prelude::*;
use serde::{Deserialize, Serialize};

use super::code::named;

/// What is on it, and the numbers of the operations that were done, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) cents: u64,
    pub(crate) done: Vec<u64>,
}

#[entity]
impl Ledger {
    /// Adds to it. The answer is the place of the operation among all.
    pub(crate) fn put(&mut self, number: u64, cents: u64) -> usize {
        self.cents += cents;
        self.done.push(number);
        self.done.len() - 1
    }

    /// Takes from it, and refuses when there is too little: then nothing has changed.
    pub(crate) fn take(&mut self, number: u64, cents: u64) -> Result<usize, u64> {
        let place = self.put(number, 0);
        self.cents = self.cents.checked_sub(cents).ok_or(self.cents)?;
        Ok(place)
    }

    /// Adds to it what an activity gives.
    pub(crate) async fn earn(
        &mut self,
        ctx: EntityContext,
        number: u64,
        cents: u64,
    ) -> Result<usize, u64> {
        let done: Result<u64, ActivityError> =
            ctx.call_activity_by_name(named("work"), &number).await;
        done.map_err(|_| number)?;
        Ok(self.put(number, cents))
    }

    /// How many operations were done.
    pub(crate) fn count(&self) -> usize {
        self.done.len()
    }
}
