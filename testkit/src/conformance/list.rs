//! Listing: filtered, ordered by id, a page at a time.

use std::sync::Arc;

use reenact_core::{Attributes, ExecutionId, InstanceId, ShardId, Timestamp};
use reenact_providers::{
    HistoryStore, InstanceCounts, InstanceFilter, InstanceState, InstanceSummary, PageRequest,
    Provider, TimeOrder, TimeRange, TurnRecord,
};

use super::kit::{Owner, id, name, turn, turn_of};
use super::{Hub, Stage};

/// Ids that a store might put in the wrong order, take for each other, or take for a pattern.
const IDS: [&str; 14] = [
    "~", "a", "a b", "B", "aa", "A", "order%1", "order_1", "orderX1", "ORDER_1", "order", "é",
    "日", "order_10",
];

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

/// A store with one owner for each of its shards.
struct Populated {
    histories: Arc<dyn HistoryStore>,
    owners: Vec<Owner>,
}

impl Populated {
    /// With the instances of [`IDS`] in it, in several states and of two orchestrations.
    async fn new<H: Hub>(stage: &Stage<H>) -> (Self, Vec<InstanceSummary>) {
        let provider = stage.open().await;
        let mut owners = Vec::new();
        for shard in (0..provider.shards()).map(ShardId) {
            owners.push(Owner::of(shard, &provider).await);
        }
        let store = Self { histories: provider.histories(), owners };
        let mut summaries = Vec::new();
        for (number, text) in IDS.into_iter().enumerate() {
            let mut first = turn(&id(text), 0);
            first.summary.state = STATES[number % STATES.len()];
            first.summary.name = name(if number % 3 == 0 { "ship" } else { "pay" });
            first.summary.created_at = Timestamp::from_micros(1_000 + number as u64 / 2);
            first.summary.updated_at = Timestamp::from_micros(2_000 + number as u64 / 2);
            summaries.push(first.summary.clone());
            store.append(first).await;
        }
        summaries.sort_by(|a, b| a.instance.as_str().cmp(b.instance.as_str()));
        (store, summaries)
    }

    async fn append(&self, turn: TurnRecord) {
        let shard = ShardId::of(&turn.summary.instance, self.owners.len() as u32);
        self.owners[shard.0 as usize].store(vec![turn]).await;
    }

    /// The whole list, in pages of `limit`.
    async fn list(&self, filter: &InstanceFilter, limit: usize) -> Vec<InstanceSummary> {
        let mut instances = Vec::new();
        let mut request = PageRequest::new().limit(limit);
        loop {
            let page = self.histories.list(filter, &request).await.expect("a store can be listed");
            assert!(page.instances.len() <= limit.max(1), "a page holds no more than asked for");
            let is_last = page.next.is_none();
            if !is_last {
                assert_eq!(page.instances.len(), limit.max(1), "only the last page is not full");
                let last = page.instances.last().map(|summary| &summary.instance);
                assert!(last <= page.next.as_ref(), "the next page begins after this one");
                assert!(request.after < page.next, "each page goes on after the one before");
            }
            let nothing_listed = instances.is_empty() && is_last;
            assert!(nothing_listed || !page.instances.is_empty(), "a last page is not empty");
            instances.extend(page.instances);
            if is_last {
                return instances;
            }
            request.after = page.next;
        }
    }

    /// Asserts that exactly those of `all` are listed that `passes` lets through.
    async fn assert_filtered(
        &self,
        all: &[InstanceSummary],
        filter: InstanceFilter,
        passes: impl Fn(&InstanceSummary) -> bool,
    ) {
        let expected: Vec<_> = all.iter().filter(|summary| passes(summary)).cloned().collect();
        let counted = self.histories.count(&filter).await.expect("a store can be counted");
        assert_eq!(counted, expected.len() as u64, "what passes {filter:?} is counted");
        for limit in [1, 2, 100] {
            let listed = self.list(&filter, limit).await;
            assert_eq!(listed, expected, "what passes {filter:?} is listed, in pages of {limit}");
        }
        self.assert_by_time(&expected, &filter).await;
        let mut by_state = InstanceCounts::default();
        expected.iter().for_each(|summary| by_state.add_one(summary));
        let counts = self.histories.counts(&filter).await.expect("a store can be counted");
        assert_eq!(
            counts, by_state,
            "what passes {filter:?} is counted by orchestration and state"
        );
    }

    /// Asserts that exactly these are listed by the time of their last event, in both orders.
    async fn assert_by_time(&self, expected: &[InstanceSummary], filter: &InstanceFilter) {
        let mut oldest = expected.to_vec();
        oldest.sort_by(|a, b| (a.updated_at, &a.instance).cmp(&(b.updated_at, &b.instance)));
        let mut newest = expected.to_vec();
        newest.sort_by(|a, b| b.updated_at.cmp(&a.updated_at).then(a.instance.cmp(&b.instance)));
        for (order, sorted) in [(TimeOrder::OldestFirst, oldest), (TimeOrder::NewestFirst, newest)]
        {
            for limit in [0, 1, 3, usize::MAX] {
                let listed = self.histories.list_by_time(filter, order, limit).await;
                let listed = listed.expect("a store can be listed by time");
                let first = &sorted[..limit.min(sorted.len())];
                assert_eq!(listed, first, "the first {limit} that pass {filter:?}, {order:?}");
            }
        }
    }
}

fn from(micros: u64) -> TimeRange {
    TimeRange { from: Some(Timestamp::from_micros(micros)), until: None }
}

fn until(micros: u64) -> TimeRange {
    TimeRange { from: None, until: Some(Timestamp::from_micros(micros)) }
}

fn ids(summaries: &[InstanceSummary]) -> Vec<&str> {
    summaries.iter().map(|summary| summary.instance.as_str()).collect()
}

/// The list of an empty store is one empty page, and its count is 0.
pub async fn an_empty_store_lists_nothing<H: Hub>(stage: &Stage<H>) {
    let histories = stage.open().await.histories();
    let page = histories.list(&InstanceFilter::new(), &PageRequest::new()).await;
    let page = page.expect("an empty store can be listed");
    assert_eq!((page.instances, page.next), (vec![], None));
    let counted = histories.count(&InstanceFilter::new()).await;
    assert_eq!(counted.expect("an empty store can be counted"), 0);
}

/// Instances are listed in the order of the bytes of their ids, across all shards, with whole summaries.
pub async fn instances_are_listed_by_id_in_pages_of_every_size<H: Hub>(stage: &Stage<H>) {
    let (store, all) = Populated::new(stage).await;
    for limit in (0..=IDS.len() + 1).chain([usize::MAX]) {
        let listed = store.list(&InstanceFilter::new(), limit).await;
        assert_eq!(ids(&listed), ids(&all), "ids are ordered by their bytes");
        assert_eq!(listed, all, "a list gives the newest summaries");
    }
}

/// Filters by state, name and prefix. A prefix is plain text: its case counts, and no character is a
/// wildcard.
pub async fn each_filter_lets_through_what_it_says<H: Hub>(stage: &Stage<H>) {
    let (store, all) = Populated::new(stage).await;
    for state in STATES {
        let filter = InstanceFilter::new().states([state]);
        store.assert_filtered(&all, filter, |summary| summary.state == state).await;
    }
    for orchestration in ["ship", "pay", "SHIP", "unknown"] {
        let filter = InstanceFilter::new().name(name(orchestration));
        let passes = |summary: &InstanceSummary| summary.name.as_str() == orchestration;
        store.assert_filtered(&all, filter, passes).await;
    }
    for prefix in ["", "a", "order", "order_", "order%", "order_1", "ORDER", "é", "zzz"] {
        let filter = InstanceFilter::new().id_prefix(prefix.to_owned());
        let passes = |summary: &InstanceSummary| summary.instance.as_str().starts_with(prefix);
        store.assert_filtered(&all, filter, passes).await;
    }
}

/// A range of times includes its first instant and excludes its last. An instance that is not finished has
/// no time of its end.
pub async fn filters_by_time_let_through_what_they_say<H: Hub>(stage: &Stage<H>) {
    let (store, all) = Populated::new(stage).await;
    for micros in 999..1_010 {
        let at = Timestamp::from_micros(micros);
        let filter = InstanceFilter::new().created(from(micros));
        store.assert_filtered(&all, filter, |summary| summary.created_at >= at).await;
        let filter = InstanceFilter::new().created(until(micros));
        store.assert_filtered(&all, filter, |summary| summary.created_at < at).await;
    }
    let one_instant = TimeRange { until: until(2_005).until, ..from(2_004) };
    let filter = InstanceFilter::new().finished(one_instant);
    let passes = |summary: &InstanceSummary| {
        summary.state.is_finished() && summary.updated_at == Timestamp::from_micros(2_004)
    };
    assert!(all.iter().any(passes), "the case itself: something passes");
    store.assert_filtered(&all, filter, passes).await;

    let filter = InstanceFilter::new().finished(from(0));
    store.assert_filtered(&all, filter, |summary| summary.state.is_finished()).await;
    let nothing = TimeRange { until: until(2_003).until, ..from(2_004) };
    let filter = InstanceFilter::new().finished(nothing);
    store.assert_filtered(&all, filter, |_| false).await;
}

/// An instance is listed if it passes all filters. Of several states, it must have one.
pub async fn filters_combine<H: Hub>(stage: &Stage<H>) {
    let (store, all) = Populated::new(stage).await;
    let states = vec![InstanceState::Failed, InstanceState::Completed];
    let filter = InstanceFilter::new().states(states.clone());
    store.assert_filtered(&all, filter, |summary| states.contains(&summary.state)).await;

    let filter = InstanceFilter::new()
        .states(states.clone())
        .name(name("pay"))
        .id_prefix("order")
        .created(until(1_006))
        .finished(TimeRange::default());
    let passes = |summary: &InstanceSummary| {
        states.contains(&summary.state)
            && summary.name.as_str() == "pay"
            && summary.instance.as_str().starts_with("order")
            && summary.created_at < Timestamp::from_micros(1_006)
    };
    assert!(all.iter().any(passes), "the case itself: something passes");
    store.assert_filtered(&all, filter, passes).await;
}

/// A name or an id that can never be one lets nothing through, wherever the instances are.
pub async fn a_filter_or_a_page_that_is_invalid_lists_nothing<H: Hub>(stage: &Stage<H>) {
    let (store, _) = Populated::new(stage).await;
    let (all, page) = (InstanceFilter::new(), PageRequest::new());
    let none = all.clone().name("");
    assert_eq!(store.histories.count(&none).await.expect("a count"), 0);
    for (filter, page) in [(none, page.clone()), (all, page.after("a\nb"))] {
        let listed = store.histories.list(&filter, &page).await.expect("a page");
        assert_eq!((listed.instances, listed.next), (Vec::new(), None));
    }
}

/// What a filter excludes takes no room in a page. The newest state counts.
pub async fn pages_of_a_filtered_list_are_full<H: Hub>(stage: &Stage<H>) {
    let (store, all) = Populated::new(stage).await;
    let running = all.iter().find(|summary| summary.state == InstanceState::Running);
    let running = running.expect("the case itself: one is running");
    let mut finish = turn(&running.instance, 1);
    finish.summary.state = InstanceState::Terminated;
    finish.summary.name = running.name.clone();
    store.append(finish.clone()).await;

    let mut now = all.clone();
    for summary in &mut now {
        if summary.instance == running.instance {
            *summary = finish.summary.clone();
        }
    }
    for state in [InstanceState::Running, InstanceState::Terminated] {
        let filter = InstanceFilter::new().states([state]);
        store.assert_filtered(&now, filter, |summary| summary.state == state).await;
    }
}

/// By the time of their last event the newest summaries count, in both orders; of one time, the lower id is first.
pub async fn instances_are_listed_by_the_time_of_their_last_event<H: Hub>(stage: &Stage<H>) {
    let (store, mut all) = Populated::new(stage).await;
    store.assert_by_time(&all, &InstanceFilter::new()).await;
    // The oldest one that runs becomes the newest, and another comes in between.
    let running = |summary: &&mut InstanceSummary| summary.state == InstanceState::Running;
    let oldest = all.iter_mut().filter(running).min_by_key(|summary| summary.updated_at);
    let oldest = oldest.expect("the case itself: one is running");
    let mut next = turn(&oldest.instance, 1);
    next.summary.name = oldest.name.clone();
    next.summary.created_at = oldest.created_at;
    next.summary.updated_at = Timestamp::from_micros(9_000);
    *oldest = next.summary.clone();
    store.append(next).await;
    let mut new = turn(&id("new"), 0);
    new.summary.updated_at = Timestamp::from_micros(2_001);
    all.push(new.summary.clone());
    store.append(new).await;
    store.assert_by_time(&all, &InstanceFilter::new()).await;
    let now: Vec<_> = all.iter().filter(|s| s.state == InstanceState::Running).cloned().collect();
    store.assert_by_time(&now, &InstanceFilter::new().states([InstanceState::Running])).await;
}

/// Instances are counted by orchestration and state, each in its newest state.
pub async fn instances_are_counted_by_orchestration_and_state<H: Hub>(stage: &Stage<H>) {
    let (store, all) = Populated::new(stage).await;
    let counts = async |filter: InstanceFilter| {
        store.histories.counts(&filter).await.expect("a store can be counted")
    };
    assert_eq!(counts(InstanceFilter::new()).await.all().total(), all.len() as u64);
    let ship = InstanceFilter::new().name(name("ship"));
    let of_ship = counts(ship).await;
    let names: Vec<_> = of_ship.orchestrations().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ship"], "the filter counts");
    assert_eq!(counts(InstanceFilter::new().name("none")).await, InstanceCounts::default());
    let running = all.iter().find(|summary| summary.state == InstanceState::Running);
    let running = running.expect("the case itself: one is running");
    let mut finish = turn(&running.instance, 1);
    finish.summary.state = InstanceState::Failed;
    finish.summary.name = running.name.clone();
    let mut expected = InstanceCounts::default();
    for summary in &all {
        let is_it = summary.instance == running.instance;
        expected.add_one(if is_it { &finish.summary } else { summary });
    }
    store.append(finish).await;
    assert_eq!(counts(InstanceFilter::new()).await, expected);
}

/// A page may begin after an id that does not exist: its instance may have been purged.
pub async fn a_list_may_begin_after_an_id_that_does_not_exist<H: Hub>(stage: &Stage<H>) {
    let (store, all) = Populated::new(stage).await;
    for after in ["\u{20}", "a!", "order0", "zz", "語語"] {
        let request = PageRequest::new().after(id(after)).limit(100);
        let page = store.histories.list(&InstanceFilter::new(), &request).await;
        let page = page.expect("a list may begin anywhere");
        let expected: Vec<_> = ids(&all).into_iter().filter(|id| *id > after).collect();
        assert_eq!(ids(&page.instances), expected, "what comes after {after:?}");
        assert_eq!(page.next, None);
    }
}

/// An instance that existed before the first page is listed once, whatever is appended between the pages.
pub async fn a_list_is_stable_while_instances_are_appended<H: Hub>(stage: &Stage<H>) {
    let (store, all) = Populated::new(stage).await;
    let mut listed: Vec<InstanceId> = Vec::new();
    let mut request = PageRequest::new().limit(2);
    for round in 0.. {
        let page = store.histories.list(&InstanceFilter::new(), &request).await;
        let page = page.expect("a store can be listed");
        listed.extend(page.instances.into_iter().map(|summary| summary.instance));
        let Some(next) = page.next else { break };
        // One long before the cursor, one long after it, and a new turn of an old one.
        store.append(turn(&id(&format!(" before-{round}")), 0)).await;
        store.append(turn(&id(&format!("鿕-after-{}", 99 - round)), 0)).await;
        store.append(turn(&all[0].instance, round + 1)).await;
        request.after = Some(next);
        assert!(round < 100, "a list comes to its end");
    }
    assert!(listed.is_sorted_by(|a, b| a < b), "in order, and none twice: {listed:?}");
    for summary in &all {
        assert!(listed.contains(&summary.instance), "{} was there all the time", summary.instance);
    }
}

/// The newest attributes of an instance count, in every state and in every execution, and go with it.
pub async fn filters_by_attribute_let_through_what_they_say<H: Hub>(stage: &Stage<H>) {
    let (store, mut all) = Populated::new(stage).await;
    for (number, summary) in all.iter_mut().enumerate() {
        // Some never have any.
        for step in 1..=number as u64 % 4 {
            let mut next = turn(&summary.instance, step);
            next.summary.attributes = attributes_of(number, step);
            next.summary.state = summary.state;
            next.summary.name = summary.name.clone();
            *summary = next.summary.clone();
            store.append(next).await;
        }
    }
    store.assert_attributes(&all).await;

    // They change with the next execution.
    let changed = &mut all[3];
    let mut next = turn_of(&changed.instance, ExecutionId(2), 0);
    next.summary.attributes = attributes_of(9, 1);
    *changed = next.summary.clone();
    store.append(next).await;
    // And they are cleared.
    let cleared = &mut all[7];
    let mut last = turn(&cleared.instance, 4);
    last.summary.state = InstanceState::Completed;
    *cleared = last.summary.clone();
    store.append(last).await;
    store.assert_attributes(&all).await;

    // What is purged is found by nothing.
    let purged = all.remove(7);
    store.purge(&purged.instance).await;
    store.assert_attributes(&all).await;
    let again = turn(&purged.instance, 0);
    all.insert(7, again.summary.clone());
    store.append(again).await;
    store.assert_attributes(&all).await;
}

/// Of every kind; some are the same in many instances, and others in few.
fn attributes_of(number: usize, step: u64) -> Attributes {
    let (integer, float) = (number as i64 - 7, (number as f64 - 7.0) / 2.0);
    let at = Timestamp::from_micros(u64::MAX - number as u64);
    let mut attributes = Attributes::default();
    let texts = ["ada", "Ada", "bob", "ad", ""];
    let set = [
        attributes.set("customer", texts[number % texts.len()]),
        attributes.set("number", integer),
        attributes.set("share", float),
        attributes.set("due", at),
        attributes.set("open", number.is_multiple_of(2)),
        attributes.set("region", "eu"),
        attributes.set(format!("step-{step}"), step as i64),
    ];
    assert!(set.iter().all(Result::is_ok), "the case itself: they can be set");
    attributes
}

impl Populated {
    /// Asserts that each condition on an attribute finds what it says, alone and with others.
    async fn assert_attributes(&self, all: &[InstanceSummary]) {
        let value = |summary: &InstanceSummary, name: &str| summary.attributes.get(name).cloned();
        let new = InstanceFilter::new;
        for text in ["ada", "Ada", "AD", "", "none"] {
            let passes =
                |summary: &InstanceSummary| value(summary, "customer") == Some(text.into());
            self.assert_filtered(all, new().attribute("customer", text), passes).await;
            let passes = |summary: &InstanceSummary| {
                let value = value(summary, "customer");
                value.is_some_and(|value| value.as_text().is_some_and(|t| t.starts_with(text)))
            };
            self.assert_filtered(all, new().attribute_prefix("customer", text), passes).await;
        }
        for from in -8..8_i64 {
            let integer =
                |summary: &InstanceSummary| value(summary, "number").and_then(|v| v.as_integer());
            let filter = new().attribute_within("number", from..from + 3);
            let passes =
                |s: &InstanceSummary| integer(s).is_some_and(|n| n >= from && n < from + 3);
            self.assert_filtered(all, filter, passes).await;
            let filter = new().attribute_within("number", ..=from).attribute("region", "eu");
            let passes = |s: &InstanceSummary| integer(s).is_some_and(|n| n <= from);
            self.assert_filtered(all, filter, passes).await;
            let filter = new().attribute_within("share", from as f64..);
            let passes = |s: &InstanceSummary| {
                let share = value(s, "share").and_then(|v| v.as_float());
                share.is_some_and(|share| share >= from as f64)
            };
            self.assert_filtered(all, filter, passes).await;
        }
        let late = Timestamp::from_micros(u64::MAX - 4);
        let passes = |s: &InstanceSummary| {
            value(s, "due").and_then(|v| v.as_timestamp()).is_some_and(|due| due >= late)
        };
        self.assert_filtered(all, new().attribute_within("due", late..), passes).await;
        let passes = |s: &InstanceSummary| value(s, "open") == Some(true.into());
        self.assert_filtered(all, new().attribute("open", true), passes).await;
        // Of another kind, nothing is equal.
        self.assert_filtered(all, new().attribute("open", 1), |_| false).await;
        self.assert_filtered(all, new().attribute("number", "1"), |_| false).await;
        self.assert_filtered(all, new().attribute("", 1), |_| false).await;
        let filter = new().states([InstanceState::Running]).name("pay").attribute("region", "eu");
        let passes = |s: &InstanceSummary| {
            s.state == InstanceState::Running
                && s.name.as_str() == "pay"
                && value(s, "region").is_some()
        };
        self.assert_filtered(all, filter, passes).await;
        self.assert_filtered(all, new(), |_| true).await;
    }

    async fn purge(&self, instance: &InstanceId) {
        let shard = ShardId::of(instance, self.owners.len() as u32);
        let lease = &self.owners[shard.0 as usize].lease;
        let purged = self.histories.purge(std::slice::from_ref(instance), lease).await;
        assert_eq!(purged.expect("it is over"), 1);
    }
}
