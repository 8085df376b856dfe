//! Cents that are moved from one ledger to another under the locks of both.

use reenact::prelude::*;
use reenact::{EntityCallError, LockGuard, Recipient};

use super::program::Entry;
use super::{LEDGERS, Ledger, Out};

/// Moves cents. The ledgers do nothing else meanwhile, as long as the locks are not lost.
pub(super) async fn transfer(
    ctx: &OrchestrationContext,
    entry: Entry,
    to: usize,
) -> Result<Out, OrchestrationError> {
    let from = ctx.entity::<Ledger>(LEDGERS[entry.ledger]);
    let to = ctx.entity::<Ledger>(LEDGERS[to]);
    let mut locks = Locks::take(ctx, [from.recipient(), to.recipient()]).await?;
    let expected = (locks.ask(|| from.count()).await?, locks.ask(|| to.count()).await?);
    let places = match locks.ask(|| from.take(entry.number, entry.cents)).await {
        Ok(place) => Some((place, locks.ask(|| to.put(entry.number, entry.cents)).await?)),
        Err(EntityCallError::Refused(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let counted = (locks.ask(|| from.count()).await?, locks.ask(|| to.count()).await?);
    let is_alone = places.is_none_or(|places| places == expected)
        && counted == places.map_or(expected, |(from, to)| (from + 1, to + 1));
    let was_lost = locks.release();
    Ok(Out::Moved { places, is_alone: is_alone || was_lost })
}

/// The locks of both ledgers. An instance that is parked, on a host with older code, loses its locks: then it takes them
/// again, and asks anew for what was not sent without them.
struct Locks<'a> {
    ctx: &'a OrchestrationContext,
    of: [Recipient; 2],
    held: Option<LockGuard>,
    was_lost: bool,
}

impl<'a> Locks<'a> {
    async fn take(
        ctx: &'a OrchestrationContext,
        of: [Recipient; 2],
    ) -> Result<Self, OrchestrationError> {
        let held = Some(ctx.lock(of.clone()).await?);
        Ok(Self { ctx, of, held, was_lost: false })
    }

    async fn ask<T, E, F>(&mut self, call: impl Fn() -> F) -> Result<T, EntityCallError<E>>
    where
        F: Future<Output = Result<T, EntityCallError<E>>>,
    {
        loop {
            let answered = call().await;
            if !matches!(answered, Err(EntityCallError::LockLost { .. })) {
                return answered;
            }
            self.was_lost = true;
            drop(self.held.take());
            match self.ctx.lock(self.of.clone()).await {
                Ok(held) => self.held = Some(held),
                Err(_) => return answered,
            }
        }
    }

    /// Gives them back, and says whether they were lost meanwhile.
    fn release(self) -> bool {
        drop(self.held);
        self.was_lost
    }
}
