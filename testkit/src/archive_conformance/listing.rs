//! Lists and counts: filtered, ordered by id, a page at a time.

use reenact_core::{Attributes, InstanceId, Name};
use reenact_providers::archive::{Archive, Change, Earlier, Growth};
use reenact_providers::{
    InstanceCounts, InstanceFilter, InstanceState, InstanceSummary, TimeOrder, TimeRange,
};

use super::parts::{absorb, at, id, ids, new, read, run, summary};

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

/// Instances are listed in the order of the bytes of their ids. No character has a meaning.
pub fn ids_are_in_the_order_of_their_bytes(archive: &impl Archive) {
    let changes = ODD.iter().rev().map(|id| new(summary(id))).collect();
    absorb(archive, 1, changes).unwrap();
    assert_eq!(ids(&archive.list(&InstanceFilter::new(), None, 99).unwrap()), ODD);
    for odd in ODD {
        assert_eq!(archive.look_up(&id(odd)).unwrap().unwrap().summary, summary(odd));
        assert_eq!(read(archive, odd, 1, 0, 1), Some((vec![0], 1)));
    }
}

/// A prefix selects the ids that begin with its characters. None of them is a wildcard.
pub fn any_prefix_selects_what_begins_so(archive: &impl Archive) {
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

/// A page begins after an id, which need not exist.
pub fn lists_come_a_page_at_a_time(archive: &impl Archive) {
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
    let mut counts = InstanceCounts::default();
    expected.iter().for_each(|summary| counts.add_one(summary));
    assert_eq!(archive.counts(filter).unwrap(), counts, "{filter:?}");
    for order in [TimeOrder::OldestFirst, TimeOrder::NewestFirst] {
        assert_by_time(archive, &expected, filter, order);
    }
}

/// The first by time are those that a sort gives, without those that are to be skipped.
fn assert_by_time(
    archive: &impl Archive,
    passing: &[InstanceSummary],
    filter: &InstanceFilter,
    order: TimeOrder,
) {
    let mut sorted = passing.to_vec();
    match order {
        TimeOrder::OldestFirst => sorted.sort_by_key(|s| (s.updated_at, s.instance.clone())),
        TimeOrder::NewestFirst => {
            sorted.sort_by_key(|s| (std::cmp::Reverse(s.updated_at), s.instance.clone()));
        }
    }
    let listed = archive.list_by_time(filter, order, usize::MAX, &|_| false).unwrap();
    assert_eq!(listed, sorted, "{order:?} {filter:?}");
    let skipped = sorted.first().map(|first| first.instance.clone());
    let skip = |instance: &InstanceId| Some(instance) == skipped.as_ref();
    let listed = archive.list_by_time(filter, order, 2, &skip).unwrap();
    let rest = sorted.iter().skip(1).take(2).cloned().collect::<Vec<_>>();
    assert_eq!(listed, rest, "{order:?} {filter:?}");
}

const STATES: [InstanceState; 8] = [
    InstanceState::Running,
    InstanceState::Completed,
    InstanceState::Failed,
    InstanceState::Terminated,
    InstanceState::Cancelled,
    InstanceState::Suspended,
    InstanceState::Parked,
    InstanceState::Importing,
];

/// Filters by state, name and prefix, in each combination.
pub fn filters_by_state_and_name(archive: &impl Archive) {
    let all: Vec<_> = (0..28_u64)
        .map(|number| InstanceSummary {
            state: STATES[number as usize % STATES.len()],
            name: Name::new(if number % 3 == 0 { "pay" } else { "ship" }).unwrap(),
            ..summary(&format!("i{}", number * 9 % 28))
        })
        .collect();
    absorb(archive, 1, all.iter().cloned().map(new).collect()).unwrap();
    for choice in 0..1_usize << STATES.len() {
        let states: Vec<_> =
            (0..STATES.len()).filter(|bit| choice >> bit & 1 == 1).map(|bit| STATES[bit]).collect();
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

/// A range of times includes its first instant and excludes its last.
pub fn filters_by_time(archive: &impl Archive) {
    let all: Vec<_> = (0..20)
        .map(|number| InstanceSummary {
            state: STATES[number as usize % STATES.len()],
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
                vec![InstanceState::Importing],
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

/// Of many, the first by time are found, in each state and in all of them.
pub fn the_first_by_time_are_found_among_many(archive: &impl Archive) {
    let all: Vec<_> = (0..22_000_u64)
        .map(|number| InstanceSummary {
            state: STATES[number as usize % STATES.len()],
            updated_at: at(number * 7919 % 22_000 / 2),
            ..summary(&format!("i{number:05}"))
        })
        .collect();
    absorb(archive, 1, all.iter().cloned().map(new).collect()).unwrap();
    for states in [
        &[][..],
        &STATES[..1],
        &STATES[1..2],
        &STATES[2..3],
        &STATES[2..],
        &STATES[6..7],
        &STATES[7..],
    ] {
        let filter = InstanceFilter::new().states(states.iter().copied());
        assert_filtered(archive, &all, &filter);
    }
}

/// Times beyond half of all numbers are ordered as numbers without a sign.
pub fn times_beyond_half_of_all_are_in_order(archive: &impl Archive) {
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
    assert_filtered(archive, &all, &InstanceFilter::new());
    for range in ranges(&times) {
        assert_filtered(archive, &all, &InstanceFilter::new().created(range));
        assert_filtered(archive, &all, &InstanceFilter::new().finished(range));
    }
}

/// A list that is filtered by time is ordered by id, however many instances pass.
pub fn a_list_by_time_is_ordered_by_id_however_many_there_are(archive: &impl Archive) {
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

/// Filters by attributes: the newest ones count, those of what was purged do not, and a filter finds the same whether
/// few or many pass.
pub fn filters_by_attribute(archive: &impl Archive) {
    let of = |number: u64, all: &str| {
        let mut attributes = Attributes::default();
        attributes.set("all", all).unwrap();
        attributes.set("few", number as i64 / 4).unwrap();
        if number.is_multiple_of(2) {
            attributes.set("half", number as f64).unwrap();
        }
        attributes
    };
    let mut all: Vec<_> = (0..28_u64)
        .map(|number| InstanceSummary {
            state: STATES[number as usize % 7],
            updated_at: at(5_000 - number * 13 % 28),
            attributes: of(number, "yes"),
            ..summary(&format!("i{}", number * 9 % 28))
        })
        .collect();
    all.push(summary("without"));
    absorb(archive, 1, all.iter().cloned().map(new).collect()).unwrap();
    let new_filter = InstanceFilter::new;
    let filters = || {
        [
            new_filter().attribute("all", "yes"),
            new_filter().attribute("all", "no"),
            new_filter().attribute_prefix("all", ""),
            new_filter().attribute("few", 3),
            new_filter().attribute("few", 3).attribute("all", "yes").id_prefix("i1"),
            new_filter().attribute_within("few", 2..5).states([InstanceState::Running]),
            new_filter().attribute_within("half", 4.0..=20.0).finished(at(4_990)..),
            new_filter().attribute("all", "yes").states([InstanceState::Suspended]),
            new_filter().attribute("none", 1),
        ]
    };
    filters().iter().for_each(|filter| assert_filtered(archive, &all, filter));
    // Some change, one loses them, and one is purged.
    let mut changes = Vec::new();
    for (number, summary) in all.iter_mut().enumerate().take(6) {
        summary.turns = 2;
        summary.attributes = if number == 0 { Attributes::default() } else { of(27, "no") };
        let run = run(summary.instance.as_str(), 1, 1..2);
        let growth = Growth {
            summary: summary.clone(),
            starts_anew: false,
            run,
            earlier: Earlier::default(),
        };
        changes.push((summary.instance.clone(), Change::Grown(growth)));
    }
    let purged = all.remove(10);
    changes.push((purged.instance, Change::Purged));
    absorb(archive, 2, changes).unwrap();
    filters().iter().for_each(|filter| assert_filtered(archive, &all, filter));
}
