//! Executions before the newest one that an archive keeps.

use reenact_core::ExecutionId;
use reenact_providers::archive::{Archive, Change, Earlier, EarlierRun, Growth};
use reenact_providers::{InstanceFilter, InstanceState, InstanceSummary, ProviderError};

use super::parts::{SHARD, absorb, grow, grown, id, read, run};

/// The growth of an instance by turns of its newest execution, where those from `oldest` on are kept and some of these
/// got further turns: `(execution, turns)`.
fn keeping(
    growth: Growth,
    oldest: u32,
    earlier: impl IntoIterator<Item = (u32, std::ops::Range<u64>)>,
) -> Growth {
    let instance = growth.summary.instance.as_str();
    let runs = earlier.into_iter().map(|(execution, numbers)| {
        let run = run(instance, execution, numbers);
        let summary = InstanceSummary {
            execution: ExecutionId(execution),
            turns: run.end(),
            state: InstanceState::Failed,
            ..growth.summary.clone()
        };
        EarlierRun { summary, run }
    });
    let earlier = Earlier { oldest: Some(ExecutionId(oldest)), runs: runs.collect() };
    Growth { earlier, ..growth }
}

/// Asserts that an archive has these executions of an instance, with so many turns each.
fn assert_there(archive: &impl Archive, instance: &str, there: &[(u32, u64)]) {
    let executions = archive.executions(&id(instance)).unwrap();
    let listed: Vec<_> =
        executions.iter().map(|one| (one.summary.execution.0, one.length)).collect();
    assert_eq!(listed, there);
    assert_eq!(executions.last(), archive.look_up(&id(instance)).unwrap().as_ref());
    for execution in 0..=there.last().map_or(3, |(newest, _)| newest + 1) {
        let kept = there.iter().find(|(number, _)| *number == execution);
        let all = kept.map(|(_, length)| ((0..*length).collect::<Vec<_>>(), *length));
        assert_eq!(read(archive, instance, execution, 0, 99), all, "execution {execution}");
        if let Some((all, length)) = all {
            for from in 0..=length {
                let two = all.iter().copied().skip(from as usize).take(2).collect();
                assert_eq!(read(archive, instance, execution, from, 2), Some((two, length)));
            }
        }
    }
}

/// What is kept grows by its last turns, in the part in which the next execution begins, and stays as it is then.
pub fn an_earlier_execution_is_kept(archive: &impl Archive) {
    for name in ["a", "b", "c"] {
        grow(archive, grown(name, run(name, 1, 0..2))).unwrap();
        grow(archive, grown(name, run(name, 1, 2..3))).unwrap();
    }
    grow(archive, keeping(grown("b", run("b", 2, 0..2)), 1, [(1, 3..5)])).unwrap();
    assert_there(archive, "b", &[(1, 5), (2, 2)]);
    let executions = archive.executions(&id("b")).unwrap();
    let states: Vec<_> = executions.iter().map(|one| one.summary.state).collect();
    assert_eq!(states, [InstanceState::Failed, InstanceState::Running]);
    grow(archive, grown("b", run("b", 2, 2..3))).unwrap();
    assert_there(archive, "b", &[(1, 5), (2, 3)]);
    for name in ["a", "c"] {
        assert_there(archive, name, &[(1, 3)]);
    }
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 3);
}

/// An execution is kept also when it got no turn in the part in which the next one begins.
pub fn an_execution_that_was_cut_off_is_kept(archive: &impl Archive) {
    grow(archive, grown("a", run("a", 1, 0..4))).unwrap();
    grow(archive, keeping(grown("a", run("a", 2, 0..1)), 1, [])).unwrap();
    assert_there(archive, "a", &[(1, 4), (2, 1)]);
    grow(archive, keeping(grown("a", run("a", 3, 0..2)), 1, [])).unwrap();
    assert_there(archive, "a", &[(1, 4), (2, 1), (3, 2)]);
}

/// Several executions may pass in one part. Those that are kept are there, and what is before them goes.
pub fn several_executions_may_pass_in_one_part(archive: &impl Archive) {
    grow(archive, grown("a", run("a", 1, 0..2))).unwrap();
    let growth = grown("a", run("a", 4, 0..2));
    grow(archive, keeping(growth, 1, [(1, 2..3), (2, 0..1), (3, 0..3)])).unwrap();
    assert_there(archive, "a", &[(1, 3), (2, 1), (3, 3), (4, 2)]);
    grow(archive, keeping(grown("a", run("a", 6, 0..1)), 4, [(4, 2..4), (5, 0..2)])).unwrap();
    assert_there(archive, "a", &[(4, 4), (5, 2), (6, 1)]);
    grow(archive, keeping(grown("a", run("a", 7, 0..1)), 6, [])).unwrap();
    assert_there(archive, "a", &[(6, 1), (7, 1)]);
    grow(archive, grown("a", run("a", 8, 0..1))).unwrap();
    assert_there(archive, "a", &[(8, 1)]);
}

/// Many parts later, what is kept is still there.
pub fn what_is_kept_stays_through_many_parts(archive: &impl Archive) {
    let mut there: Vec<(u32, u64)> = Vec::new();
    for execution in 1..=12_u32 {
        let oldest = execution.saturating_sub(3);
        let earlier = there.last_mut().filter(|_| execution % 2 == 0).map(|(earlier, length)| {
            *length += 1;
            (*earlier, *length - 1..*length)
        });
        grow(archive, keeping(grown("m", run("m", execution, 0..2)), oldest, earlier)).unwrap();
        grow(archive, grown("m", run("m", execution, 2..3))).unwrap();
        grow(archive, grown(&format!("other-{execution}"), run("x", 1, 0..1))).unwrap();
        there.push((execution, 3));
        there.retain(|(kept, _)| *kept >= oldest);
        assert_there(archive, "m", &there);
    }
}

/// A purge removes what is kept, and a new instance has none of it.
pub fn a_purge_removes_what_is_kept(archive: &impl Archive) {
    for name in ["a", "b", "c"] {
        grow(archive, grown(name, run(name, 1, 0..2))).unwrap();
        grow(archive, keeping(grown(name, run(name, 2, 0..2)), 1, [])).unwrap();
    }
    absorb(archive, 50, vec![(id("a"), Change::Purged), (id("b"), Change::Purged)]).unwrap();
    assert_there(archive, "a", &[]);
    grow(archive, keeping(grown("a", run("a", 3, 0..1)), 1, [])).unwrap();
    assert_there(archive, "a", &[(3, 1)]);
    grow(archive, grown("b", run("b", 1, 0..1))).unwrap();
    grow(archive, keeping(grown("b", run("b", 2, 0..1)), 1, [])).unwrap();
    assert_there(archive, "b", &[(1, 1), (2, 1)]);
    let anew = keeping(grown("c", run("c", 2, 0..1)), 1, [(1, 0..1)]);
    grow(archive, Growth { starts_anew: true, ..anew }).unwrap();
    assert_there(archive, "c", &[(1, 1), (2, 1)]);
    let anew = Growth { starts_anew: true, ..grown("c", run("c", 1, 0..3)) };
    grow(archive, anew).unwrap();
    assert_there(archive, "c", &[(1, 3)]);
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 3);
}

/// The same part may be given again.
pub fn keeping_the_same_again_changes_nothing(archive: &impl Archive) {
    grow(archive, grown("a", run("a", 1, 0..2))).unwrap();
    let growth = keeping(grown("a", run("a", 2, 0..1)), 1, [(1, 2..3)]);
    for _ in 0..3 {
        absorb(archive, 9, vec![(id("a"), Change::Grown(growth.clone()))]).unwrap();
        assert_there(archive, "a", &[(1, 3), (2, 1)]);
    }
}

/// Turns of an earlier execution that do not follow are corrupt, and change nothing.
pub fn earlier_turns_that_do_not_follow_are_refused(archive: &impl Archive) {
    grow(archive, grown("a", run("a", 2, 0..2))).unwrap();
    for earlier in [(2, 3..4), (2, 1..2), (1, 2..3)] {
        let growth = keeping(grown("a", run("a", 3, 0..1)), 1, [earlier.clone()]);
        let sequence = archive.position(SHARD).unwrap().sequence + 1;
        let part = vec![(id("a"), Change::Grown(growth))];
        let error = absorb(archive, sequence, part).unwrap_err();
        assert!(matches!(error, ProviderError::Corrupt { .. }), "{earlier:?}: {error}");
        assert!(error.to_string().contains("instance a"), "{error}");
        assert_there(archive, "a", &[(2, 2)]);
    }
}
