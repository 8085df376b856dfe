//! What every archive must do.

use std::sync::Arc;

use reenact_core::{ExecutionId, Name, ShardId};
use reenact_providers::archive::{
    Archive, Archived, Change, Growth, Part, Question, Span, TurnRun,
};
use reenact_providers::journal::Position;
use reenact_providers::{InstanceFilter, InstanceState, InstanceSummary, ProviderError, TimeRange};

use crate::kit::{SHARD, absorb, at, bytes, end, grow, grown, id, ids, new, read, run, summary};

/// Makes a test of each of them. `$with` calls what it is given with an empty archive.
macro_rules! archive_suite {
    ($with:expr) => {
        archive_suite!($with;
            a_new_archive_has_nothing
            what_was_absorbed_can_be_looked_up
            each_shard_has_its_own_position
            an_instance_grows
            absorbing_the_same_part_again_changes_nothing
            turns_are_read_from_any_number_on
            long_runs_are_read_across_all_seams
            a_later_execution_takes_the_place_of_the_earlier
            executions_may_have_passed_in_between
            what_was_purged_is_gone
            an_id_may_be_used_anew_after_a_purge
            what_does_not_follow_is_refused_and_changes_nothing
            the_largest_numbers_come_back
            ids_are_in_the_order_of_their_bytes
            any_prefix_selects_what_begins_so
            lists_come_a_page_at_a_time
            filters_by_state_and_name
            filters_by_time
            times_beyond_half_of_all_are_in_order
            a_list_by_time_is_ordered_by_id_however_many_there_are
            what_must_wake_is_known_by_shard
            several_threads_may_read_while_one_absorbs
            questions_are_answered_each_in_its_place
            all_ids_are_shown
        );
    };
    ($with:expr; $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                ($with)(crate::suite::$name);
            }
        )*
    };
}

/// And says so of each shard and instance.
pub(crate) fn a_new_archive_has_nothing(archive: &impl Archive) {
    assert_eq!(archive.position(SHARD).unwrap(), Position::START);
    assert_eq!(archive.look_up(&id("a")).unwrap(), None);
    assert_eq!(archive.read(&id("a"), ExecutionId::FIRST, 0, 1).unwrap(), None);
    assert_eq!(archive.list(&InstanceFilter::new(), None, 10).unwrap(), []);
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 0);
    assert_eq!(archive.to_wake(SHARD).unwrap(), []);
}

/// As it was given.
pub(crate) fn what_was_absorbed_can_be_looked_up(archive: &impl Archive) {
    for (state, number) in [
        (InstanceState::Running, 0),
        (InstanceState::Completed, 1),
        (InstanceState::Failed, 2),
        (InstanceState::Terminated, 3),
        (InstanceState::Cancelled, 4),
        (InstanceState::Suspended, 5),
        (InstanceState::Parked, 6),
    ] {
        let given = InstanceSummary { state, events: number, ..summary(&format!("i{number}")) };
        absorb(archive, number + 1, vec![new(given.clone())]).unwrap();
        let found = archive.look_up(&given.instance).unwrap();
        assert_eq!(found, Some(Archived { summary: given, length: 1 }));
    }
    assert_eq!(archive.position(SHARD).unwrap(), end(7));
}

/// A part may be of nothing but its end.
pub(crate) fn each_shard_has_its_own_position(archive: &impl Archive) {
    absorb(archive, 7, vec![]).unwrap();
    let huge = Position { segment: u64::MAX, offset: u64::MAX, sequence: u64::MAX };
    let other = ShardId(u32::MAX);
    archive.absorb(&Part { shard: other, end: huge, changes: vec![] }).unwrap();
    assert_eq!(archive.position(SHARD).unwrap(), end(7));
    assert_eq!(archive.position(other).unwrap(), huge);
    assert_eq!(archive.position(ShardId(0)).unwrap(), Position::START);
}

/// Its summary is the newest one, its turns are all there.
pub(crate) fn an_instance_grows(archive: &impl Archive) {
    for (first, behind) in [(0, 2), (2, 3), (3, 3), (3, 9)] {
        let mut growth = grown("a", run("a", 1, first..behind));
        growth.summary.updated_at = at(behind);
        grow(archive, growth.clone()).unwrap();
        let found = archive.look_up(&id("a")).unwrap().unwrap();
        assert_eq!((found.summary, found.length), (growth.summary, behind));
        assert_eq!(read(archive, "a", 1, 0, 99), Some(((0..behind).collect(), behind)));
    }
    assert_eq!(archive.count(&InstanceFilter::new()).unwrap(), 1);
}

/// Nor is it refused, although it does not follow: a try that has failed may have come so far.
pub(crate) fn absorbing_the_same_part_again_changes_nothing(archive: &impl Archive) {
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

/// At least one when there is one; none from the end on.
pub(crate) fn turns_are_read_from_any_number_on(archive: &impl Archive) {
    grow(archive, grown("a", run("a", 1, 0..4))).unwrap();
    grow(archive, grown("a", run("a", 1, 4..6))).unwrap();
    for from in 0..6 {
        for limit in 0..8 {
            let behind = 6.min(from + limit.max(1) as u64);
            let expected = Some(((from..behind).collect(), 6));
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

/// However an archive cuts them up.
pub(crate) fn long_runs_are_read_across_all_seams(archive: &impl Archive) {
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

/// Of which nothing is left; the neighbours stay as they are.
pub(crate) fn a_later_execution_takes_the_place_of_the_earlier(archive: &impl Archive) {
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

/// The archive sees only what is left of them; it may be asked first when some have come and gone.
pub(crate) fn executions_may_have_passed_in_between(archive: &impl Archive) {
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

/// Its neighbours stay.
pub(crate) fn what_was_purged_is_gone(archive: &impl Archive) {
    for name in ["a", "b", "c"] {
        grow(archive, grown(name, run(name, 1, 0..2))).unwrap();
    }
    absorb(archive, 9, vec![(id("b"), Change::Purged), (id("never"), Change::Purged)]).unwrap();
    assert_eq!(archive.look_up(&id("b")).unwrap(), None);
    assert_eq!(read(archive, "b", 1, 0, 9), None);
    assert_eq!(ids(&archive.list(&InstanceFilter::new(), None, 9).unwrap()), ["a", "c"]);
    assert_eq!(read(archive, "c", 1, 0, 9), Some((vec![0, 1], 2)));
}

/// Nothing of the earlier instance is seen any more.
pub(crate) fn an_id_may_be_used_anew_after_a_purge(archive: &impl Archive) {
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

/// Neither the position nor anything else of the part; the next part is taken.
pub(crate) fn what_does_not_follow_is_refused_and_changes_nothing(archive: &impl Archive) {
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

/// All bits of them.
pub(crate) fn the_largest_numbers_come_back(archive: &impl Archive) {
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
            Growth { summary: given.clone(), starts_anew: false, run: run(name, u32::MAX, 0..1) },
        )
        .unwrap();
        assert_eq!(archive.look_up(&id(name)).unwrap().unwrap().summary, given);
        assert!(archive.to_wake(SHARD).unwrap().contains(&given));
        assert_eq!(read(archive, name, u32::MAX, 0, 1), Some((vec![0], 1)));
    }
}

const ODD: [&str; 12] = [
    " ",
    "%",
    "'",
    "A",
    "A%",
    "A'; DROP TABLE instances; --",
    "A_",
    "Z",
    "a",
    "é",
    "\u{ffff}",
    "🦀",
];

/// Not that of a language; and no character means anything.
pub(crate) fn ids_are_in_the_order_of_their_bytes(archive: &impl Archive) {
    let changes = ODD.iter().rev().map(|id| new(summary(id))).collect();
    absorb(archive, 1, changes).unwrap();
    assert_eq!(ids(&archive.list(&InstanceFilter::new(), None, 99).unwrap()), ODD);
    for odd in ODD {
        assert_eq!(archive.look_up(&id(odd)).unwrap().unwrap().summary, summary(odd));
        assert_eq!(read(archive, odd, 1, 0, 1), Some((vec![0], 1)));
    }
}

/// By its characters, none of which stands for others.
pub(crate) fn any_prefix_selects_what_begins_so(archive: &impl Archive) {
    let all = [&ODD[..], &["\u{d7ff}x", "\u{e000}", "\u{10ffff}", "\u{10ffff}z", "a\u{10ffff}b"]];
    let mut all = all.concat();
    all.sort_unstable();
    absorb(archive, 1, all.iter().map(|id| new(summary(id))).collect()).unwrap();
    let prefixes = ["", "A", "a", "%", "_", "A%", "\u{d7ff}", "\u{10ffff}", "a\u{10ffff}", "none"];
    for prefix in prefixes.into_iter().chain(all.iter().copied()) {
        let expected: Vec<&str> = all.iter().copied().filter(|id| id.starts_with(prefix)).collect();
        let filter = InstanceFilter::new().id_prefix(prefix);
        assert_eq!(ids(&archive.list(&filter, None, 99).unwrap()), expected, "{prefix:?}");
        assert_eq!(archive.count(&filter).unwrap(), expected.len() as u64, "{prefix:?}");
    }
}

/// Behind an id, which need not be there.
pub(crate) fn lists_come_a_page_at_a_time(archive: &impl Archive) {
    let names: Vec<String> = (0..10).map(|number| format!("i{number}")).collect();
    absorb(archive, 1, names.iter().map(|name| new(summary(name))).collect()).unwrap();
    let filter = InstanceFilter::new();
    for after in 0..10 {
        let page = archive.list(&filter, Some(&id(&names[after])), 3).unwrap();
        assert_eq!(ids(&page), names[after + 1..10.min(after + 4)]);
    }
    assert_eq!(ids(&archive.list(&filter, Some(&id("i5x")), 2).unwrap()), ["i6", "i7"]);
    assert_eq!(archive.list(&filter, None, 0).unwrap(), []);
    assert_eq!(archive.list(&filter, None, usize::MAX).unwrap().len(), 10);
}

/// Lists and counts say the same as the filter itself.
fn assert_filtered(archive: &impl Archive, all: &[InstanceSummary], filter: &InstanceFilter) {
    let mut expected: Vec<_> = all.iter().filter(|s| filter.matches(s)).cloned().collect();
    expected.sort_by(|a, b| a.instance.cmp(&b.instance));
    let listed = archive.list(filter, None, usize::MAX).unwrap();
    assert_eq!(ids(&listed), ids(&expected), "{filter:?}");
    assert_eq!(listed, expected, "{filter:?}");
    assert_eq!(archive.count(filter).unwrap(), expected.len() as u64, "{filter:?}");
    if let Some((first, rest)) = expected.split_first() {
        let page = archive.list(filter, Some(&first.instance), 2).unwrap();
        assert_eq!(page, rest[..rest.len().min(2)], "{filter:?}");
    }
}

const STATES: [InstanceState; 7] = [
    InstanceState::Running,
    InstanceState::Completed,
    InstanceState::Failed,
    InstanceState::Terminated,
    InstanceState::Cancelled,
    InstanceState::Suspended,
    InstanceState::Parked,
];

/// Each combination.
pub(crate) fn filters_by_state_and_name(archive: &impl Archive) {
    let all: Vec<_> = (0..28_u64)
        .map(|number| InstanceSummary {
            state: STATES[number as usize % 7],
            name: Name::new(if number % 3 == 0 { "pay" } else { "ship" }).unwrap(),
            ..summary(&format!("i{}", number * 9 % 28))
        })
        .collect();
    absorb(archive, 1, all.iter().cloned().map(new).collect()).unwrap();
    for choice in 0..128_usize {
        let states: Vec<_> =
            (0..7).filter(|bit| choice >> bit & 1 == 1).map(|bit| STATES[bit]).collect();
        for name in [None, Some("pay"), Some("ship"), Some("other")] {
            for id_prefix in [None, Some("i1")] {
                let mut filter =
                    InstanceFilter::new().states(states.iter().chain(&states).copied());
                filter.name = name.map(|name| Name::new(name).unwrap());
                filter.id_prefix = id_prefix.map(str::to_owned);
                assert_filtered(archive, &all, &filter);
            }
        }
    }
}

fn ranges(ends: &[u64]) -> Vec<TimeRange> {
    let ends: Vec<_> =
        std::iter::once(None).chain(ends.iter().map(|micros| Some(at(*micros)))).collect();
    let range = |from, until| TimeRange { from, until };
    ends.iter().flat_map(|from| ends.iter().map(move |until| range(*from, *until))).collect()
}

/// The first instant of a range is in it, its end is not.
pub(crate) fn filters_by_time(archive: &impl Archive) {
    let all: Vec<_> = (0..20)
        .map(|number| InstanceSummary {
            state: STATES[number as usize % 7],
            created_at: at(number),
            updated_at: at(number / 2 + 100),
            ..summary(&format!("i{}", number * 7 % 20))
        })
        .collect();
    absorb(archive, 1, all.iter().cloned().map(new).collect()).unwrap();
    for created in ranges(&[0, 5, 19, 20]) {
        for finished in ranges(&[0, 100, 104, 110]) {
            for states in [
                vec![],
                vec![InstanceState::Failed],
                vec![InstanceState::Running],
                vec![InstanceState::Suspended],
                vec![InstanceState::Parked],
                vec![InstanceState::Suspended, InstanceState::Cancelled],
                vec![InstanceState::Parked, InstanceState::Completed],
            ] {
                let filter =
                    InstanceFilter::new().states(states).created(created).finished(finished);
                assert_filtered(archive, &all, &filter);
            }
        }
    }
}

/// Numbers with a sign would turn them around.
pub(crate) fn times_beyond_half_of_all_are_in_order(archive: &impl Archive) {
    let half = 1 << 63;
    let times = [0, 1, half - 1, half, half + 1, u64::MAX - 1, u64::MAX];
    let all: Vec<_> = times
        .iter()
        .map(|micros| InstanceSummary {
            state: InstanceState::Completed,
            created_at: at(*micros),
            updated_at: at(*micros),
            ..summary(&format!("i{micros}"))
        })
        .collect();
    absorb(archive, 1, all.iter().cloned().map(new).collect()).unwrap();
    for range in ranges(&times) {
        assert_filtered(archive, &all, &InstanceFilter::new().created(range));
        assert_filtered(archive, &all, &InstanceFilter::new().finished(range));
    }
}

/// Few or many.
pub(crate) fn a_list_by_time_is_ordered_by_id_however_many_there_are(archive: &impl Archive) {
    let all: Vec<_> = (0..11_000_u64)
        .map(|number| InstanceSummary {
            state: InstanceState::Completed,
            updated_at: at(number),
            ..summary(&format!("i{:05}", number * 7919 % 11_000))
        })
        .collect();
    absorb(archive, 1, all.iter().cloned().map(new).collect()).unwrap();
    for until in [50, 10_999, 20_000] {
        let finished = TimeRange { from: None, until: Some(at(until)) };
        assert_filtered(archive, &all, &InstanceFilter::new().finished(finished));
    }
}

/// Finished or not, as long as it has a time for it.
pub(crate) fn what_must_wake_is_known_by_shard(archive: &impl Archive) {
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

/// And none of them sees half of a part.
pub(crate) fn several_threads_may_read_while_one_absorbs(archive: &impl Archive) {
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

/// As a look-up and a read would answer each of them.
pub(crate) fn questions_are_answered_each_in_its_place(archive: &impl Archive) {
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

/// Finished or not, also those that have gone on, until nobody wants more.
pub(crate) fn all_ids_are_shown(archive: &impl Archive) {
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
