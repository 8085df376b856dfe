//! Crashes at each step of what is done for a large turn: what was acknowledged is there, and nothing that nobody needs
//! is left once the shard has an owner again.

use std::sync::Arc;

use reenact_core::ExecutionId;
use reenact_providers::journal::JournalId;
use reenact_providers::journaled::{Journaled, Options};
use reenact_providers::large_turns::LargeTurns;
use reenact_providers::medium::Directory;
use reenact_providers::{HistoryStore, Lease, ManualClock, ProviderError, ShardLease};
use reenact_testkit::archive::FakeArchive;
use reenact_testkit::disk::{Effect, FakeDisk, Fault, Op};

use crate::stage::{OfExecution, SHARD, append, id, large, last, on, small};

const SECOND: ExecutionId = ExecutionId(2);

/// The disk of the journal, and that of the large turns.
#[derive(Clone)]
struct Disks {
    journal: FakeDisk,
    blobs: FakeDisk,
}

struct Open {
    journaled: Journaled<Directory<FakeDisk>, FakeArchive>,
    histories: LargeTurns,
    lease: Lease,
}

impl Disks {
    fn new() -> Self {
        Self { journal: FakeDisk::new(), blobs: FakeDisk::new() }
    }

    async fn open(&self) -> Result<Open, ProviderError> {
        let (media, archive) =
            ([Directory::new(self.journal.clone())], FakeArchive::new(FakeDisk::new()));
        let (clock, options) = (Arc::new(ManualClock::default()), Options::default());
        let journaled = Journaled::open(JournalId([1; 16]), media, archive, clock, options);
        let journaled = journaled.map_err(|error| ProviderError::Unavailable {
            reason: "the journal cannot be opened".to_owned(),
            source: Some(Box::new(error)),
        })?;
        let histories = on(Arc::new(journaled.clone()), &self.blobs, true);
        let lease = journaled.acquire(SHARD, "owner").await?;
        histories.recover(&lease).await?;
        Ok(Open { journaled, histories, lease })
    }
}

/// What was acknowledged of the instance `a`: its execution, and how many turns it has. `None` once it was purged.
type Acknowledged = Option<(ExecutionId, u64)>;

/// A life of an instance with large turns. Ends where something fails; says how far it came, and what it was doing.
async fn live(disks: &Disks, acknowledged: &mut Vec<Acknowledged>) -> Result<(), ProviderError> {
    let open = disks.open().await?;
    let store = async |turns| append(&open.histories, &open.lease, turns).await;
    acknowledged.push(None);
    store(vec![large("a", 0), small("a", 1)]).await?;
    acknowledged.push(Some((ExecutionId::FIRST, 2)));
    store(vec![large("a", 2)]).await?;
    acknowledged.push(Some((ExecutionId::FIRST, 3)));
    store(vec![large("a", 0).of(SECOND)]).await?;
    acknowledged.push(Some((SECOND, 1)));
    store(vec![last(large("a", 1)).of(SECOND)]).await?;
    acknowledged.push(Some((SECOND, 2)));
    open.histories.purge(&[id("a")], &open.lease).await?;
    acknowledged.push(None);
    drop(open.journaled);
    Ok(())
}

fn turn_of(execution: ExecutionId, number: u64) -> Arc<[u8]> {
    let is_small = (execution, number) == (ExecutionId::FIRST, 1);
    let turn = if is_small { small("a", number) } else { large("a", number) };
    turn.bytes
}

/// All that the next owner finds is as it was, and each blob is needed.
async fn look(disks: &Disks, before: Acknowledged, when: &str) {
    let open = disks.open().await.unwrap();
    let summary = open.histories.summary(&id("a")).await.unwrap();
    let found = summary.map(|summary| (summary.execution, summary.turns));
    // What was under way may be there or not.
    let next = match before {
        None => Some((ExecutionId::FIRST, 2)),
        Some((ExecutionId::FIRST, 2)) => Some((ExecutionId::FIRST, 3)),
        Some((ExecutionId::FIRST, _)) => Some((SECOND, 1)),
        Some((_, 1)) => Some((SECOND, 2)),
        Some(_) => None,
    };
    assert!([before, next].contains(&found), "{when}: {found:?} after {before:?}");
    let mut blobs = 0;
    if let Some((execution, turns)) = found {
        let page = open.histories.read(&id("a"), execution, 0, 100).await.unwrap();
        let read: Vec<_> = page.turns.into_iter().map(|turn| turn.bytes).collect();
        let expected: Vec<_> = (0..turns).map(|number| turn_of(execution, number)).collect();
        assert!(read == expected, "{when}: the turns are as they were appended");
        blobs = expected.iter().filter(|bytes| bytes.len() > 100).count();
    }
    assert_eq!(disks.blobs.names().len(), blobs, "{when}: {:?}", disks.blobs.names());
}

/// Lets the process die at each step on one of the disks, and looks at what is left, with none or all of what was
/// not synced.
async fn dies_at_each_step(disk: impl Fn(&Disks) -> &FakeDisk) {
    for step in 0.. {
        let disks = Disks::new();
        disk(&disks).die_at(step);
        let mut acknowledged = Vec::new();
        let lived = live(&disks, &mut acknowledged).await;
        if !disk(&disks).is_dead() {
            lived.unwrap();
            assert!(step > 4, "there are steps");
            return;
        }
        for survives in [false, true] {
            let left = Disks {
                journal: disks.journal.after_crash(|| survives),
                blobs: disks.blobs.after_crash(|| survives),
            };
            let when = format!("dead at step {step}, the rest {survives}");
            look(&left, acknowledged.last().copied().flatten(), &when).await;
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_step_of_the_blobs_loses_nothing_and_leaves_nothing() {
    dies_at_each_step(|disks| &disks.blobs).await;
}

#[tokio::test]
async fn a_crash_at_any_step_of_the_journal_loses_nothing_and_leaves_nothing() {
    dies_at_each_step(|disks| &disks.journal).await;
}

#[tokio::test]
async fn a_look_does_not_take_a_blob_for_left_over_whose_turn_may_be_on_its_way() {
    let disks = Disks::new();
    let open = disks.open().await.unwrap();
    let (error, effect) = (std::io::ErrorKind::Other, Effect::Whole);
    disks.journal.fail(Fault { op: Op::Sync, at: 0, forever: true, error, effect });
    let appended = append(&open.histories, &open.lease, vec![large("a", 0)]).await;
    assert!(matches!(appended, Err(ProviderError::Unknown { .. })), "{appended:?}");
    assert_eq!(disks.blobs.names().len(), 1);
    assert_eq!(open.histories.check(SHARD).await.unwrap(), []);
}
