//! Turns that are too large for a journal: when their blobs are written, when they are removed, and what is said of
//! one that is missing.
#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

#[path = "large_turns/crash.rs"]
mod crash;
#[path = "large_turns/stage.rs"]
mod stage;

use std::io::ErrorKind;

use reenact_core::ExecutionId;
use reenact_providers::limits::LARGE_TURNS_PAGE_BYTES;
use reenact_providers::{Epoch, ProviderError, TurnRecord};
use reenact_testkit::disk::{Effect, Fault, Op};

use stage::{INLINE_BYTES, OfExecution, Stage, large, last, small, turn};

const SECOND: ExecutionId = ExecutionId(2);

#[tokio::test]
async fn a_turn_within_the_limit_has_no_blob() {
    let stage = Stage::new().await;
    stage.append(vec![turn("a", 0, INLINE_BYTES)]).await.unwrap();
    assert_eq!(stage.blobs(), [""; 0]);
    stage.append(vec![turn("a", 1, INLINE_BYTES + 1)]).await.unwrap();
    assert_eq!(stage.blobs().len(), 1);
}

#[tokio::test]
async fn a_store_that_takes_none_writes_no_blobs_and_reads_those_that_are_there() {
    let stage = Stage::new().await;
    stage.append(vec![large("a", 0)]).await.unwrap();
    let stage = stage.that_takes_none().await;
    stage.append(vec![large("a", 1)]).await.unwrap();
    assert_eq!(stage.blobs().len(), 1);
    assert_eq!(
        stage.history("a", ExecutionId::FIRST).await,
        [large("a", 0), large("a", 1)].map(|turn| turn.bytes)
    );
}

#[tokio::test]
async fn the_blobs_of_a_purged_instance_are_removed_and_those_of_others_stay() {
    let stage = Stage::new().await;
    stage.append(vec![large("gone", 0), large("stays", 0)]).await.unwrap();
    stage.append(vec![last(large("gone", 1))]).await.unwrap();
    assert_eq!(stage.blobs().len(), 3);
    stage.purge("gone").await;
    let [left] = &stage.blobs()[..] else { panic!("{:?}", stage.blobs()) };
    assert!(left.starts_with("stays."), "{left}");
}

#[tokio::test]
async fn the_blobs_of_an_execution_that_is_kept_stay_as_long_as_it_does() {
    let mut stage = Stage::new().await;
    for execution in (1..=4).map(ExecutionId) {
        let first = TurnRecord { keep: 1, ..large("order", 0).of(execution) };
        stage.append(vec![first, large("order", 1).of(execution)]).await.unwrap();
        let there = execution.0.min(2);
        assert_eq!(stage.blobs().len(), 2 * there as usize, "of {execution} and the one before");
        // Each owner finds out anew which blobs are needed.
        stage = stage.next_owner().await;
        assert_eq!(stage.blobs().len(), 2 * there as usize, "of {execution} and the one before");
        for kept in (execution.0 + 1 - there..=execution.0).map(ExecutionId) {
            let turns = [large("order", 0).bytes, large("order", 1).bytes];
            assert_eq!(stage.history("order", kept).await, turns);
        }
    }
    stage.append(vec![last(large("order", 2).of(ExecutionId(4)))]).await.unwrap();
    stage.purge("order").await;
    assert_eq!(stage.blobs(), [""; 0]);
}

#[tokio::test]
async fn the_next_execution_removes_the_blobs_of_the_one_before_it() {
    let stage = Stage::new().await;
    stage.append(vec![large("a", 0), large("a", 1)]).await.unwrap();
    let next = small("a", 0).of(SECOND);
    stage.append(vec![last(small("a", 2)), next]).await.unwrap();
    assert_eq!(stage.blobs(), [""; 0]);
    stage.append(vec![large("a", 1).of(SECOND)]).await.unwrap();
    assert_eq!(stage.blobs().len(), 1);
}

#[tokio::test]
async fn an_append_that_is_refused_leaves_no_blob() {
    let stage = Stage::new().await;
    let refused = stage.append(vec![large("a", 0), large("b", 7)]).await;
    assert!(matches!(refused, Err(ProviderError::Conflict { .. })), "{refused:?}");
    assert_eq!(stage.blobs(), [""; 0]);
}

#[tokio::test]
async fn a_blob_that_cannot_be_written_appends_nothing_and_leaves_no_room_taken() {
    let stage = Stage::new().await;
    let (error, effect) = (ErrorKind::StorageFull, Effect::Half);
    for op in [Op::Create, Op::Write, Op::Sync, Op::Rename] {
        stage.disk().fail(Fault { op, at: 0, forever: false, error, effect });
        let refused = stage.append(vec![large("a", 0)]).await;
        let Err(error @ ProviderError::Unavailable { .. }) = &refused else {
            panic!("{refused:?}")
        };
        assert!(error.is_transient());
        assert!(stage.summary("a").await.is_none());
        stage.disk().heal();
    }
    stage.append(vec![large("a", 0)]).await.unwrap();
    assert_eq!(stage.blobs().len(), 1, "{:?}", stage.blobs());
}

#[tokio::test]
async fn a_blob_that_is_missing_is_an_error_that_names_it_and_its_instance() {
    let stage = Stage::new().await;
    stage.append(vec![small("order", 0), large("order", 1), small("order", 2)]).await.unwrap();
    let blob = stage.blobs().remove(0);
    stage.disk().take_away(&blob);
    for read in [stage.read("order", 0).await.map(drop), stage.load("order").await.map(drop)] {
        let Err(error @ ProviderError::Corrupt { .. }) = read else { panic!("{read:?}") };
        assert_eq!(
            error.to_string(),
            format!(
                "stored data is corrupt at the blob {blob} of turn 1 of execution 1 of instance order: it is \
                 missing"
            )
        );
    }
    assert_eq!(stage.read("order", 2).await.unwrap().turns.len(), 1, "the others can be read");
}

#[tokio::test]
async fn a_blob_that_is_damaged_is_an_error_wherever_the_damage_is() {
    let stage = Stage::new().await;
    stage.append(vec![large("order", 0)]).await.unwrap();
    let blob = stage.blobs().remove(0);
    let whole = stage.disk().contents(&blob).unwrap();
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    let [end, middle] = [whole.len() - 1, whole.len() / 2];
    let damaged =
        [changed(0), changed(12), changed(middle), changed(end), whole[..end].to_vec(), vec![]];
    for bytes in damaged {
        stage.disk().put(&blob, &bytes);
        let Err(error @ ProviderError::Corrupt { .. }) = stage.read("order", 0).await else {
            panic!("it was read");
        };
        assert!(error.to_string().contains(&blob), "{error}");
        assert!(error.to_string().contains("instance order"), "{error}");
    }
    stage.disk().put(&blob, &whole);
    assert!(stage.read("order", 0).await.is_ok());
}

#[tokio::test]
async fn a_blob_of_another_turn_is_not_taken_for_that_of_this_one() {
    let stage = Stage::new().await;
    stage.append(vec![large("a", 0)]).await.unwrap();
    let of_a = stage.blobs().remove(0);
    stage.append(vec![large("b", 0)]).await.unwrap();
    let of_b = stage.blobs().into_iter().find(|blob| *blob != of_a).unwrap();
    let moved = stage.disk().contents(&of_b).unwrap();
    stage.disk().put(&of_a, &moved);
    assert!(matches!(stage.read("a", 0).await, Err(ProviderError::Corrupt { .. })));
}

#[tokio::test]
async fn a_page_ends_once_enough_of_it_came_out_of_blobs() {
    let stage = Stage::new().await;
    let half = LARGE_TURNS_PAGE_BYTES / 2;
    for number in 0..3 {
        stage.append(vec![turn("a", number, half)]).await.unwrap();
    }
    stage.append(vec![small("a", 3)]).await.unwrap();
    let page = stage.read("a", 0).await.unwrap();
    assert_eq!((page.turns.len(), page.next), (2, Some(2)));
    let page = stage.read("a", 2).await.unwrap();
    assert_eq!((page.turns.len(), page.next), (2, None));
    let loaded = stage.load("a").await.unwrap().unwrap();
    assert_eq!((loaded.turns.turns.len(), loaded.turns.next), (2, Some(2)));
}

#[tokio::test]
async fn an_owner_removes_what_earlier_ones_have_left_and_nothing_that_is_needed() {
    let stage = Stage::new().await;
    stage.append(vec![large("a", 0), large("b", 0), small("c", 0)]).await.unwrap();
    let needed = stage.blobs();
    // Of a turn that was never appended, of an instance that was never there, and of one that was not finished.
    let left = ["a.1.1.1.", "nobody.1.0.1.", "b.1.0.1.", "c.1.0.1."]
        .map(|name| format!("{name}{:032x}", 7));
    for name in &left {
        stage.disk().put(name, b"anything");
    }
    stage.disk().put(&format!("d.1.0.1.{:032x}.new", 8), b"any");
    stage.disk().put("README", b"a note that somebody has left");
    let stage = stage.next_owner().await;
    let mut expected = needed;
    expected.push("README".to_owned());
    expected.sort();
    assert_eq!(stage.blobs(), expected);
    assert_eq!(stage.history("a", ExecutionId::FIRST).await, [large("a", 0).bytes]);
}

#[tokio::test]
async fn a_look_names_what_is_left_over_and_nothing_that_is_needed() {
    let stage = Stage::new().await;
    let long = "Ä".repeat(100);
    stage.append(vec![large("a", 0), large("b", 0), large(&long, 0)]).await.unwrap();
    assert_eq!(stage.check().await, [""; 0]);
    let name = |of: &str| format!("{of}.1.{:032x}", 7);
    let (never, other) = (name("a.1.1"), name("b.1.0"));
    let unfinished = format!("{}.new", name("d.1.0"));
    for name in [&never, &other, &unfinished] {
        stage.disk().put(name, b"anything");
    }
    let place = "the large turns of shard 0";
    let left = format!(
        "info: {place}: no turn refers to 3 blobs ({never}, {other}, {unfinished}); the next host that takes the shard \
         removes what is left over"
    );
    assert_eq!(stage.check().await, [&*left]);
    stage.disk().put(&name("~.1.0"), b"no head");
    stage.disk().put("README", b"a note that somebody has left");
    let all = stage.check().await;
    assert_eq!(all.len(), 3, "{all:#?}");
    assert_eq!(all[0], left);
    assert!(all[1].starts_with(&format!("warning: {place}: nobody knows whose")), "{all:#?}");
    assert!(all[1].contains(&name("~.1.0")), "{all:#?}");
    assert!(all[2].starts_with(&format!("info: {place}: no host has written 1 blob (README)")));
    let names = stage.blobs();
    stage.check().await;
    assert_eq!(stage.blobs(), names, "a look changes nothing");
}

#[tokio::test]
async fn an_owner_that_was_superseded_removes_nothing_of_its_successor() {
    let stage = Stage::new().await;
    let Epoch(epoch) = stage.lease().epoch;
    // The successor is about to append its turn.
    let name = format!("a.1.0.{}.{:032x}", epoch + 1, 7);
    stage.disk().put(&name, b"anything");
    stage.recover().await;
    assert_eq!(stage.blobs(), [name]);
}

#[tokio::test]
async fn the_blobs_of_instances_whose_ids_are_too_long_for_a_name_are_removed_as_well() {
    let stage = Stage::new().await;
    let [gone, stays] = ["Ä", "Ö"].map(|text| text.repeat(100));
    stage.append(vec![last(large(&gone, 0)), large(&stays, 0)]).await.unwrap();
    let stage = stage.next_owner().await;
    assert_eq!(stage.blobs().len(), 2);
    stage.purge(&gone).await;
    assert_eq!(stage.blobs().len(), 1);
    assert_eq!(stage.history(&stays, ExecutionId::FIRST).await, [large(&stays, 0).bytes]);
}

#[tokio::test]
async fn a_purge_after_a_restart_removes_what_was_written_before_it() {
    let stage = Stage::new().await;
    stage.append(vec![last(large("gone", 0))]).await.unwrap();
    let stage = stage.next_owner().await;
    stage.purge("gone").await;
    assert_eq!(stage.blobs(), [""; 0]);
}

#[tokio::test]
async fn a_place_that_cannot_be_listed_keeps_no_shard_from_its_owner() {
    let stage = Stage::new().await;
    stage.append(vec![large("a", 0)]).await.unwrap();
    let (error, effect) = (ErrorKind::PermissionDenied, Effect::Nothing);
    stage.disk().fail(Fault { op: Op::List, at: 0, forever: true, error, effect });
    let stage = stage.next_owner().await;
    assert_eq!(stage.history("a", ExecutionId::FIRST).await, [large("a", 0).bytes]);
}
