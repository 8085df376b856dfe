//! Reading a history by cursor.

use reenact_core::ExecutionId;

use super::kit::{
    Owner, SHARD, assert_conflict, assert_not_found, expected, history, last_turn, turn, turn_of,
};
use super::{Hub, Stage};

const FIRST: ExecutionId = ExecutionId::FIRST;

/// With any limit, the pages together are the history, and the last page says that it is the last.
pub async fn pages_of_every_size_give_the_same_history<H: Hub>(stage: &Stage<H>) {
    const TURNS: u64 = 7;
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store((0..TURNS).map(|number| turn(&instance, number)).collect()).await;

    for limit in (0..=TURNS as usize + 1).chain([usize::MAX]) {
        let mut turns = Vec::new();
        let mut from = Some(0);
        while let Some(at) = from {
            let page = owner.histories.read(&instance, FIRST, at, limit).await;
            let page = page.expect("what is stored can be read");
            assert!(!page.turns.is_empty(), "a page has a turn as long as there is one");
            assert!(page.turns.len() <= limit.max(1), "a page has no more turns than asked for");
            turns.extend(page.turns);
            if let Some(next) = page.next {
                assert_eq!(next, turns.len() as u64, "the next page follows on this one");
            }
            from = page.next;
        }
        assert_eq!(
            turns,
            expected(&instance, FIRST, TURNS),
            "pages of {limit} make up the whole history"
        );
    }
}

/// Reading begins at any turn.
pub async fn reading_begins_at_the_given_turn<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    for number in 0..4 {
        owner.store(vec![turn(&instance, number)]).await;
    }
    for from in 0..4 {
        let page = owner.histories.read(&instance, FIRST, from, 1).await;
        let page = page.expect("what is stored can be read");
        let first = &expected(&instance, FIRST, 4)[from as usize..][..1];
        assert_eq!(page.turns, first, "a page begins with the turn that was asked for");
    }
}

/// Loading gives the newest summary and the first turns, at most as many as were asked for.
pub async fn loading_gives_the_summary_and_the_first_turns<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let (instance, ended) = (owner.id("i"), owner.id("ended"));
    let load = |limit| owner.histories.load(&instance, limit);
    let loaded = load(10).await.expect("an instance that is not there can be asked for");
    assert_eq!(loaded, None, "there is no such instance");
    for number in 0..4 {
        owner.store(vec![turn(&instance, number)]).await;
        let summary = owner.histories.summary(&instance).await.expect("a summary can be read");
        let loaded = load(2).await.expect("what is stored can be read").expect("it is there");
        assert_eq!(Some(loaded.summary), summary, "it is the newest summary");
        let turns = expected(&instance, FIRST, number + 1);
        let count = loaded.turns.turns.len();
        assert!((1..=2).contains(&count), "as many turns as were asked for, or fewer");
        assert_eq!(loaded.turns.turns, turns[..count], "from the first one on");
        let next = (count < turns.len()).then_some(count as u64);
        assert_eq!(loaded.turns.next, next, "the page says where the next one begins");
        owner.histories.unload(&instance);
    }
    owner.store(vec![turn_of(&instance, ExecutionId(2), 0)]).await;
    let loaded = load(10).await.expect("what is stored can be read").expect("it is there");
    assert_eq!(loaded.summary.execution, ExecutionId(2), "the newest execution counts");
    assert_eq!(loaded.turns.turns, expected(&instance, ExecutionId(2), 1));
    owner.store(vec![last_turn(&ended, 0)]).await;
    let loaded = owner.histories.load(&ended, 10).await.expect("what is stored can be read");
    let summary = loaded.map(|loaded| loaded.summary);
    assert!(summary.is_some_and(|summary| summary.is_over()), "one that is over is there as well");
}

/// Reading from the end of a history gives an empty page.
pub async fn reading_at_the_end_gives_an_empty_page<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0), turn(&instance, 1)]).await;
    let page = owner.histories.read(&instance, FIRST, 2, 10).await;
    let page = page.expect("the end is a place to read from");
    assert!(page.turns.is_empty() && page.next.is_none(), "nothing follows the end: {page:?}");

    owner.store(vec![turn(&instance, 2)]).await;
    let page = owner.histories.read(&instance, FIRST, 2, 10).await;
    let page = page.expect("what is stored can be read");
    assert_eq!(page.turns.len(), 1, "what was appended since is read from there");
}

/// Reading from a turn after the end is a conflict: such a cursor belongs to another history.
pub async fn reading_past_the_end_is_a_conflict<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![turn(&instance, 0)]).await;
    for from in [2, u64::MAX] {
        let past = owner.histories.read(&instance, FIRST, from, 10).await;
        assert_conflict(past, "there is nothing to read past the end");
    }
}

/// Reading an instance or an execution that does not exist gives `NotFound`.
pub async fn reading_what_does_not_exist_is_not_found<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    let unknown = owner.histories.read(&instance, FIRST, 0, 10).await;
    assert_not_found(unknown, "an instance that was never started is not found");

    owner.store(vec![turn(&instance, 0)]).await;
    for execution in [ExecutionId(0), ExecutionId(2), ExecutionId(u32::MAX)] {
        let unknown = owner.histories.read(&instance, execution, 0, 10).await;
        assert_not_found(unknown, "an execution that never began is not found");
    }
}

/// Reading needs no lease, whether the shard has an owner or not.
pub async fn reading_needs_no_lease<H: Hub>(stage: &Stage<H>) {
    let owner = Owner::of(SHARD, &stage.open().await).await;
    let instance = owner.id("i");
    owner.store(vec![last_turn(&instance, 0)]).await;
    owner.leases.release(&owner.lease).await.expect("a lease can be released");

    let turns = history(&*owner.histories, &instance, FIRST).await;
    assert_eq!(turns, expected(&instance, FIRST, 1), "a history is read without a lease");
    let summary = owner.histories.summary(&instance).await.expect("so is a summary");
    assert_eq!(summary, Some(last_turn(&instance, 0).summary));
}
