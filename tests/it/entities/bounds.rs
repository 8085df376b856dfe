//! The log of an entity stays short, and what it keeps is bounded.

use crate::kit::{Faulty, HOUR, guard, store};
use reenact::prelude::*;
use reenact::{InstanceState, limits};

use super::{ada, host_on};

#[tokio::test]
async fn the_log_stays_short_and_the_state_stays() {
    let host = host_on(store().0).await;
    let many = limits::ENTITY_SNAPSHOT_OPERATIONS as u64 * 3;
    for n in 1..=many {
        let answer = guard(ada(&host).deposit(1).key(format!("k-{n}"))).await;
        assert_eq!(answer.unwrap(), n);
    }
    let status = guard(host.get_status("@account@ada")).await.unwrap();
    assert!(status.execution.0 >= 3, "{}", status.execution);
    assert!(status.history_length < 6 * many / 3, "{}", status.history_length);
    let again = ada(&host).deposit(1).key(format!("k-{many}"));
    assert_eq!(guard(again).await.unwrap(), many, "the newest answers are kept");
    assert_eq!(guard(ada(&host).state()).await.unwrap().unwrap().cents, many);
}

#[tokio::test]
async fn a_call_reads_nothing_of_the_log_for_its_answer() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    let read = faulty.turns_read();
    for cents in 2..=20 {
        assert_eq!(guard(ada(&host).deposit(1)).await.unwrap(), cents);
    }
    assert_eq!(faulty.turns_read(), read);
}

#[tokio::test]
async fn large_states_make_the_log_no_longer_than_its_limit() {
    let host = host_on(store().0).await;
    for bytes in 1..=60 {
        guard(ada(&host).fill(100 * 1024 + bytes)).await.unwrap();
    }
    let status = guard(host.get_status("@account@ada")).await.unwrap();
    assert!(status.execution.0 >= 3, "{}", status.execution);
    assert_eq!(guard(ada(&host).state()).await.unwrap().unwrap().notes[0].len(), 100 * 1024 + 60);
}

#[tokio::test]
async fn a_state_may_have_nearly_as_many_bytes_as_a_payload() {
    let (memory, _) = store();
    let host = host_on(memory.clone()).await;
    let most = limits::MAX_ENTITY_STATE_BYTES - 100;
    for _ in 0..4 {
        guard(ada(&host).fill(most)).await.unwrap();
        guard(ada(&host).deposit(1)).await.unwrap();
    }
    guard(host.abort()).await;
    let host = host_on(memory).await;
    let state = guard(ada(&host).state()).await.unwrap().unwrap();
    assert_eq!((state.notes[0].len(), guard(ada(&host).balance()).await.unwrap()), (most, 4));
}

#[tokio::test]
async fn a_backlog_of_large_states_is_done_in_turns_that_a_store_takes() {
    let host = host_on(store().0).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    guard(host.suspend("@account@ada", "wait")).await.unwrap();
    for bytes in 1..=400 {
        guard(ada(&host).signal().fill(100 * 1024 + bytes)).await.unwrap();
    }
    guard(host.resume("@account@ada")).await.unwrap();
    assert_eq!(guard(ada(&host).deposit(1)).await.unwrap(), 2);
    assert_eq!(guard(ada(&host).state()).await.unwrap().unwrap().notes[0].len(), 100 * 1024 + 400);
}

#[tokio::test]
async fn a_signal_for_later_is_done_when_its_time_has_come() {
    let (memory, clock) = store();
    let host = host_on(memory.clone()).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    guard(ada(&host).signal().after(HOUR * 2).deposit(20)).await.unwrap();
    guard(ada(&host).signal().after(HOUR).deposit(10)).await.unwrap();
    guard(ada(&host).signal().after(Duration::ZERO).deposit(1)).await.unwrap();
    let past = reenact::Timestamp::from_micros(0);
    guard(ada(&host).signal().at(past).deposit(1)).await.unwrap();
    assert_eq!(guard(ada(&host).balance()).await.unwrap(), 3);
    // They stay when the entity continues as new, and when the host crashes.
    for _ in 0..limits::ENTITY_SNAPSHOT_OPERATIONS {
        guard(ada(&host).balance()).await.unwrap();
    }
    assert!(guard(host.get_status("@account@ada")).await.unwrap().execution.0 > 1);
    guard(host.abort()).await;
    let host = host_on(memory).await;
    assert_eq!(guard(ada(&host).balance()).await.unwrap(), 3);
    for cents in [13, 33] {
        clock.advance(HOUR);
        guard(async { while ada(&host).balance().await.unwrap() != cents {} }).await;
    }
}

#[tokio::test]
async fn more_signals_for_later_than_the_limit_are_not_kept() {
    let host = host_on(store().0).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    let all = (0..limits::MAX_LATER_SIGNALS + 10)
        .map(|_| ada(&host).signal().after(HOUR).deposit(1).into_future());
    guard(futures::future::try_join_all(all)).await.unwrap();
    guard(ada(&host).balance()).await.unwrap();
    let view = guard(host.view("@account@ada")).await.unwrap();
    assert_eq!(view.execution.timers.items.len(), 1, "one timer for all of them");
    assert_eq!(guard(host.get_status("@account@ada")).await.unwrap().state, InstanceState::Running);
    let too_far = limits::MAX_TIMER + HOUR;
    guard(ada(&host).signal().after(too_far).deposit(1)).await.unwrap();
    assert_eq!(guard(ada(&host).deposit(1)).await.unwrap(), 2, "it goes on");
}
