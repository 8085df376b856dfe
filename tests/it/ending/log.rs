//! What a host says when it ends.

use std::time::Duration;

use reenact::InMemory;

use super::scene::{Scratch, echo, has_children, host, waits, works};
use crate::kit::{Complaints, Gate, guard, options};

/// Everything runs on this thread, so that the complaints of other tests are not heard.
#[tokio::test(flavor = "current_thread")]
async fn a_graceful_end_is_silent() {
    let heard = Complaints::default();
    let _listening = heard.listen();
    for round in 0..60 {
        let gate = Gate::open();
        let builder = match round % 3 {
            0 => host(InMemory::new(), &gate),
            1 => host(InMemory::new().shared(), &gate),
            _ => host(InMemory::new().with_shards(8), &gate),
        };
        let host = builder.start().await.unwrap();
        if round % 2 == 0 {
            assert_eq!(guard(host.start_new(echo, 1).await.unwrap().result()).await.unwrap(), 1);
        }
        if round % 5 != 0 {
            host.start_new(waits, ()).await.unwrap();
            host.start_new(works, ()).await.unwrap();
            host.start_new(has_children, ()).await.unwrap();
        }
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        guard(host.shutdown()).await.unwrap();
    }
    assert_eq!(heard.all(), Vec::<String>::new());
}

#[tokio::test(flavor = "current_thread")]
async fn a_graceful_end_on_a_disk_is_silent() {
    let heard = Complaints::default();
    let _listening = heard.listen();
    let scratch = Scratch::new();
    for _ in 0..5 {
        let host = host(scratch.open().unwrap(), &Gate::open()).start().await.unwrap();
        host.start_new(waits, ()).await.unwrap();
        host.start_new(has_children, ()).await.unwrap();
        guard(host.shutdown()).await.unwrap();
    }
    assert_eq!(heard.all(), Vec::<String>::new());
}

#[tokio::test(flavor = "current_thread")]
async fn activities_past_the_deadline_are_worth_a_warning_and_nothing_else_is() {
    let heard = Complaints::default();
    let _listening = heard.listen();
    let gate = Gate::closed();
    let hasty = options().shutdown_deadline(Duration::ZERO);
    let host = host(InMemory::new(), &gate).options(hasty).start().await.unwrap();
    host.start_new(works, ()).await.unwrap();
    gate.until_came(1).await;
    guard(host.shutdown()).await.unwrap();
    let heard = heard.all();
    assert!(matches!(&heard[..], [one] if one.contains("shutdown deadline")), "{heard:?}");
}
