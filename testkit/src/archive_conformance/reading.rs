//! Reading and asking: turns, instances that must wake, questions, ids.

use std::sync::Arc;

use reenact_core::{ExecutionId, ShardId};
use reenact_providers::archive::{Archive, Change, Earlier, Growth, Part, Question, Span, TurnRun};
use reenact_providers::{InstanceFilter, InstanceState, InstanceSummary};

use super::parts::{SHARD, absorb, at, bytes, end, grow, grown, id, new, read, run, summary};

/// Turns are read from any number on: at least one where there is one, and none from the end on.
pub fn turns_are_read_from_any_number_on(archive: &impl Archive) {
    grow(archive, grown("a", run("a", 1, 0..4))).unwrap();
    grow(archive, grown("a", run("a", 1, 4..6))).unwrap();
    for from in 0..6 {
        for limit in 0..8 {
            let end = 6.min(from + limit.max(1) as u64);
            let expected = Some(((from..end).collect(), 6));
            assert_eq!(read(archive, "a", 1, from, limit), expected, "{limit} from {from}");
        }
    }
    for from in [6, 7, u64::MAX / 2, u64::MAX] {
        assert_eq!(read(archive, "a", 1, from, 9), Some((vec![], 6)), "from {from}");
    }
    assert_eq!(read(archive, "a", 1, 0, usize::MAX).unwrap().0.len(), 6);
    assert_eq!(read(archive, "a", 2, 0, 9), None);
    assert_eq!(read(archive, "a", u32::MAX, 0, 9), None);
    assert_eq!(read(archive, "b", 1, 0, 9), None);
}

/// Long histories and large turns are read as they were given, however the archive divides them.
pub fn long_runs_are_read_across_all_seams(archive: &impl Archive) {
    grow(archive, grown("long", run("long", 1, 0..3000))).unwrap();
    grow(archive, grown("long", run("long", 1, 3000..3001))).unwrap();
    assert_eq!(read(archive, "long", 1, 0, 9000), Some(((0..3001).collect(), 3001)));
    for from in [1, 1022, 1023, 1024, 1025, 2047, 2048, 2999] {
        let expected = Some(((from..from + 2).collect(), 3001));
        assert_eq!(read(archive, "long", 1, from, 2), expected, "from {from}");
    }

    let sizes = [0, 3 << 20, 1, 700_000, 700_000, 0];
    let turns: Vec<Arc<[u8]>> =
        sizes.iter().zip(1..).map(|(size, byte)| Arc::from(vec![byte; *size])).collect();
    let run = TurnRun { execution: ExecutionId::FIRST, first: 0, turns: turns.clone() };
    grow(archive, grown("large", run)).unwrap();
    let stretch = archive.read(&id("large"), ExecutionId::FIRST, 0, 9).unwrap().unwrap();
    assert!(stretch.turns.iter().map(|turn| &turn.bytes).eq(&turns));
}

/// Numbers and times are kept up to the largest.
pub fn the_largest_numbers_come_back(archive: &impl Archive) {
    for (largest, name) in [(u64::MAX, "a"), (1 << 63, "b"), ((1 << 63) - 1, "c")] {
        let given = InstanceSummary {
            execution: ExecutionId(u32::MAX),
            created_at: at(largest),
            updated_at: at(largest),
            turns: largest,
            events: largest,
            wake_at: Some(at(largest)),
            ..summary(name)
        };
        grow(
            archive,
            Growth {
                summary: given.clone(),
                starts_anew: false,
                run: run(name, u32::MAX, 0..1),
                earlier: Earlier::default(),
            },
        )
        .unwrap();
        assert_eq!(archive.look_up(&id(name)).unwrap().unwrap().summary, given);
        assert!(archive.to_wake(SHARD).unwrap().contains(&given));
        assert_eq!(read(archive, name, u32::MAX, 0, 1), Some((vec![0], 1)));
    }
}

/// The instances of a shard with a `wake_at` are found, whether they have finished or not.
pub fn what_must_wake_is_known_by_shard(archive: &impl Archive) {
    let waking = |name: &str| InstanceSummary { wake_at: Some(at(5)), ..summary(name) };
    let over = InstanceSummary { state: InstanceState::Failed, ..summary("over") };
    let tells = InstanceSummary { state: InstanceState::Failed, ..waking("tells") };
    let suspended =
        |name: &str| InstanceSummary { state: InstanceState::Suspended, ..waking(name) };
    let changes = vec![
        new(waking("a")),
        new(summary("never")),
        new(over),
        new(tells.clone()),
        new(waking("b")),
        new(suspended("c")),
        new(InstanceSummary { wake_at: None, ..suspended("d") }),
    ];
    absorb(archive, 1, changes).unwrap();
    let (instance, change) = new(waking("elsewhere"));
    let part = Part { shard: ShardId(1), end: end(1), changes: vec![(&instance, &change)] };
    archive.absorb(&part).unwrap();

    let to_wake = |shard| {
        let mut found = archive.to_wake(shard).unwrap();
        found.sort_by(|a, b| a.instance.cmp(&b.instance));
        found
    };
    assert_eq!(to_wake(SHARD), [waking("a"), waking("b"), suspended("c"), tells.clone()]);
    assert_eq!(to_wake(ShardId(1)), [waking("elsewhere")]);
    assert_eq!(to_wake(ShardId(0)), []);

    grow(archive, grown("a", run("a", 1, 1..2))).unwrap();
    assert_eq!(
        to_wake(SHARD),
        [waking("b"), suspended("c"), tells],
        "it waits for nothing but messages now"
    );
}

/// Several threads may read while one absorbs, and none of them sees half of a part.
pub fn several_threads_may_read_while_one_absorbs(archive: &impl Archive) {
    const PARTS: u64 = 30;
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < PARTS {
                    let count = archive.count(&InstanceFilter::new()).unwrap();
                    assert_eq!(count % 2, 0, "a part of two is all there or not at all");
                    if count > 0 {
                        let stretch = archive.read(&id("i1"), ExecutionId::FIRST, 0, 9).unwrap();
                        assert_eq!(stretch.unwrap().turns[0].bytes, bytes("i1", 1, 0));
                    }
                    assert!(count / 2 >= seen, "nothing goes away");
                    seen = count / 2;
                }
            });
        }
        for part in 1..=PARTS {
            let names = [format!("i{part}"), format!("j{part}")];
            let changes = names.iter().map(|name| new(summary(name))).collect();
            absorb(archive, part, changes).unwrap();
        }
    });
}

/// Each question is answered in its place, as a look-up and a read would answer it.
pub fn questions_are_answered_each_in_its_place(archive: &impl Archive) {
    let completed =
        |instance: &str| InstanceSummary { state: InstanceState::Completed, ..summary(instance) };
    let changes = (0..50).map(|n| new(completed(&format!("done {n:02}")))).collect();
    absorb(archive, 1, changes).unwrap();
    grow(archive, grown("long", run("long", 1, 0..5))).unwrap();
    let span = |execution, from, limit| Some(Span { execution, from, limit });
    let ask = |instance: &str, turns| Question { instance: id(instance), turns };
    let newest = None;
    let questions = [
        ask("long", None),
        ask("unknown", span(newest, 0, 9)),
        ask("long", span(newest, 1, 2)),
        ask("done 07", span(newest, 0, 9)),
        ask("long", span(Some(ExecutionId(2)), 0, 9)),
        ask("done 49", span(Some(ExecutionId::FIRST), 0, 0)),
        ask("long", span(newest, 5, 9)),
    ];
    let answers = archive.ask(&questions);
    assert_eq!(answers.len(), questions.len());
    for (question, answer) in questions.iter().zip(answers) {
        let found = answer.unwrap();
        let archived = archive.look_up(&question.instance).unwrap();
        assert_eq!(found.as_ref().map(|found| &found.archived), archived.as_ref());
        let expected = question.turns.zip(archived).and_then(|(span, archived)| {
            let execution = span.execution.unwrap_or(archived.summary.execution);
            archive.read(&question.instance, execution, span.from, span.limit).unwrap()
        });
        assert_eq!(found.and_then(|found| found.stretch), expected, "{question:?}");
    }
}

/// All ids are shown, also those of finished instances and of those that went on, until the caller wants no
/// more.
pub fn all_ids_are_shown(archive: &impl Archive) {
    let shown = |most: usize| {
        let mut shown = Vec::new();
        let all = archive.visit_ids(&mut |ids| {
            shown.extend_from_slice(ids);
            shown.len() < most
        });
        shown.sort();
        (all.unwrap(), shown)
    };
    assert_eq!(shown(1), (true, Vec::new()));
    let completed =
        |instance: &str| InstanceSummary { state: InstanceState::Completed, ..summary(instance) };
    let names = |range: std::ops::Range<u32>| range.map(|n| format!("order {n:04}"));
    absorb(archive, 1, names(0..100).map(|name| new(completed(&name))).collect()).unwrap();
    absorb(archive, 2, names(100..140).map(|name| new(summary(&name))).collect()).unwrap();
    grow(archive, grown("order 0007", run("order 0007", 1, 1..2))).unwrap();
    absorb(archive, 4, vec![(id("order 0050"), Change::Purged)]).unwrap();
    let left = names(0..140).filter(|name| name != "order 0050").map(|name| id(&name));
    assert_eq!(shown(usize::MAX), (true, left.collect()));
    assert!(!shown(1).0);
}
