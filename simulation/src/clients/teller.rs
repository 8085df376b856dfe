//! Clients of ledgers.

use std::time::Duration;

use reenact::Client;

use super::Run;
use super::call::{insist, insist_for, not_answered};
use crate::workload::{Entry, LEDGERS, Ledger};

/// A client that has one operation done.
pub(super) struct Teller {
    run: Run,
    entry: Entry,
}

impl Teller {
    pub(super) fn all(run: &Run, next: &mut u64) -> Vec<Self> {
        let count = run.world.dice().below("tellers", 4);
        (0..count)
            .map(|_| {
                *next += 1;
                Self { run: run.clone(), entry: Entry::by_chance(run.world.dice(), *next) }
            })
            .collect()
    }

    /// Calls the ledger, or sends it a signal, now or for later. Gives the place of the operation, if that was answered.
    pub(super) async fn play(self) -> Result<(Entry, Option<usize>), String> {
        let Self { run, entry } = self;
        run.pause("teller after", 12_000).await;
        let (key, place) = (format!("entry {}", entry.number), LEDGERS[entry.ledger]);
        if run.world.dice().below("teller calls", 3) > 0 {
            let call = |client: Client| {
                let ledger = client.entity::<Ledger>(place);
                let putting = ledger.put(entry.number, entry.cents).key(&key);
                async move { putting.await.map_err(not_answered) }
            };
            return insist_for(&run, "put", call).await.map(|place| (entry, Some(place)));
        }
        let later = Duration::from_millis(run.world.dice().below("teller later", 2) * 3_000);
        let signal = |client: Client| {
            let ledger = client.entity::<Ledger>(place).signal().after(later);
            let putting = ledger.put(entry.number, entry.cents).key(&key);
            async move { putting.await }
        };
        insist(&run, "signal", signal, |_| false).await.map(|()| (entry, None))
    }
}
