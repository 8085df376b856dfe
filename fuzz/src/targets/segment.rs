//! A segment of a journal.

use std::sync::Arc;

use reenact_core::{Attributes, ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::journal::{Entry, Identity, JournalError, JournalId, Options, Recovery};
use reenact_providers::medium::Directory;
use reenact_providers::{Epoch, InstanceState, InstanceSummary, TurnRecord};
use reenact_testkit::disk::FakeDisk;

/// The first segment.
const SEGMENT: &str = "segment-000000000001";

const IDENTITY: Identity = Identity { journal: JournalId([7; 16]), shard: ShardId(0) };

/// Segments that are quickly made.
const SMALL: Options =
    Options { first_segment_bytes: 4096, max_segment_bytes: 8192, compress: true };

/// A journal of this segment is recovered: nothing panics. What is whole, and no more, can be gone on with.
pub(super) fn run(input: &[u8]) {
    let disk = FakeDisk::new();
    disk.put(SEGMENT, input);
    let Ok(commits) = recover(&disk, None) else { return };
    let more = recover(&disk, Some(&turn(1))).expect("what was recovered takes a commit");
    assert_eq!(more, commits, "the first recovery has changed nothing that is seen");
    let after = recover(&disk, None).expect("what was written is recovered");
    assert_eq!(after, commits + 1, "one commit more");
}

/// How many commits there are; one more is appended where it is given.
fn recover(disk: &FakeDisk, append: Option<&Entry>) -> Result<usize, JournalError> {
    let mut commits = 0;
    let recovery = Recovery::open(Arc::new(Directory::new(disk.clone())), IDENTITY)?;
    let recovered = recovery.replay(|_| {
        commits += 1;
        Ok::<(), JournalError>(())
    })?;
    if let Some(entry) = append {
        let epoch = Epoch(recovered.epoch().0.saturating_add(1));
        let (mut journal, _) = recovered.begin(epoch, SMALL)?;
        let _ = journal.append(std::slice::from_ref(entry))?;
    }
    Ok(commits)
}

fn turn(number: u64) -> Entry {
    let summary = InstanceSummary {
        instance: InstanceId::new(format!("order-{number}")).expect("it is valid"),
        execution: ExecutionId::FIRST,
        name: Name::new("order").expect("it is valid"),
        state: InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: 1,
        events: 1,
        wake_at: None,
        attributes: Attributes::default(),
    };
    let bytes = b"the events of a turn".repeat(number as usize).into();
    Entry::Turn(TurnRecord { number: 0, bytes, summary, has_drawn_id: false, keep: 0 })
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let seed = |commits: u64, compress: bool| {
        let disk = FakeDisk::new();
        let recovery = Recovery::open(Arc::new(Directory::new(disk.clone())), IDENTITY);
        let recovered =
            recovery.and_then(|recovery| recovery.replay(|_| Ok::<(), JournalError>(())));
        let recovered = recovered.expect("an empty journal");
        let options = Options { compress, ..SMALL };
        let (mut journal, _) = recovered.begin(Epoch(1), options).expect("an empty journal");
        for number in 1..=commits {
            journal.append(&[turn(number)]).expect("it is appended");
        }
        disk.contents(SEGMENT).expect("the first segment")
    };
    vec![seed(0, false), seed(1, false), seed(5, true), seed(20, false)]
}
