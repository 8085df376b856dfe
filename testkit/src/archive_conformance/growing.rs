//! Absorbing parts of journals: what an archive has of an instance afterwards.

use reenact_core::{ExecutionId, ShardId};
use reenact_providers::archive::{Archive, Archived, Change, Growth, Part};
use reenact_providers::journal::Position;
use reenact_providers::{InstanceFilter, InstanceState, InstanceSummary, ProviderError};

use super::parts::{SHARD, absorb, at, end, grow, grown, id, ids, new, read, run, summary};

/// A new archive has no instance, and its position in each journal is the start.
pub fn a_new_archive_has_nothing(archive: &impl Archive) {
    assert_eq!(archive.position(SHARD).unwrap(), Position::START);
    assert_eq!(archive.look_up(&id("a")).unwrap(), None);
    assert_eq!(archive.read(&id("a"), ExecutionId::FIRST, 0, 1).unwrap(), None);
    assert_eq!(archive.list(&InstanceFilter::new(), None, 10).unwrap(), []);
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 0);
    assert_eq!(archive.to_wake(SHARD).unwrap(), []);
}

/// An instance is looked up as it was given, in every state.
pub fn what_was_absorbed_can_be_looked_up(archive: &impl Archive) {
    for (state, number) in [
        (InstanceState::Running, 0),
        (InstanceState::Completed, 1),
        (InstanceState::Failed, 2),
        (InstanceState::Terminated, 3),
        (InstanceState::Cancelled, 4),
        (InstanceState::Suspended, 5),
        (InstanceState::Parked, 6),
        (InstanceState::Importing, 7),
    ] {
        let given = InstanceSummary { state, events: number, ..summary(&format!("i{number}")) };
        absorb(archive, number + 1, vec![new(given.clone())]).unwrap();
        let found = archive.look_up(&given.instance).unwrap();
        assert_eq!(found, Some(Archived { summary: given, length: 1 }));
    }
    assert_eq!(archive.position(SHARD).unwrap(), end(8));
}

/// Each shard has its own position. A part may have no changes, only its end.
pub fn each_shard_has_its_own_position(archive: &impl Archive) {
    absorb(archive, 7, vec![]).unwrap();
    let huge = Position { segment: u64::MAX, offset: u64::MAX, sequence: u64::MAX };
    let other = ShardId(u32::MAX);
    archive.absorb(&Part { shard: other, end: huge, changes: vec![] }).unwrap();
    assert_eq!(archive.position(SHARD).unwrap(), end(7));
    assert_eq!(archive.position(other).unwrap(), huge);
    assert_eq!(archive.position(ShardId(0)).unwrap(), Position::START);
}

/// The turns of an instance are all there, and its summary is the newest.
pub fn an_instance_grows(archive: &impl Archive) {
    for (first, end) in [(0, 2), (2, 3), (3, 3), (3, 9)] {
        let mut growth = grown("a", run("a", 1, first..end));
        growth.summary.updated_at = at(end);
        grow(archive, growth.clone()).unwrap();
        let found = archive.look_up(&id("a")).unwrap().unwrap();
        assert_eq!((found.summary, found.length), (growth.summary, end));
        assert_eq!(read(archive, "a", 1, 0, 99), Some(((0..end).collect(), end)));
    }
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 1);
}

/// The same part may be given again: an earlier try that failed may have taken it over.
pub fn absorbing_the_same_part_again_changes_nothing(archive: &impl Archive) {
    grow(archive, grown("gone", run("gone", 1, 0..2))).unwrap();
    grow(archive, grown("grows", run("grows", 1, 0..2))).unwrap();
    let grows = Change::Grown(grown("grows", run("grows", 2, 0..1)));
    let anew = Growth { starts_anew: true, ..grown("anew", run("anew", 1, 0..2)) };
    let part = vec![
        (id("anew"), Change::Grown(anew)),
        (id("gone"), Change::Purged),
        (id("grows"), grows),
        new(summary("new")),
    ];
    let state = || {
        let names = ["anew", "gone", "grows", "new"];
        let found = names.map(|name| archive.look_up(&id(name)).unwrap());
        let turns = names.map(|name| [1, 2].map(|execution| read(archive, name, execution, 0, 9)));
        (archive.position(SHARD).unwrap(), found, turns)
    };
    absorb(archive, 7, part.clone()).unwrap();
    let before = state();
    assert_eq!(before.0, end(7));
    for _ in 0..2 {
        absorb(archive, 7, part.clone()).unwrap();
        assert_eq!(state(), before);
    }
    grow(archive, grown("grows", run("grows", 2, 1..2))).unwrap();
    assert_eq!(read(archive, "grows", 2, 0, 9), Some((vec![0, 1], 2)));
}

/// A later execution replaces the earlier, of which nothing is left. Other instances stay.
pub fn a_later_execution_takes_the_place_of_the_earlier(archive: &impl Archive) {
    for name in ["a", "b", "c"] {
        grow(archive, grown(name, run(name, 1, 0..3))).unwrap();
        grow(archive, grown(name, run(name, 1, 3..4))).unwrap();
    }
    grow(archive, grown("b", run("b", 2, 0..1))).unwrap();
    grow(archive, grown("b", run("b", 2, 1..2))).unwrap();
    let found = archive.look_up(&id("b")).unwrap().unwrap();
    assert_eq!((found.summary.execution, found.length), (ExecutionId(2), 2));
    assert_eq!(read(archive, "b", 1, 0, 9), None);
    assert_eq!(read(archive, "b", 2, 0, 9), Some((vec![0, 1], 2)));
    for name in ["a", "c"] {
        assert_eq!(read(archive, name, 1, 0, 9), Some((vec![0, 1, 2, 3], 4)));
    }
}

/// An archive may never see some of the executions of an instance: they began and ended between two parts.
pub fn executions_may_have_passed_in_between(archive: &impl Archive) {
    grow(archive, grown("late", run("late", 7, 0..2))).unwrap();
    assert_eq!(read(archive, "late", 7, 0, 9), Some((vec![0, 1], 2)));
    for (execution, length) in [(9, 3), (10, 1), (2_000, 2)] {
        grow(archive, grown("late", run("late", execution, 0..length))).unwrap();
        assert_eq!(archive.look_up(&id("late")).unwrap().unwrap().length, length);
        let expected = Some(((0..length).collect(), length));
        assert_eq!(read(archive, "late", execution, 0, 9), expected);
        assert_eq!(read(archive, "late", execution - 1, 0, 9), None);
    }
}

/// A purged instance is gone. Other instances stay.
pub fn what_was_purged_is_gone(archive: &impl Archive) {
    for name in ["a", "b", "c"] {
        grow(archive, grown(name, run(name, 1, 0..2))).unwrap();
    }
    absorb(archive, 9, vec![(id("b"), Change::Purged), (id("never"), Change::Purged)]).unwrap();
    assert_eq!(archive.look_up(&id("b")).unwrap(), None);
    assert_eq!(read(archive, "b", 1, 0, 9), None);
    assert_eq!(ids(&archive.list(&InstanceFilter::new(), None, 9).unwrap()), ["a", "c"]);
    assert_eq!(read(archive, "c", 1, 0, 9), Some((vec![0, 1], 2)));
}

/// Under an id that starts anew, nothing of the earlier instance is left.
pub fn an_id_may_be_used_anew_after_a_purge(archive: &impl Archive) {
    grow(archive, grown("a", run("a", 2, 0..5))).unwrap();
    let anew = Growth { starts_anew: true, ..grown("a", run("a", 1, 0..2)) };
    grow(archive, anew.clone()).unwrap();
    let found = archive.look_up(&id("a")).unwrap().unwrap();
    assert_eq!((found.summary, found.length), (anew.summary, 2));
    assert_eq!(read(archive, "a", 1, 0, 9), Some((vec![0, 1], 2)));
    assert_eq!(read(archive, "a", 2, 0, 9), None);

    absorb(archive, 8, vec![(id("a"), Change::Purged)]).unwrap();
    grow(archive, grown("a", run("a", 1, 0..1))).unwrap();
    assert_eq!(read(archive, "a", 1, 0, 9), Some((vec![0], 1)));
    let first = Growth { starts_anew: true, ..grown("b", run("b", 1, 0..1)) };
    grow(archive, first).expect("there need not be an earlier one");
}

/// A part with turns that do not follow is corrupt, names the instance and changes nothing. The next part
/// is taken over.
pub fn what_does_not_follow_is_refused_and_changes_nothing(archive: &impl Archive) {
    grow(archive, grown("b", run("b", 2, 0..2))).unwrap();
    let before = (archive.position(SHARD).unwrap(), archive.look_up(&id("b")).unwrap());
    let mut other_execution = grown("b", run("b", 2, 2..3));
    other_execution.summary.execution = ExecutionId(3);
    for growth in [
        grown("b", run("b", 2, 3..4)),
        grown("b", run("b", 2, 1..2)),
        grown("b", run("b", 1, 2..3)),
        grown("b", run("b", 3, 2..3)),
        grown("b", run("b", 1, 0..1)),
        grown("c", run("c", 1, 1..2)),
        other_execution,
    ] {
        let refused = Change::Grown(growth.clone());
        let part = vec![new(summary("a")), (growth.summary.instance.clone(), refused)];
        let error = absorb(archive, 50, part).unwrap_err();
        assert!(matches!(error, ProviderError::Corrupt { .. }), "{growth:?}: {error}");
        let place = growth.summary.instance.as_str();
        assert!(error.to_string().contains(&format!("instance {place}")), "{error}");
        let after = (archive.position(SHARD).unwrap(), archive.look_up(&id("b")).unwrap());
        assert_eq!(before, after);
        assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 1);
    }
    grow(archive, grown("b", run("b", 2, 2..3))).unwrap();
    assert_eq!(read(archive, "b", 2, 0, 9), Some((vec![0, 1, 2], 3)));
}
